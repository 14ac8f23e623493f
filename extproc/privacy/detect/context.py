"""Words that say what a number is. Lower case, without accents, as `normalise` leaves them; a pattern each."""

import re2

from extproc.privacy.detect.entity import Entity
from extproc.privacy.detect.separator import before_first, behind_last

BEFORE = 60
"""Characters before a candidate in which a word counts for it."""
AFTER = 24

WORDS: dict[Entity, str] = {
    Entity.US_SSN: r"ssn|social security|soc\.? sec",
    Entity.US_ITIN: r"itin|taxpayer id|individual taxpayer",
    Entity.UK_NHS: r"nhs|national health",
    Entity.UK_NINO: r"nino|ni n(?:umber|o)|national insurance",
    Entity.DE_TAX_ID: r"steuer-?id\w*|steuer-?(?:identifikations)?nummer|idnr|tin|tax id\w*",
    Entity.FR_NIR: r"nir|securite sociale|insee|secu",
    Entity.ES_NIF: r"dni|nif|documento nacional",
    Entity.ES_NIE: r"nie|identidad de extranjero",
    Entity.IT_FISCAL_CODE: r"codice fiscale|cod\.? fisc|c\.?f\.?",
    Entity.NL_BSN: r"bsn|burgerservicenummer|sofi(?:nummer)?",
    Entity.BE_NATIONAL_NUMBER: r"rijksregister\w*|registre national|numero national|nationaal nummer|insz|niss",
    Entity.PT_NIF: r"nif|contribuinte|numero fiscal|numero de identificacao fiscal",
    Entity.PL_PESEL: r"pesel\w*",
    Entity.SE_PERSONNUMMER: r"person-?nummer|personnr|pnr",
    Entity.FI_PERSONAL_IDENTITY_CODE: r"hetu|henkilotunnus|sotu",
    Entity.DK_CPR: r"cpr(?:-?n(?:umme)?r)?|personnummer",
    Entity.NO_FODSELSNUMMER: r"fodselsnummer|fodselsnr|fnr|personnummer",
    Entity.CH_AHV: r"ahv|avs|navs\w*|sozialversicherung\w*",
    Entity.AT_SVNR: r"svnr|sv-?nummer|sozialversicherung\w*|versicherungsnummer",
    Entity.IE_PPS: r"pps[n]?|personal public service",
    Entity.CZ_RC: r"rodne cislo|rodneho cisla|rc",
    Entity.RO_CNP: r"cnp|cod numeric personal",
    Entity.BG_EGN: r"egn",
    Entity.GR_AMKA: r"amka",
    Entity.HR_OIB: r"oib",
    Entity.EE_IK: r"isikukood|ik",
    Entity.IL_ID: r"teudat zehut|israeli id|id number",
    Entity.TR_TCKN: r"t\.?c\.? kimlik|tckn|tc no|kimlik",
    Entity.ZA_ID: r"rsa id|sa id|south african id|id number",
    Entity.BR_CPF: r"cpf|cadastro de pessoas",
    Entity.CL_RUT: r"rut|run|rol unico",
    Entity.AR_CUIT: r"cui[tl]",
    Entity.MX_CURP: r"curp",
    Entity.CA_SIN: r"sin|social insurance|numero d.assurance sociale|nas",
    Entity.AU_TFN: r"tfn|tax file",
    Entity.AU_MEDICARE: r"medicare",
    Entity.IN_AADHAAR: r"aadhaar|aadhar|uidai|uid",
    Entity.IN_PAN: r"pan|permanent account",
    Entity.CN_RIC: r"shenfenzheng|resident id\w*|id card",
    Entity.KR_RRN: r"rrn|resident registration|jumin",
    Entity.TH_PIN: r"thai id|national id|pin",
    Entity.CREDIT_CARD: r"card|visa|mastercard|amex|karte|kreditkarte|carte|tarjeta|carta|cartao|kaart|karta|kort",
    Entity.PHONE_NUMBER: (
        r"(?:phone|tel|mobil|mobiel|cell|fax|whatsapp|sms|handy|portable|movil|celular|komork|hotline|puhelin|nummer|call"
        r"|ring|reach|text|dial|contact|kontakt|joindre|appel|erreich|ruf|anruf|llam|chiam|bel|zadzwon|dzwon|lig)\w*"
    ),
}


class Context:
    """The words of one entity."""

    def __init__(self, entity: Entity) -> None:
        self.expression = pattern_of(WORDS[entity])
        options = re2.Options()
        options.encoding = re2.Options.Encoding.LATIN1
        options.never_capture = True
        self._search = re2.compile(self.expression, options).search

    def near(self, view: bytes, start: int, end: int) -> bool:
        """Whether one of the words is close to `view[start:end]`, in the same text."""
        before, after = behind_last(view[max(0, start - BEFORE) : start]), before_first(view[end : end + AFTER])
        return bool(self._search(before + b"\n") or self._search(after))


def pattern_of(words: str) -> bytes:
    """The words as whole words, in any case; an underscore is no letter (`user_ssn`)."""
    return rb"(?i)(?:^|[^a-z])(?:%b)(?:[^a-z]|$)" % words.encode("ascii")
