"""The shape of `gateway.yaml`: where limits, budgets and registered keys are kept."""

from typing import Annotated

from msgspec import Meta

from extproc.config.document import AUTHORITY, Authority, FilePath, SecretSource, Section
from extproc.config.model import RedisMode

RedisUrl = Annotated[
    str,
    Meta(
        pattern=r"^(rediss?://" + AUTHORITY[1:-1] + r"(/[0-9]{1,4})?|unix:///[^\x00-\x20?#]{1,100})$",
        description="redis://host:6379/0, rediss://host:6379/0 (TLS) or unix:///path, without user and password",
    ),
]
UserName = Annotated[
    str, Meta(pattern=r"^[!-~]{1,128}$", description="the name of a user, 1 to 128 characters without spaces")
]
MasterName = Annotated[
    str, Meta(pattern=r"^[A-Za-z0-9._-]{1,128}$", description="the name that the sentinels have for the master")
]
Prefix = Annotated[
    str,
    Meta(
        pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,31}$",
        description="what all names in the store begin with: 1 to 32 letters, digits, '.', '_' and '-'",
    ),
]
Milliseconds = Annotated[int, Meta(ge=5, le=5000, description="a number of milliseconds from 5 to 5000")]
Replicas = Annotated[int, Meta(ge=0, le=5, description="a number of replicas from 0 to 5")]
Database = Annotated[int, Meta(ge=0, le=9999, description="the number of a database, from 0 to 9999")]


class TlsEntry(Section, frozen=True):
    """Files in PEM. Without `ca_file` the machine's authorities count; `cert_file` and `key_file` come together."""

    ca_file: FilePath | None = None
    cert_file: FilePath | None = None
    key_file: FilePath | None = None


class RedisEntry(Section, frozen=True):
    """Redis or Valkey: one server by its `url`, or the `nodes` of a server, of sentinels or of a cluster.

    `tls` is for nodes and for `rediss://`. Every operation ends within `timeout_ms`; a change counts as made when
    `wait_replicas` replicas have it.
    """

    exactly_one = ("url", "nodes")

    url: RedisUrl | None = None
    nodes: (
        Annotated[tuple[Authority, ...], Meta(min_length=1, max_length=64, description="a list of 1 to 64 nodes")]
        | None
    ) = None
    mode: RedisMode = RedisMode.SINGLE
    master_name: MasterName | None = None
    database: Database | None = None
    username: UserName | None = None
    password: SecretSource | None = None
    sentinel_username: UserName | None = None
    sentinel_password: SecretSource | None = None
    tls: TlsEntry | None = None
    prefix: Prefix = "llm"
    timeout_ms: Milliseconds = 50
    wait_replicas: Replicas = 0


class StoreSection(Section, frozen=True):
    """Where limits, budgets and registered keys are kept: in Redis, or else in the worker itself."""

    redis: RedisEntry | None = None
