"""The shape of `gateway.yaml`: what is done about personal data and secrets."""

from typing import Annotated, ClassVar

from msgspec import Meta, field

from extproc.config.document import Label, Lifetime, Models, Name, SecretSource, Section
from extproc.config.document_service import Score, ServiceUrl
from extproc.config.limits import Mode
from extproc.config.privacy import Encoding, EntityAction, SecretRules, Unreadable
from extproc.config.service import OnFailure

PHONE_REGIONS = ("US", "GB", "DE", "FR", "ES", "IT", "NL", "PL", "BR", "SE")

EntityName = Annotated[
    str,
    Meta(
        pattern=r"^[A-Z][A-Z0-9_]{0,63}$",
        description="the name of an entity: 1 to 64 capitals, digits and '_' that begin with a capital",
    ),
]
EntityOrGroup = Annotated[
    str,
    Meta(pattern=r"^(all|[A-Z][A-Z0-9_]{0,63})$", description="the name of an entity, SECRET for all secrets, or all"),
]
Word = Annotated[str, Meta(min_length=1, max_length=256, description="1 to 256 characters")]
Regex = Annotated[
    str, Meta(min_length=1, max_length=4096, description="a regular expression of at most 4096 characters")
]
PhoneRegion = Annotated[
    str, Meta(pattern=r"^[A-Z]{2}$", description="a country by its ISO 3166 code of two capitals (US, GB)")
]
MostCharacters = Annotated[
    int, Meta(ge=1024, le=256 << 20, description="a number of characters from 1024 to 268435456")
]

Language = Annotated[
    str, Meta(pattern=r"^[a-z]{2}$", description="a language by its ISO 639-1 code of two letters (en, de)")
]
SpacyModel = Annotated[
    str,
    Meta(
        pattern=r"^([A-Za-z][A-Za-z0-9_]{0,127}|/[!-~]{1,1024})$",
        description="the name of an installed spaCy pipeline (en_core_web_lg) or an absolute path",
    ),
]
RecogniserMilliseconds = Annotated[int, Meta(ge=10, le=2000, description="a number of milliseconds from 10 to 2000")]
RecogniserCharacters = Annotated[
    int, Meta(ge=1024, le=8 << 20, description="a number of characters from 1024 to 8388608")
]


class PatternEntry(Section, frozen=True):
    """What `regex` (RE2's syntax) matches is a `name`. With `context`, only near one of these words, in any case."""

    name: EntityName
    regex: Regex
    context: tuple[Word, ...] = ()
    case_sensitive: bool = True


class WordsEntry(Section, frozen=True):
    """Each of `words`, where it stands alone, is a `name`."""

    name: EntityName
    words: Annotated[
        tuple[Word, ...], Meta(min_length=1, max_length=10_000, description="a list of 1 to 10000 words or phrases")
    ]
    case_sensitive: bool = False


class PresidioEntry(Section, frozen=True):
    """Presidio in the worker, for one `language`. Without a `model` it has its patterns only."""

    language: Language = "en"
    model: SpacyModel | None = None


class AnalyzerEntry(Section, frozen=True):
    """A service with the API of Presidio's analyzer under `url`; `credential` is sent as a bearer token."""

    url: ServiceUrl
    language: Language = "en"
    credential: SecretSource | None = None


class RecogniserEntry(Section, frozen=True):
    """A model that finds `entities` which have no pattern, such as names; policies may name them then.

    A request waits for it at most `timeout_ms`. If it fails, or the request has more than `most_characters` of text,
    `on_failure` says whether the request is refused or goes on with what else was found.
    """

    exactly_one: ClassVar[tuple[str, ...]] = ("presidio", "service")

    name: Name
    entities: Annotated[
        tuple[EntityName, ...], Meta(min_length=1, max_length=100, description="a list of 1 to 100 entities")
    ]
    presidio: PresidioEntry | None = None
    service: AnalyzerEntry | None = None
    least_score: Score = 0.5
    timeout_ms: RecogniserMilliseconds = 1000
    most_characters: RecogniserCharacters = 200_000
    on_failure: OnFailure = OnFailure.DENY


class PrivacyPolicyEntry(Section, frozen=True):
    """What is detected and what becomes of it.

    `entities` may have `all` and `SECRET` as a base; the more special name counts. `allow` are values that are never
    detected, `*` in them for any text. `mode: shadow` changes nothing and refuses nothing. With `keep_mapping`, what
    the provider says of a conversation's earlier turns is restored for that long.
    """

    name: Name
    entities: dict[EntityOrGroup, EntityAction]
    allow: dict[EntityName, tuple[Word, ...]] = field(default_factory=dict)
    decode: tuple[Encoding, ...] = ()
    mode: Mode = Mode.ENFORCE
    restore: bool = True
    unreadable: Unreadable = Unreadable.REFUSE
    keep_mapping: Lifetime | None = None


class PrivacyRuleEntry(Section, frozen=True):
    """Whose requests a policy is for; what is left out is not asked. The first entry that matches counts."""

    policy: Name
    teams: tuple[Label, ...] = ()
    keys: tuple[Label, ...] = ()
    models: Models = ("*",)


Policies = Annotated[
    tuple[PrivacyPolicyEntry, ...], Meta(min_length=1, max_length=100, description="a list of 1 to 100 policies")
]
PrivacyRules = Annotated[
    tuple[PrivacyRuleEntry, ...], Meta(max_length=1000, description="a list of at most 1000 entries")
]
Patterns = Annotated[tuple[PatternEntry, ...], Meta(max_length=100, description="a list of at most 100 patterns")]
WordLists = Annotated[tuple[WordsEntry, ...], Meta(max_length=100, description="a list of at most 100 word lists")]

Recognisers = Annotated[tuple[RecogniserEntry, ...], Meta(max_length=8, description="a list of at most 8 recognisers")]


class PrivacySection(Section, frozen=True):
    """Personal data and secrets: found in requests, replaced before they leave, restored in what comes back.

    `key` is at least 32 random bytes in hex or base64; the placeholders of each tenant are made with it.
    """

    key: SecretSource
    policies: Policies
    apply: PrivacyRules = ()
    phone_regions: tuple[PhoneRegion, ...] = PHONE_REGIONS
    patterns: Patterns = ()
    words: WordLists = ()
    max_characters: MostCharacters = 8 << 20
    secret_rules: SecretRules = SecretRules.BUILT_IN
    recognisers: Recognisers = ()
