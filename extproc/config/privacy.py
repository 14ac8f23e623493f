"""What is done about personal data and secrets: the section `privacy`, validated and frozen."""

from dataclasses import dataclass, field
from enum import StrEnum

from extproc.config.limits import Mode
from extproc.config.secret import Secret
from extproc.config.service import OnFailure


class EntityAction(StrEnum):
    """What becomes of a detected value. Those of `REPLACE` and `SURROGATE` are restored in the answer."""

    OBSERVE = "observe"  # counted only
    MASK = "mask"
    HASH = "hash"
    REPLACE = "replace"  # by a placeholder
    SURROGATE = "surrogate"  # by a plausible value of the same form
    BLOCK = "block"  # the request is refused


class Encoding(StrEnum):
    """What detection decodes to look inside."""

    BASE64 = "base64"
    URL = "url"


class Unreadable(StrEnum):
    """What becomes of a request whose body is no JSON, so that nothing can be found in it."""

    REFUSE = "refuse"
    ALLOW = "allow"


class SecretRules(StrEnum):
    """Whose rules say what a secret is."""

    BUILT_IN = "built-in"
    KINGFISHER = "kingfisher"  # and those of that package, for some hundred providers


@dataclass(frozen=True, slots=True)
class EntityPattern:
    """What `regex` (RE2) matches is a `name`; with `context`, only near one of these words."""

    name: str
    regex: str
    context: tuple[str, ...] = ()
    case_sensitive: bool = True


@dataclass(frozen=True, slots=True)
class EntityWords:
    """Each of `words` is a `name`."""

    name: str
    words: tuple[str, ...] = field(repr=False)
    case_sensitive: bool = False


@dataclass(frozen=True, slots=True)
class PresidioEngine:
    """Presidio in the worker itself, for texts in `language` (ISO 639-1).

    `model` is a spaCy pipeline, a package's name or an absolute path; without one Presidio has its patterns only.
    """

    language: str
    model: str | None = None


@dataclass(frozen=True, slots=True)
class AnalyzerService:
    """Has the API of Presidio's analyzer under `url`."""

    url: str
    language: str
    credential: Secret | None = None


@dataclass(frozen=True, slots=True)
class EntityRecogniser:
    """A model that finds `entities`; what it is less sure of than `least_score` does not count.

    It may take `timeout_ms` for all texts of a request, and is asked about no more than `most_characters` of it.
    `on_failure` says what becomes of the request otherwise.
    """

    name: str
    engine: PresidioEngine | AnalyzerService
    entities: tuple[str, ...]
    least_score: float = 0.5
    timeout_ms: int = 1000
    most_characters: int = 200_000
    on_failure: OnFailure = OnFailure.DENY


@dataclass(frozen=True, slots=True)
class PrivacyPolicy:
    """`entities` are all that is detected, each once, with what becomes of it; groups are filled in.

    `allow` are values by entity that are never detected, `*` in them stands for any text. `restore`: the caller gets
    back what can be restored. `keep_seconds`: how long a conversation's mapping outlives its exchange.
    """

    name: str
    entities: tuple[tuple[str, EntityAction], ...]
    allow: tuple[tuple[str, tuple[str, ...]], ...] = field(default=(), repr=False)
    decode: frozenset[Encoding] = frozenset()
    mode: Mode = Mode.ENFORCE
    restore: bool = True
    unreadable: Unreadable = Unreadable.REFUSE
    keep_seconds: int = 0


@dataclass(frozen=True, slots=True)
class PrivacyRule:
    """For whose requests a policy counts: those of one of `teams`, one of `keys` (where any are named), for one of
    `models`."""

    policy: str
    teams: tuple[str, ...] = ()
    keys: tuple[str, ...] = ()
    models: tuple[str, ...] = ("*",)


@dataclass(frozen=True, slots=True)
class Privacy:
    """The section. `key` has at least 32 bytes, and the key of each tenant is made from it; the first of `rules` that
    matches says which policy counts. `max_characters` is how much text of one request is searched."""

    key: bytes = field(repr=False)
    policies: tuple[PrivacyPolicy, ...]
    rules: tuple[PrivacyRule, ...]
    phone_regions: tuple[str, ...] = ()
    patterns: tuple[EntityPattern, ...] = ()
    words: tuple[EntityWords, ...] = ()
    max_characters: int = 8 << 20
    secret_rules: SecretRules = SecretRules.BUILT_IN
    recognisers: tuple[EntityRecogniser, ...] = ()
