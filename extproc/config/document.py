"""The shape of `gateway.yaml`, first part: words, secrets, backends and models. `document_root` has the whole.

The loader checks documents against these types and the JSON Schema is made of them. A constraint's `description` says
what the value must be, for the schema's reader and in the loader's messages alike.
"""

from enum import StrEnum
from typing import Annotated, ClassVar

from msgspec import Meta, Struct

from extproc.config.model import Schema, Unsupported

HEADER_VALUE = r"^[!-~]([ -~]*[!-~])?$"
AUTHORITY = r"^([A-Za-z0-9]([A-Za-z0-9._-]{0,251}[A-Za-z0-9])?|\[[0-9A-Fa-f:.]{2,45}\])(:[1-9][0-9]{0,4})?$"

Name = Annotated[
    str,
    Meta(
        pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$",
        description="a name of 1 to 64 letters, digits, '.', '_' and '-' that begins with a letter or digit",
    ),
]
Label = Annotated[
    str,
    Meta(
        pattern=r"^[A-Za-z0-9][A-Za-z0-9._@/-]{0,63}$",
        description="1 to 64 letters, digits, '.', '_', '-', '@' and '/' that begin with a letter or digit",
    ),
]
ClusterName = Annotated[
    str, Meta(pattern=r"^[!-~]{1,256}$", description="the name of an Envoy cluster, 1 to 256 characters without spaces")
]
ModelName = Annotated[
    str,
    Meta(
        pattern=r"^(?=.{1,128}$)[A-Za-z0-9._:/@+~-]*\*?$",
        description="a model's name of 1 to 128 letters, digits and '._:/@+~-', with a '*' at its end at most",
    ),
]
Models = Annotated[
    tuple[ModelName, ...],
    Meta(min_length=1, description="a list with at least one model (leave it out for all models)"),
]
UpstreamModel = Annotated[
    str,
    Meta(pattern=r"^[!-~]{1,256}$", description="the model's name at the backend, 1 to 256 characters without spaces"),
]
Authority = Annotated[
    str,
    Meta(
        pattern=AUTHORITY,
        description="a host, with a port or without, and neither scheme nor path (api.openai.com, 127.0.0.1:11434)",
    ),
]
BasePath = Annotated[
    str,
    Meta(
        pattern=r"^(?!.*/\.\.?(/|$))(/[A-Za-z0-9._~%+@:=-]{1,128}){0,16}/?$",
        description="a path that begins with '/' and has no empty or dot segments, query or fragment; '' for none",
    ),
]
ApiVersion = Annotated[
    str, Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9.-]{0,63}$", description="an API version, such as 2024-10-21 or v1")
]
Region = Annotated[
    str,
    Meta(
        pattern=r"^[a-z][a-z0-9]{0,31}(-[a-z0-9]{1,31}){0,4}$",
        description="a region such as us-east-1 or europe-west4, or a location such as global",
    ),
]
Project = Annotated[
    str,
    Meta(
        pattern=r"^([a-z0-9.-]{1,63}:)?[a-z0-9][a-z0-9-]{0,61}[a-z0-9]$",
        description="the id or the number of a Google Cloud project",
    ),
]
Profile = Annotated[
    str,
    Meta(
        pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.@/+-]{0,127}$",
        description="the name of a profile, 1 to 128 letters, digits and '_.@/+-'",
    ),
]
ServiceAccount = Annotated[
    str,
    Meta(
        pattern=r"^[A-Za-z0-9][A-Za-z0-9.@_-]{0,253}$",
        description="the e-mail address of a service account, or default",
    ),
]
DirectoryId = Annotated[
    str,
    Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9.-]{0,127}$", description="an id of Microsoft Entra: a UUID or a domain"),
]
Scope = Annotated[
    str,
    Meta(
        pattern=r"^[a-z]{1,16}://[!-~]{1,240}/\.default$",
        description="a scope that ends in /.default, such as https://cognitiveservices.azure.com/.default",
    ),
]
ResourceName = Annotated[
    str, Meta(pattern=r"^[!-~]{1,512}$", description="a name or path of 1 to 512 characters without spaces")
]
ServerUrl = Annotated[
    str,
    Meta(
        pattern=r"^https?://" + AUTHORITY[1:],
        description="a URL with http or https and a host, and no path (https://vault.example.com:8200)",
    ),
]
HeaderName = Annotated[
    str, Meta(pattern=r"^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,128}$", description="the name of an HTTP header")
]
HeaderValue = Annotated[
    str,
    Meta(
        pattern=HEADER_VALUE,
        max_length=8192,
        description="the value of an HTTP header: visible ASCII, at most 8192 characters, no line breaks",
    ),
]
EnvironmentName = Annotated[
    str,
    Meta(
        pattern=r"^[A-Z_][A-Z0-9_]{0,127}$",
        description="the name of an environment variable, in capitals (never the secret itself)",
    ),
]
FilePath = Annotated[
    str, Meta(pattern=r"^/[^\x00-\x1f]{1,4095}$", description="the absolute path of a file (never the secret itself)")
]
Tokens = Annotated[int, Meta(ge=1, le=10_000_000, description="a number of tokens from 1 to 10000000")]
Lifetime = Annotated[
    str,
    Meta(
        pattern=r"^[1-9][0-9]{0,8}[smhdw]$",
        description="a whole number and its unit, one of s, m, h, d, w, from 1s to 30d",
    ),
]


class Section(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What every mapping of the document has.

    Of the fields in `exactly_one` one must be given, of those in `at_least_one` one or more, where they name any.
    """

    exactly_one: ClassVar[tuple[str, ...]] = ()
    at_least_one: ClassVar[tuple[str, ...]] = ()


class SecretSource(Section, frozen=True):
    """Where a secret comes from: one of an environment variable, a file, or (discouraged) the document itself."""

    exactly_one: ClassVar[tuple[str, ...]] = ("env", "file", "value")

    env: EnvironmentName | None = None
    file: FilePath | None = None
    value: str | None = None


class AwsSigner(StrEnum):
    """Who signs requests to AWS, where it is not the gateway."""

    ENVOY = "envoy"


class AwsFileEntry(Section, frozen=True):
    """A profile of a shared credentials file of AWS (`aws_access_key_id = …`). Read again when it changes."""

    file: FilePath
    profile: Profile = "default"


class AwsChainEntry(Section, frozen=True):
    """Where AWS's SDK looks: environment, profile, web identity, container, instance. Needs the extra `aws`."""

    profile: Profile | None = None


class AwsEntry(Section, frozen=True):
    """A credential of AWS: an access key, its file, or the SDK's chain; or Envoy signs by itself.

    `access_key_id` comes with `secret_access_key`, and with `session_token` where the key is temporary. `signer: envoy`
    is for clusters with the filter `envoy.filters.http.aws_request_signing`.
    """

    exactly_one: ClassVar[tuple[str, ...]] = ("access_key_id", "shared_credentials", "chain", "signer")

    access_key_id: SecretSource | None = None
    secret_access_key: SecretSource | None = None
    session_token: SecretSource | None = None
    shared_credentials: AwsFileEntry | None = None
    chain: AwsChainEntry | None = None
    signer: AwsSigner | None = None


class GcpMetadataEntry(Section, frozen=True):
    """A service account that the metadata server knows."""

    account: ServiceAccount = "default"


class GcpEntry(Section, frozen=True):
    """Where Google's tokens come from: a service account's key file, a workload-identity file, the metadata server."""

    exactly_one: ClassVar[tuple[str, ...]] = ("service_account", "workload_identity", "metadata")

    service_account: SecretSource | None = None
    workload_identity: SecretSource | None = None
    metadata: GcpMetadataEntry | None = None


class ManagedIdentityEntry(Section, frozen=True):
    """An identity of the Azure machine; `client_id` says which, where it has several."""

    client_id: DirectoryId | None = None


class EntraEntry(Section, frozen=True):
    """Where Microsoft Entra's tokens come from: an application with a secret or a federated token, or the machine.

    An application has `tenant_id` and `client_id`. `login` is the cloud's host for tokens.
    """

    exactly_one: ClassVar[tuple[str, ...]] = ("client_secret", "federated_token_file", "managed_identity")

    tenant_id: DirectoryId | None = None
    client_id: DirectoryId | None = None
    client_secret: SecretSource | None = None
    federated_token_file: FilePath | None = None
    managed_identity: ManagedIdentityEntry | None = None
    scope: Scope = "https://cognitiveservices.azure.com/.default"
    login: Authority = "login.microsoftonline.com"


class AwsSecretEntry(Section, frozen=True):
    """A secret in AWS Secrets Manager; `field` where it is a JSON object. Needs the extra `aws`."""

    id: ResourceName
    region: Region
    field: ResourceName | None = None


class VaultEntry(Section, frozen=True):
    """A field of a secret in Vault's key-value store, version 2. Needs the extra `vault`."""

    address: ServerUrl
    path: ResourceName
    field: ResourceName
    token: SecretSource
    mount: ResourceName = "secret"
    namespace: ResourceName | None = None


class CredentialEntry(SecretSource, frozen=True):
    """What a provider knows the gateway by: a key, or what is exchanged for one in the background."""

    exactly_one: ClassVar[tuple[str, ...]] = (*SecretSource.exactly_one, "aws", "gcp", "entra", "aws_secret", "vault")

    aws: AwsEntry | None = None
    gcp: GcpEntry | None = None
    entra: EntraEntry | None = None
    aws_secret: AwsSecretEntry | None = None
    vault: VaultEntry | None = None


class PromptCachingEntry(Section, frozen=True):
    """Up to the end of which parts the provider is asked to cache a prompt, where the caller says nothing of it."""

    system: bool = False
    tools: bool = False


class BackendEntry(Section, frozen=True):
    """A place that answers requests: an Envoy cluster, the provider behind it, its wire format and the credential.

    `cluster` is the backend's name unless given. `provider` (an OpenTelemetry `gen_ai.provider.name`) and `base_path`
    follow from `schema`, `authority` from a well-known provider. `region` and `project` are for AWS and Google Cloud.
    """

    name: Name
    schema: Schema
    cluster: ClusterName | None = None
    provider: Name | None = None
    authority: Authority | None = None
    base_path: BasePath | None = None
    credential: CredentialEntry | None = None
    api_version: ApiVersion | None = None
    region: Region | None = None
    project: Project | None = None
    prompt_caching: PromptCachingEntry | None = None
    headers: dict[HeaderName, HeaderValue | SecretSource] = {}
    unsupported: Unsupported = Unsupported.ERROR
    max_tokens_default: Tokens = 4096


class TargetEntry(Section, frozen=True):
    """One step of a chain: a backend, and the model's name there (the caller's name unless given)."""

    backend: Name
    model: UpstreamModel | None = None


class ModelEntry(Section, frozen=True):
    """A model that callers may name, and who answers for it, first choice first.

    A name that ends in `*` stands for all names that begin so, and a `*` at the end of a target's model for the rest of
    what the caller wrote. A target may be only a backend's name: the model has the same name there.
    """

    name: ModelName
    targets: Annotated[
        tuple[Name | TargetEntry, ...],
        Meta(min_length=1, max_length=8, description="a list of 1 to 8 targets"),
    ]
