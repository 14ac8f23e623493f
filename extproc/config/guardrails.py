"""What may be asked of models and what they may answer: the section `guardrails`, validated and frozen."""

from dataclasses import dataclass, field
from enum import StrEnum

from extproc.config.limits import Mode
from extproc.config.privacy import Unreadable
from extproc.config.secret import Secret
from extproc.config.service import OnFailure


class Phase(StrEnum):
    REQUEST = "request"
    RESPONSE = "response"
    BOTH = "both"


class GuardrailAction(StrEnum):
    """`REDACT` puts `<name of the rule>` in place of what was found."""

    BLOCK = "block"
    REDACT = "redact"
    OBSERVE = "observe"


class Role(StrEnum):
    """Who wrote a text."""

    SYSTEM = "system"
    USER = "user"
    ASSISTANT = "assistant"
    TOOL = "tool"
    DEFINITION = "definition"


class Modality(StrEnum):
    IMAGE = "image"
    AUDIO = "audio"
    VIDEO = "video"
    FILE = "file"


@dataclass(frozen=True, slots=True)
class DeniedWords:
    denied: tuple[str, ...] = field(repr=False)
    allowed: tuple[str, ...] = field(default=(), repr=False)


@dataclass(frozen=True, slots=True)
class DeniedPattern:
    """`length` is how long a match may be to be found in a stream, in characters."""

    regex: str
    case_sensitive: bool
    length: int


@dataclass(frozen=True, slots=True)
class NoInjection:
    threshold: float
    roles: tuple[Role, ...]


@dataclass(frozen=True, slots=True)
class NoSecrets:
    """No credentials, of whatever kind is known."""


@dataclass(frozen=True, slots=True)
class DeniedTopic:
    keywords: tuple[tuple[str, float], ...] = field(repr=False)
    threshold: float


@dataclass(frozen=True, slots=True)
class AnswerSchema:
    """`schema` is JSON; None: what the request asks for."""

    schema: str | None


@dataclass(frozen=True, slots=True)
class AllowedTools:
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class MostSize:
    messages: int | None
    characters: int | None
    images: int | None
    tools: int | None


@dataclass(frozen=True, slots=True)
class AllowedModalities:
    modalities: tuple[Modality, ...]


@dataclass(frozen=True, slots=True)
class ModerationService:
    """Has OpenAI's moderations API under `url`."""

    url: str
    credential: Secret | None
    model: str
    timeout_ms: int
    thresholds: tuple[tuple[str, float], ...]
    only_thresholds: bool


@dataclass(frozen=True, slots=True)
class WebhookService:
    url: str
    secret: Secret | None
    timeout_ms: int


Service = ModerationService | WebhookService
Check = (
    DeniedWords
    | DeniedPattern
    | NoInjection
    | NoSecrets
    | DeniedTopic
    | AnswerSchema
    | AllowedTools
    | MostSize
    | AllowedModalities
    | Service
)


@dataclass(frozen=True, slots=True)
class Guardrail:
    """One rule. `on_failure` is of services."""

    name: str
    check: Check
    phase: Phase
    action: GuardrailAction = GuardrailAction.BLOCK
    mode: Mode = Mode.ENFORCE
    on_failure: OnFailure = OnFailure.DENY


@dataclass(frozen=True, slots=True)
class GuardrailUse:
    """For whose requests rules count: as `privacy.PrivacyRule`. `unreadable` is for bodies that are no JSON.

    Services judge streams in windows of so many characters, of which `overlap` are judged again with the next one.
    """

    rules: tuple[str, ...]
    teams: tuple[str, ...] = ()
    keys: tuple[str, ...] = ()
    models: tuple[str, ...] = ("*",)
    unreadable: Unreadable = Unreadable.REFUSE
    window: int = 500
    overlap: int = 100


@dataclass(frozen=True, slots=True)
class Guardrails:
    """The section: the first of `uses` that matches counts."""

    rules: tuple[Guardrail, ...]
    uses: tuple[GuardrailUse, ...]
