"""The shape of `gateway.yaml`: who may call, for whom, and who may administer."""

from typing import Annotated

from msgspec import Meta, field

from extproc.config.document import Label, Models, Name, SecretSource, Section
from extproc.config.model import ForeignKeys

_PLACEHOLDER = r"\{[A-Za-z0-9_][A-Za-z0-9_.:/@-]{0,127}\}"

Salt = Annotated[
    str,
    Meta(
        pattern=r"^([0-9a-fA-F]{2}){16,64}$",
        description="16 to 64 random bytes in hex; `openssl rand -hex 16` makes some",
    ),
]
Digest = Annotated[
    str,
    Meta(pattern=r"^[0-9a-f]{64}$", description="the HMAC-SHA256 of a key under the salt: 64 hex digits in lower case"),
]
Expiry = Annotated[
    str,
    Meta(
        pattern=r"^2[0-9]{3}-[0-9]{2}-[0-9]{2}([Tt ][0-9]{2}:[0-9]{2}(:[0-9]{2})?([Zz]|[+-][0-9]{2}:[0-9]{2}))?$",
        description="a date (2027-01-31, from its first moment in UTC) or a time with its zone (2027-01-31T12:00:00Z)",
    ),
]
Endpoint = Annotated[
    str,
    Meta(
        pattern=r"^(\*|/[A-Za-z0-9._~%+@:=/-]{1,255}\*?)$",
        description="a path such as /v1/embeddings, with a '*' at its end for all that begin so; '*' for all",
    ),
]
Network = Annotated[
    str,
    Meta(
        pattern=r"^[0-9A-Fa-f:.]{2,45}(/[0-9]{1,3})?$",
        description="a network in CIDR notation (10.0.0.0/8, 2001:db8::/32) or one address",
    ),
]
Alias = Annotated[
    str,
    Meta(
        pattern=r"^[A-Za-z0-9._:/@+~-]{1,128}$",
        description="a name for a model of 1 to 128 letters, digits and '._:/@+~-'",
    ),
]
MetadataValue = Annotated[
    str, Meta(pattern=r"^[^\x00-\x1f\x7f]{0,512}$", description="one line of text of at most 512 characters")
]
ClaimName = Annotated[
    str,
    Meta(
        pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.:/@-]{0,127}$",
        description="the path of a claim, with dots between names (email, realm_access.roles)",
    ),
]
ClaimText = Annotated[
    str,
    Meta(
        pattern=r"^([!-)+-~]([ -)+-~]{0,254}[!-)+-~])?\*?|\*)$",
        description="visible ASCII of at most 256 characters, with a '*' at its end at most",
    ),
]
ProviderName = Annotated[
    str,
    Meta(
        pattern=r"^[!-~]{1,128}$",
        description="the `payload_in_metadata` of a provider of Envoy's jwt_authn, without spaces",
    ),
]
SpiffeId = Annotated[
    str,
    Meta(
        pattern=r"^(?=.{1,2048}$)spiffe://[a-z0-9._-]{1,255}(/(\*|(?!\.\.?(/|$))[A-Za-z0-9._-]+))+$",
        description="a SPIFFE id with a trust domain and a path, in which '*' stands for one whole segment "
        "(spiffe://prod.example/ns/*/sa/*)",
    ),
]
Template = Annotated[
    str,
    Meta(
        pattern=rf"^([A-Za-z0-9]|{_PLACEHOLDER})([A-Za-z0-9._@/-]|{_PLACEHOLDER}){{0,63}}$",
        description="1 to 64 letters, digits, '.', '_', '-', '@', '/' and placeholders such as {email} or {1}, "
        "of which the first is a letter, a digit or a placeholder",
    ),
]
Endpoints = Annotated[
    tuple[Endpoint, ...],
    Meta(min_length=1, description="a list with at least one path (leave it out for all endpoints)"),
]
Metadata = dict[Label, MetadataValue]


class OrganisationEntry(Section, frozen=True):
    """An organisation that teams belong to. Its tags are on all of their requests."""

    name: Label
    tags: tuple[Label, ...] = ()
    metadata: Metadata = field(default_factory=dict)


class TeamEntry(Section, frozen=True):
    """A team; `models` and `endpoints` bound what its keys may use, besides their own lists."""

    name: Label
    organisation: Label | None = None
    models: Models = ("*",)
    endpoints: Endpoints = ("*",)
    tags: tuple[Label, ...] = ()
    blocked: bool = False
    metadata: Metadata = field(default_factory=dict)


class KeyEntry(Section, frozen=True):
    """A virtual key: its `digest`, or a `secret` whose digest is made when the document is loaded.

    `aliases` are names of its own for models, `networks` those that it may be used from.
    """

    exactly_one = ("digest", "secret")

    alias: Label
    digest: Digest | None = None
    secret: SecretSource | None = None
    user: Label | None = None
    team: Label | None = None
    models: Models = ("*",)
    endpoints: Endpoints = ("*",)
    aliases: dict[Alias, Alias] = field(default_factory=dict)
    networks: tuple[Network, ...] = ()
    tags: tuple[Label, ...] = ()
    blocked: bool = False
    expires: Expiry | None = None
    metadata: Metadata = field(default_factory=dict)


class KeysSection(Section, frozen=True):
    """Who may call. `salt` goes into every digest: a new salt makes all digests worthless.

    With `registry` the keys, teams and organisations that the admin API keeps in the store count as well.
    """

    salt: Salt
    entries: tuple[KeyEntry, ...] = ()
    registry: bool = False


class JwtEntry(Section, frozen=True):
    """A token that Envoy's jwt_authn verified, and what its claims must be; a list matches by any of its items."""

    provider: ProviderName
    claims: dict[ClaimName, ClaimText | bool | int] = field(default_factory=dict)


class IdentityEntry(Section, frozen=True):
    """Who a caller without a key is, by a verified token or a client certificate; the first that matches counts.

    `user`, `team` and `tags` may have placeholders: `{claim}` of a token, `{1}` for the first `*` of a SPIFFE id.
    `foreign_keys: ignore` lets a caller in who also presents a key that is not the gateway's.
    """

    exactly_one = ("jwt", "spiffe")

    name: Name
    jwt: JwtEntry | None = None
    spiffe: SpiffeId | None = None
    user: Template | None = None
    team: Template | None = None
    tags: tuple[Template, ...] = ()
    models: Models = ("*",)
    endpoints: Endpoints = ("*",)
    foreign_keys: ForeignKeys = ForeignKeys.REFUSE


class AdminSection(Section, frozen=True):
    """Who may use the admin API; without tokens it is off."""

    tokens: tuple[SecretSource, ...] = ()
