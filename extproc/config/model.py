"""The gateway document, validated and frozen: what `gateway.yaml` means.

`extproc.config.load` builds these values; nothing here reads files or the environment.
"""

from dataclasses import dataclass, field, replace
from enum import StrEnum
from ipaddress import IPv4Network, IPv6Network

from extproc.config.cache import CacheSettings
from extproc.config.guardrails import Guardrails
from extproc.config.limits import AnyRule, Organisation, Team
from extproc.config.privacy import Privacy
from extproc.config.secret import Secret as Secret  # the document's other values are here
from extproc.genai.money import Rates

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


@dataclass(frozen=True, slots=True)
class AwsKeys:
    """An access key of AWS. `session_token` comes with a temporary one."""

    access_key_id: str = field(repr=False)
    secret_access_key: Secret
    session_token: Secret | None = None


@dataclass(frozen=True, slots=True)
class AwsChain:
    """Where AWS's own SDK looks, in its order: environment, profile, web identity, container, instance.

    `profile` is a section of its configuration files; None for the one that the environment names.
    """

    profile: str | None = None


@dataclass(frozen=True, slots=True)
class AwsByEnvoy:
    """Envoy signs, by its `aws_request_signing` filter; the gateway sends nothing."""


@dataclass(frozen=True, slots=True)
class GcpAccount:
    """A JSON file of Google's: a service account's key, or how another identity is exchanged for a token."""

    document: Secret


@dataclass(frozen=True, slots=True)
class GcpMetadata:
    """A service account of the machine or pod that the gateway runs on."""

    account: str = "default"


@dataclass(frozen=True, slots=True)
class FederatedToken:
    """A file with a token of another issuer, which is replaced before that token expires."""

    path: str


@dataclass(frozen=True, slots=True)
class EntraApplication:
    """An application of Microsoft Entra, and how it proves itself. `login` is a URL without a path."""

    tenant_id: str
    client_id: str
    proof: Secret | FederatedToken
    scope: str
    login: str


@dataclass(frozen=True, slots=True)
class EntraManagedIdentity:
    """An identity of the Azure machine that the gateway runs on; `client_id` says which, where it has several."""

    client_id: str | None
    scope: str


@dataclass(frozen=True, slots=True)
class AwsSecret:
    """A secret in AWS Secrets Manager, read with what `AwsChain` finds; `field` where it is a JSON object."""

    secret_id: str
    region: str
    field: str | None = None


@dataclass(frozen=True, slots=True)
class VaultSecret:
    """A field of a secret in Vault's key-value store, version 2. `address` is a URL."""

    address: str
    mount: str
    path: str
    field: str
    token: Secret
    namespace: str | None = None


FetchedCredential = (
    AwsChain | GcpAccount | GcpMetadata | EntraApplication | EntraManagedIdentity | AwsSecret | VaultSecret
)
"""What is exchanged for a token, a key or a secret, over the network and again from time to time."""

Credential = Secret | AwsKeys | AwsByEnvoy | FetchedCredential
"""What a provider knows the gateway by. A bare `Secret` is a key, sent as it is."""


@dataclass(frozen=True, slots=True)
class Backend:
    """A place that answers requests: an Envoy cluster, the provider behind it, its wire format and our credential.

    `provider` is an OpenTelemetry `gen_ai.provider.name`; `authority` the `:authority` the provider expects;
    `base_path` what precedes the format's own paths (`/v1` for api.openai.com). `api_version` is Azure's query
    parameter or Anthropic's version. `region` is AWS's region or Vertex AI's location, `project` Google Cloud's.
    `headers` are sent as they are, their names are in lower case. `cache_system` and `cache_tools` say that the
    provider is to be asked to cache the prompt up to the end of that part.
    """

    name: str
    cluster: str
    provider: str
    schema: Schema
    authority: str
    base_path: str = ""
    credential: Credential | None = None
    api_version: str | None = None
    region: str | None = None
    project: str | None = None
    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)  # may hold secrets
    unsupported: Unsupported = Unsupported.ERROR
    max_tokens_default: int = 4096
    cache_system: bool = False
    cache_tools: bool = False


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
    ALLOW = "allow"  # requests pass, and a metric counts that their cost is unknown; not under a budget of money
    DEFAULT = "default"  # what `default_price` says


@dataclass(frozen=True, slots=True)
class Key:
    """A virtual key. `digest` is HMAC-SHA256 of the key under the document's salt, in hex; the key itself is nowhere.

    `models` are the names it may use, `*` for all; a name is a model's, or one that a wildcard model answers for.
    `endpoints` are the paths it may call (`/v1/embeddings`; `/v1/files*` for all that begin so). `aliases` are names of
    its own for models. `networks` are the CIDR blocks that it may be used from; none: from anywhere. `expires` is a
    Unix time in seconds. `rules` are limits and budgets of this key alone.
    """

    alias: str
    digest: str = field(repr=False)
    user: str = ""
    team: str = ""
    models: tuple[str, ...] = ("*",)
    endpoints: tuple[str, ...] = ("*",)
    aliases: tuple[tuple[str, str], ...] = ()
    networks: tuple[IPv4Network | IPv6Network, ...] = ()
    tags: tuple[str, ...] = ()
    blocked: bool = False
    expires: float | None = None
    rules: tuple[AnyRule, ...] = ()
    metadata: tuple[tuple[str, str], ...] = field(default=(), repr=False)


@dataclass(frozen=True, slots=True)
class Claim:
    """What a member of a JWT must be. `name` is a path with dots; a list matches by any of its items.

    `value` may end in `*`; `*` alone: it must be there.
    """

    name: str
    value: str


class ForeignKeys(StrEnum):
    """What becomes of a caller with an identity who presents a key that is not ours: a personal one, say."""

    REFUSE = "refuse"
    IGNORE = "ignore"  # the caller is who the identity says; the key goes nowhere


@dataclass(frozen=True, slots=True)
class IdentityRule:
    """Who a caller without a key is: the first rule that matches says.

    `claims` are of a JWT that Envoy's jwt_authn verified and put into metadata under `provider`; `spiffe` is a SPIFFE
    id of the caller's certificate, in which `*` stands for one path segment. Exactly one of the two is set.
    `user`, `team` and `tags` may use `{claim}`, or `{1}`, `{2}` for what the `*` of a SPIFFE id stand for.
    """

    name: str
    provider: str = ""
    claims: tuple[Claim, ...] = ()
    spiffe: str = ""
    user: str = ""
    team: str = ""
    tags: tuple[str, ...] = ()
    models: tuple[str, ...] = ("*",)
    endpoints: tuple[str, ...] = ("*",)
    foreign_keys: ForeignKeys = ForeignKeys.REFUSE


@dataclass(frozen=True, slots=True)
class MemoryOptions:
    """The store is in the worker: for one worker."""


@dataclass(frozen=True, slots=True)
class TlsOptions:
    """Files in PEM. Without `ca_file` the machine's authorities count."""

    ca_file: str | None = None
    cert_file: str | None = None
    key_file: str | None = None


class RedisMode(StrEnum):
    SINGLE = "single"
    SENTINEL = "sentinel"
    CLUSTER = "cluster"


@dataclass(frozen=True, slots=True)
class RedisOptions:
    """Redis or Valkey. `nodes` are host and port: of the server, of sentinels, or of some nodes of the cluster.

    `unix_socket` instead of nodes in single mode. `wait_replicas` is how many replicas must have a change before it
    counts as made. `timeout_ms` bounds every operation.
    """

    mode: RedisMode = RedisMode.SINGLE
    nodes: tuple[tuple[str, int], ...] = ()
    unix_socket: str | None = None
    master_name: str | None = None
    username: str | None = None
    password: Secret | None = None
    sentinel_username: str | None = None
    sentinel_password: Secret | None = None
    tls: TlsOptions | None = None
    database: int = 0
    prefix: str = "llm"
    timeout_ms: int = 50
    wait_replicas: int = 0


StoreOptions = MemoryOptions | RedisOptions


@dataclass(frozen=True, slots=True)
class Gateway:
    """The whole document. `registry`: keys and teams of the store's registry count as well."""

    backends: tuple[Backend, ...]
    models: tuple[Model, ...]
    keys: tuple[Key, ...]
    key_salt: bytes = field(default=b"", repr=False)
    passthrough: Backend | None = None  # who answers the endpoints of OpenAI's API that have no `model` field
    max_request_bytes: int = 32 << 20
    usage_extraction: UsageExtraction = UsageExtraction.FRAMES
    unknown_price: UnknownPrice = UnknownPrice.ALLOW
    prices: tuple[PriceOverride, ...] = ()
    default_price: Rates | None = None
    organisations: tuple[Organisation, ...] = ()
    teams: tuple[Team, ...] = ()
    rules: tuple[AnyRule, ...] = ()
    identities: tuple[IdentityRule, ...] = ()
    store: StoreOptions = MemoryOptions()
    registry: bool = False
    budget_status: int = 402  # what a spent budget is answered with
    quantum_tokens: int = 256  # by how much the reservation of a stream grows
    admin_tokens: tuple[Secret, ...] = ()
    privacy: Privacy | None = None
    guardrails: Guardrails | None = None
    cache: CacheSettings | None = None
    version: str = field(default="", compare=False)  # first 12 hex digits of the document's SHA-256
