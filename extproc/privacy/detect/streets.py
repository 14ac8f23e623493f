"""Streets with their numbers, as ten languages write them. Places without a street are not known.

Lists of words are the author's, the English ones after USPS Publication 28, appendix C1 (from memory, 2026-11-21), all
without accents (`normalise`); `\\xff` is a letter of another script.
"""

from extproc.privacy.detect.entity import Entity
from extproc.privacy.detect.rule import Rule

_NAME = r"[A-Z\xff][A-Za-z\xff'.-]{0,30}"
_WORD = r"[A-Za-z\xff][A-Za-z\xff'.-]{0,30}"
_OF = r"(?:(?:de|du|des|da|do|das|dos|del|della|delle|dei|degli|di|la|le|les|las|los|l'|d'|e|y|et|en|sur) )*"
_NAMES = rf"{_OF}{_NAME}(?: {_OF}{_NAME}){{0,3}}"
_FLAT = r"(?:,? (?i:apt|apartment|suite|ste|unit|flat|floor|fl|#)\.? ?#?\w{1,6})?"

_ENGLISH = (
    "Street|St|Avenue|Ave|Road|Rd|Boulevard|Blvd|Lane|Ln|Drive|Dr|Court|Ct|Circle|Cir|Place|Pl|Square|Sq|Terrace|Ter"
    "|Parkway|Pkwy|Highway|Hwy|Way|Trail|Trl|Alley|Aly|Crescent|Cres|Close|Mews|Gardens|Grove|Turnpike|Crossing"
)
_ENGLISH_RARE = (
    "Row|Walk|Hill|Heights|Plaza|Path|Pike|Loop|Run|Ridge|Point|Pass|Cove|Creek|Bridge|Branch|Bypass|Causeway|Center"
    "|Cliff|Club|Common|Corner|Course|Dale|Dam|Divide|Estate|Expressway|Extension|Fall|Ferry|Field|Flat|Ford|Forest"
    "|Forge|Fork|Fort|Freeway|Garden|Gateway|Glen|Green|Harbor|Haven|Hollow|Inlet|Island|Isle|Junction|Key|Knoll|Lake"
    "|Land|Landing|Light|Lock|Lodge|Manor|Meadow|Mill|Mission|Motorway|Mount|Mountain|Neck|Orchard|Oval|Overpass|Park"
    "|Passage|Pine|Plain|Port|Prairie|Radial|Ramp|Ranch|Rapid|Rest|River|Route|Shoal|Shore|Skyway|Spring|Spur|Station"
    "|Stravenue|Stream|Summit|Throughway|Trace|Track|Trafficway|Tunnel|Underpass|Union|Valley|Via|Viaduct|View|Village"
    "|Ville|Vista|Wall|Well"
)
"""Words that count other things too (`10 Key Points`): only after a number that nobody counts to."""

_GERMANIC = (
    r"[Ss]tra(?:ss|s)e|[Ss]tr\.|[Ww]eg|[Aa]llee|[Pp]latz|[Gg]asse|[Rr]ing|[Dd]amm|[Uu]fer|[Cc]haussee|[Ss]teig"
    r"|[Ss]traat|[Ll]aan|[Pp]lein|[Gg]racht|[Kk]ade|[Dd]ijk|[Ss]ingel|[Hh]of|[Bb]aan|[Ss]teeg|[Dd]reef|[Pp]ad"
    r"|[Bb]oulevard|[Gg]atan|[Vv]agen|[Gg]rand|[Ss]tigen|[Tt]orget|[Gg]ata|[Vv]ag|[Gg]ade|[Vv]ej|[Vv]eien|[Aa]llen"
    r"|[Ss]tig"
)
_FRENCH = r"rue|avenue|av\.|boulevard|bd|chemin|impasse|quai|faubourg"
_FRENCH_RARE = r"place|allees?|cours|route|square|passage|sentier"
_ROMANCE_AND_POLISH = (
    r"calle|c/|avenida|avda\.?|av\.|plaza|pza\.?|paseo|ronda|canada|camino|carretera|pasaje|pasadizo|glorieta|acceso|cuesta"
    r"|alameda|urbanizacion|vial|callejon|rambla|travesia|via|viale|piazza|piazzale|piazzetta|corso|largo|vicolo|strada"
    r"|stretto|contrada|borgo|incrocio|rotonda|canale|rua|travessa|praca|estrada|rodovia|beco|viela|patio|jardim"
    r"|aeroporto|area|campo|chacara|colonia|condominio|conjunto|distrito|esplanada|estacao|favela|fazenda|feira"
    r"|ladeira|praia|lago|lagoa|loteamento|morro|nucleo|parque|passarela|quadra|recanto|residencial|setor|sitio|trecho|trevo"
    r"|vale|vereda|viaduto|vila|ulica|ul\.|aleja|aleje|al\.|plac|pl\.|os\.|osiedle"
)
_ALONE = (
    r"rue|avenue|boulevard|chemin|impasse|allee|[Rr]ua|[Tt]ravessa|[Aa]venida|[Ll]adeira|[Rr]odovia|[Cc]alle|[Pp]aseo"
    r"|ul\.|ulica"
)
"""Words that nearly always begin a street's name, so that the number may be left out."""


def _street(expression: str, hint: str) -> Rule:
    return Rule(Entity.STREET_ADDRESS, expression, hint)


def _english(number: str, suffixes: str) -> Rule:
    """Number, name, word for street."""
    return _street(
        rf"\b{number}(?: ?[A-Za-z]\b)? (?:[NSEW]\.? |North |South |East |West )?"
        rf"(?:{_NAME} |\d{{1,3}}(?:st|nd|rd|th) ){{1,3}}(?:{suffixes})\b\.?{_FLAT}",
        r"\d[A-Za-z]? [A-Z0-9\xff]",
    )


STREETS: tuple[Rule, ...] = (
    _english(r"\d{1,5}", f"(?:{_ENGLISH})s?"),
    _english(r"\d{3,5}", f"(?:{_ENGLISH_RARE})s?"),
    # British flats: number of the flat, name, word for street
    _street(
        rf"(?i:\b(?:flat|studio|unit|apartment|apt|suite)\.?) \d{{1,4}}[A-Za-z]?,\s(?:{_NAME} ){{1,3}}"
        rf"(?:{_ENGLISH}|(?:{_ENGLISH_RARE})s?)\b",
        r"(?i)\b(?:flat|studio|unit|apartment|apt|suite)\.? \d",
    ),
    # German, Dutch, Swedish, Danish, Norwegian: the word for street at the name's end, number
    _street(
        rf"\b[A-Z\xff][A-Za-z\xff.-]{{1,30}}(?: [A-Z][a-z]{{2,20}}){{0,2}}[ -]?(?:{_GERMANIC})"
        r" ?\d{1,4}(?:[ /-]?[a-zA-Z0-9]{1,4}\b)?",
        r"[a-zA-Z.] ?\d",
    ),
    # French: number, word for street, name
    _street(
        rf"(?i:\b\d{{1,4}}(?: ?(?:bis|ter|quater))?,? (?:{_FRENCH}) {_OF}{_WORD})(?: {_OF}{_NAME}){{0,3}}",
        r"(?i)[0-9rs],? [a-z]",
    ),
    _street(rf"(?i:\b\d{{1,4}}(?: ?(?:bis|ter|quater))?,? (?:{_FRENCH_RARE})) {_NAMES}", r"(?i)[0-9rs],? [a-z]"),
    # French, Spanish, Portuguese, Polish: word for street, name
    _street(
        rf"\b(?:{_ALONE}) {_NAMES}",
        rf"\b(?:{_ALONE}) ",
    ),
    # Spanish, Portuguese, Italian, Polish: word for street, name, number
    _street(
        rf"\b(?i:{_ROMANCE_AND_POLISH}) ?{_NAMES},? (?:n[o.]{{0,2}}\.? ?)?\d{{1,5}}"
        r"(?:[/-]\d{1,4}|[a-zA-Z]\b)?",
        r"[a-zA-Z\xff.],? (?:[Nn][^ ]{0,3} ?)?\d",
    ),
)
