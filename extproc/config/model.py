"""The gateway document, validated and frozen: what `gateway.yaml` means.

`extproc.config.load` builds these values; nothing here reads files or the environment.
"""

from dataclasses import dataclass, field, replace
from enum import StrEnum

WILDCARD = "*"
"""At the end of a model's name: any rest. At the end of a target's model: that rest. In a key's models: all."""


class Schema(StrEnum):
    """A wire format that a backend speaks."""

    OPENAI = "openai"
    OPENAI_RESPONSES = "openai_responses"
    AZURE_OPENAI = "azure_openai"
    ANTHROPIC = "anthropic"
    ANTHROPIC_BEDROCK = "anthropic_bedrock"
    ANTHROPIC_VERTEX = "anthropic_vertex"
    GEMINI = "gemini"
    VERTEX = "vertex"
    BEDROCK = "bedrock"
    COHERE = "cohere"
    MISTRAL = "mistral"


class Unsupported(StrEnum):
    """What happens to a parameter that the target's wire format cannot express."""

    DROP = "drop"
    ERROR = "error"


class UsageExtraction(StrEnum):
    """Who reads the token usage of responses that Python need not change."""

    FRAMES = "frames"  # we look at every frame: works on every Envoy
    NATIVE = "native"  # Envoy's ai_protocol_manager: one message at the end of the stream


class Secret:
    """A credential that hides itself: `reveal()` is the only way to its value."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        return self._value

    def __repr__(self) -> str:
        return "Secret(***)"

    __str__ = __repr__

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._value == self._value

    def __hash__(self) -> int:
        return hash(self._value)


@dataclass(frozen=True, slots=True)
class Backend:
    """A place that answers requests: an Envoy cluster, the provider behind it, its wire format and our credential.

    `provider` is an OpenTelemetry `gen_ai.provider.name`; `authority` the `:authority` the provider expects;
    `base_path` what precedes the format's own paths (`/v1` for api.openai.com). `api_version` is Azure's query
    parameter or Anthropic's header. `region` is AWS's region or Vertex's location, `project` Google Cloud's. `headers` are sent as they are, their names are in lower case.
    """

    name: str
    cluster: str
    provider: str
    schema: Schema
    authority: str
    base_path: str = ""
    credential: Secret | None = None
    api_version: str | None = None
    region: str | None = None
    project: str | None = None
    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)  # may hold secrets
    unsupported: Unsupported = Unsupported.ERROR
    max_tokens_default: int = 4096


@dataclass(frozen=True, slots=True)
class Target:
    """One step of a model's chain: a backend, and the name the model has there."""

    backend: Backend
    model: str


@dataclass(frozen=True, slots=True)
class Model:
    """A model that callers may name, and the ordered targets that can answer for it.

    `prefix` is set for a wildcard (`name` ends in `*`): the model answers for every name that begins so. `name` is what
    the operator wrote, never the caller, so that it may be a metric's label.
    """

    name: str
    targets: tuple[Target, ...]
    prefix: str | None = None

    def chain(self, name: str) -> tuple[Target, ...]:
        """The targets for the name that the caller wrote, with a `*` at the end of a target's model filled in."""
        if self.prefix is None:
            return self.targets
        rest = name.removeprefix(self.prefix)
        return tuple(
            replace(target, model=target.model.removesuffix(WILDCARD) + rest)
            if target.model.endswith(WILDCARD)
            else target
            for target in self.targets
        )


@dataclass(frozen=True, slots=True)
class PriceOverride:
    """The operator's own price of a model, in nano-dollars per million tokens.

    $1 per million tokens is 1_000_000_000.
    """

    provider: str
    model: str
    input: int
    output: int
    cache_read: int | None = None
    cache_creation: int | None = None


class UnknownPrice(StrEnum):
    """What a model without a price costs."""

    DENY = "deny"  # such a model is refused when the document is loaded
    ALLOW = "allow"  # requests pass, and a metric counts that their cost is unknown


@dataclass(frozen=True, slots=True)
class Key:
    """A virtual key. `digest` is HMAC-SHA256 of the key under the document's salt, in hex; the key itself is nowhere.

    `models` are the names it may use, `*` for all; a name is a model's, or one that a wildcard model answers for.
    `expires` is a Unix time in seconds.
    """

    alias: str
    digest: str = field(repr=False)
    team: str = ""
    models: tuple[str, ...] = ("*",)
    expires: float | None = None


@dataclass(frozen=True, slots=True)
class Gateway:
    """The whole document."""

    backends: tuple[Backend, ...]
    models: tuple[Model, ...]
    keys: tuple[Key, ...]
    key_salt: bytes = field(default=b"", repr=False)
    passthrough: Backend | None = None  # who answers the endpoints of OpenAI's API that have no `model` field
    max_request_bytes: int = 32 << 20
    usage_extraction: UsageExtraction = UsageExtraction.FRAMES
    unknown_price: UnknownPrice = UnknownPrice.ALLOW
    prices: tuple[PriceOverride, ...] = ()
    version: str = field(default="", compare=False)  # first 12 hex digits of the document's SHA-256
