"""What is known by its shape: addresses of mail and networks; dates and numbers that words announce.

Expressions see text without accents (`normalise`); `\\xff` is a letter of another script.
"""

import ipaddress
from collections.abc import Callable

from extproc.privacy.detect import checksums, crypto
from extproc.privacy.detect.entity import Entity
from extproc.privacy.detect.rule import Rule
from extproc.privacy.detect.streets import STREETS

_MONTHS = (
    "jan(?:uary|uar|vier|uari)?|enero|gennaio|janeiro|stycznia|feb(?:ruary|ruar|ruari|brero)?|febrero|febbraio|fevrier"
    "|fevereiro|lutego|mar(?:ch|s|zo|co|ca)?|marz|maerz|maart|marca|apr(?:il|ile)?|avril|abril|kwietnia|may|mai|mayo"
    "|maggio|mei|maio|maja|maj|jun(?:e|i|io|ho)?|juin|giugno|czerwca|jul(?:y|i|io|ho)?|juillet|luglio|lipca"
    "|aug(?:ust|usti|ustus)?|aout|agosto|sierpnia|sep(?:t|tember|tembre|tiembre)?|settembre|setembro|wrzesnia"
    "|o[ck]t(?:ober|obre|ubre)?|ottobre|outubro|octobre|pazdziernika|nov(?:ember|embre|iembre|embro)?|listopada"
    "|de[cz](?:ember|embre|iembre|embro)?|dicembre|diciembre|decembre|grudnia"
)
_DATE = (
    r"\d{4}[./-]\d{1,2}[./-]\d{1,2}|\d{1,2}[./-] ?\d{1,2}[./-] ?(?:\d{4}|\d{2})"
    rf"|\d{{1,2}}(?:st|nd|rd|th|er|\.|o)?(?: of| de| den)? (?:{_MONTHS})\b\.?,?(?: de| del)? \d{{4}}"
    rf"|(?:{_MONTHS})\b\.? \d{{1,2}}(?:st|nd|rd|th)?,? \d{{4}}"
)
_BIRTH = (
    r"born|dob|d\.o\.b\.?|date of birth|birth ?date|birthday|birth|geboren|geb\.|geburtsdatum|geburtstag|nee?|naissance"
    r"|nacid[oa]|nacimiento|nacio|nat[oa]|nascit[ao]|geboortedatum|geboorte|geb|urodzenia|urodzon[ya]|urodzil\w*|ur\."
    r"|nascid[oa]|nascimento|nasceu|fodd|fodelsedatum|fodelsedag|fodt|fodselsdato|syntynyt|syntymaaika"
)
_GAP = r"(?:[ \t]{0,3}(?:[:=#|-]|is|was|on|in|am|den|le|el|il|op|est|es|em|e|dnia|der|vom|den|ist|ar|een|no|nr|number)"
_GAP += r"?[.:]?){0,3}[\s\"']{0,4}"

_ACCOUNT = (
    r"(?:bank )?(?:account|acct|acc)(?: ?(?:number|num|no|nr|#))?\.?|a/c(?: no)?\.?|routing(?: number| no)?"
    r"|aba(?: number)?|sort code|kontonummer|konto(?:-?nr)?\.?|bankleitzahl|blz|rekeningnummer|numero de compte"
    r"|compte bancaire|numero de cuenta|cuenta bancaria|numero di conto"
    r"|conto corrente|numer konta|numero da conta|conta corrente"
)
_PASSPORT = (
    r"passport(?: ?(?:number|num|no|nr|#))?\.?|reisepass(?:nummer|-?nr\.?)?|passnummer|ausweisnummer|passeport"
    r"|numero de passeport|pasaporte|passaporto|paspoort(?:nummer)?|paszport\w*|numer paszportu|passaporte|passnr"
)


def _announced(entity: Entity, words: str, value: str) -> Rule:
    """A value after the words that say what it is."""
    return Rule(entity, rf"(?i)\b(?:{words}){_GAP}({value})(?:\W|$)", rf"(?i)\b(?:{words})")


def _coin(expression: str, check: Callable[[str], bool], cost: float) -> Rule:
    return Rule(Entity.CRYPTO, expression, expression, lambda value, _: check(value), validated=True, cost=cost)


def _ipv4(value: str, before: str) -> bool:
    """Not a version, a section number, or an address that is nobody's."""
    return not _is_version(before) and value not in ("0.0.0.0", "127.0.0.1")  # noqa: S104


def _is_version(before: str) -> bool:
    """Whether what precedes speaks of a version or a section: `chapter 1.2.3.4`, `bump x to 1.2.3.4`, `x==1.2.3.4`."""
    words = before.lower().replace("\n", " ").rstrip(" .:").split(" ")[-5:]
    last = words[-1].strip("([\"'`")
    moved = last in ("from", "to") and not _VERSION_VERBS.isdisjoint(words)
    return moved or last in _VERSION_WORDS or last.endswith("==")


_VERSION_WORDS = frozenset(
    {
        *("v", "ver", "version", "versions", "versie", "versione", "versao", "wersja", "wersji", "release", "build"),
        *("rev", "revision", "chapter", "section", "clause", "figure", "table", "kapitel", "abschnitt", "chapitre"),
        *("capitulo", "capitolo", "hoofdstuk", "rozdzial"),
    }
)
_VERSION_VERBS = frozenset(
    {"bump", "bumped", "bumps", "upgrade", "upgraded", "update", "updated", "downgrade", "downgraded"}
)


def _ipv6(value: str, _: str) -> bool:
    try:
        address = ipaddress.IPv6Address(value)
    except ValueError:
        return False
    return not (address.is_loopback or address.is_unspecified) and sum(char != ":" for char in value) > 3


def _spaced_card(*groups: int) -> Rule:
    """The digits of a card with line ends or several spaces between the groups, and no other digits around them: of a
    column of numbers, some four would pass."""
    inner = r"\s{1,3}".join(rf"\d{{{size}}}" for size in groups)
    return Rule(
        Entity.CREDIT_CARD,
        rf"(?:^|[^\s\d])\s{{0,4}}\b({inner})\b(?:\s{{0,4}}[^\s\d]|\s{{0,4}}$)",
        inner,
        lambda value, _: checksums.card("".join(value.split())),
        validated=True,
        cost=6.0,
    )


PATTERNS: tuple[Rule, ...] = (
    _spaced_card(4, 4, 4, 4),
    _spaced_card(4, 6, 5),
    Rule(
        Entity.EMAIL_ADDRESS,
        r"[A-Za-z0-9\xff](?:[A-Za-z0-9\xff._%+'-]{0,62}[A-Za-z0-9\xff_+-])?@"
        r"(?:[A-Za-z0-9\xff](?:[A-Za-z0-9\xff-]{0,61}[A-Za-z0-9\xff])?\.){1,8}[A-Za-z\xff][A-Za-z0-9\xff-]{0,61}[A-Za-z\xff]",
        r"[^\s]@[^\s]",
    ),
    Rule(
        Entity.EMAIL_ADDRESS,
        r"(?i)\b[a-z0-9][a-z0-9._%+-]{0,63} ?(?:\[at\]|\(at\)|\{at\}| at ) ?[a-z0-9-]{1,63}"
        r"(?: ?(?:\[dot\]|\(dot\)|\{dot\}| dot ) ?[a-z0-9-]{1,63}){1,4}\b",
        r"(?i)\bdot\b",
    ),
    Rule(
        Entity.IP_ADDRESS,
        r"\b(?:(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)\.){3}(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)\b",
        r"\b\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3}\b",
        _ipv4,
        cost=3.0,
    ),
    Rule(
        Entity.IP_ADDRESS,
        r"(?i)(?:^|[^0-9a-z:.])((?:[0-9a-f]{1,4}:|::(?:[0-9a-f]{1,4}:)?)(?:[0-9a-f]{0,4}:){0,7}"
        r"(?:[0-9a-f]{1,4}|(?:\d{1,3}\.){3}\d{1,3}|:))",
        r"(?i)[0-9a-f]{0,4}:[0-9a-f]{0,4}:[0-9a-f:]",
        _ipv6,
        validated=True,
        cost=8.0,
    ),
    Rule(
        Entity.MAC_ADDRESS,
        r"(?i)\b(?:[0-9a-f]{2}(?::[0-9a-f]{2}){5}|[0-9a-f]{2}(?:-[0-9a-f]{2}){5}|[0-9a-f]{4}(?:\.[0-9a-f]{4}){2})\b",
        r"(?i)\b(?:[0-9a-f]{2}[:-]){3}|\b[0-9a-f]{4}\.[0-9a-f]{4}\.",
    ),
    _coin(r"\b[13][1-9A-HJ-NP-Za-km-z]{25,34}\b", crypto.base58check, 10.0),
    _coin(r"(?i)\bbc1[02-9ac-hj-np-z]{11,71}\b", crypto.bech32, 60.0),
    _coin(r"\b0x[0-9a-fA-F]{40}\b", crypto.ethereum, 700.0),
    _announced(Entity.DATE_OF_BIRTH, _BIRTH, _DATE),
    _announced(Entity.BANK_ACCOUNT, _ACCOUNT, r"\d(?:[ -]?\d){5,16}"),
    _announced(Entity.PASSPORT, _PASSPORT, r"[A-Z]{0,3} ?\d{5,9}[A-Z]?\d?|[A-Z0-9]{0,3}\d[A-Z0-9]{5,8}"),
    *STREETS,
)
