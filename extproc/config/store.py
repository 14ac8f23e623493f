"""The store's options, from their section in the document."""

from extproc.config.credentials import SecretReader
from extproc.config.document_store import RedisEntry, StoreSection, TlsEntry
from extproc.config.mistakes import Mistakes
from extproc.config.model import MemoryOptions, RedisMode, RedisOptions, Secret, StoreOptions, TlsOptions

_PORT, _SENTINEL_PORT = 6379, 26379
_MOST_PORT = 65535
_OF_SENTINEL = ("master_name", "sentinel_username", "sentinel_password")


def build_store(section: StoreSection, secrets: SecretReader, mistakes: Mistakes) -> StoreOptions:
    """The options of the section `store`; what is wrong with it is in `mistakes`."""
    if section.redis is None:
        return MemoryOptions()
    return _RedisBuilder(section.redis, "store.redis", secrets, mistakes).options()


class _RedisBuilder:
    """Makes the options of one entry, which stands at `path`."""

    def __init__(self, entry: RedisEntry, path: str, secrets: SecretReader, mistakes: Mistakes) -> None:
        self._entry = entry
        self._path = path
        self._secrets = secrets
        self._mistakes = mistakes
        self._url = entry.url or ""

    def options(self) -> RedisOptions:
        self._check_mode()
        self._check_users()
        entry = self._entry
        return RedisOptions(
            mode=entry.mode,
            nodes=self._nodes(),
            unix_socket=self._url.removeprefix("unix://") if self._url.startswith("unix:") else None,
            master_name=entry.master_name,
            username=entry.username,
            password=self._secret("password"),
            sentinel_username=entry.sentinel_username,
            sentinel_password=self._secret("sentinel_password"),
            tls=self._tls(),
            database=self._database(),
            prefix=entry.prefix,
            timeout_ms=entry.timeout_ms,
            wait_replicas=entry.wait_replicas,
        )

    def _check_mode(self) -> None:
        mode, nodes = self._entry.mode, self._entry.nodes
        if mode is not RedisMode.SINGLE and nodes is None:
            self._add("url", f"has no meaning for the mode {mode}: give nodes")
        if mode is RedisMode.SINGLE and nodes is not None and len(nodes) > 1:
            self._add("nodes", "must be one for the mode single (or say mode: sentinel or cluster)")
        if mode is RedisMode.SENTINEL and self._entry.master_name is None:
            self._add("", "the field 'master_name' is missing, and the mode sentinel needs it")
        for name in _OF_SENTINEL if mode is not RedisMode.SENTINEL else ():
            if getattr(self._entry, name) is not None:
                self._add(name, f"has no meaning for the mode {mode}")

    def _check_users(self) -> None:
        entry = self._entry
        if entry.username is not None and entry.password is None:
            self._add("username", "has no meaning without a password")
        if entry.sentinel_username is not None and entry.sentinel_password is None:
            self._add("sentinel_username", "has no meaning without a sentinel_password")

    def _nodes(self) -> tuple[tuple[str, int], ...]:
        if self._entry.nodes is not None:
            port = _SENTINEL_PORT if self._entry.mode is RedisMode.SENTINEL else _PORT
            return tuple(self._node(node, port, f"nodes[{index}]") for index, node in enumerate(self._entry.nodes))
        if not self._url or self._url.startswith("unix:"):
            return ()
        return (self._node(self._url.partition("://")[2].partition("/")[0], _PORT, "url"),)

    def _node(self, authority: str, default_port: int, name: str) -> tuple[str, int]:
        """Host and port; an IPv6 address without its brackets."""
        host, colon, port = authority.rpartition(":")
        if not colon or port.endswith("]"):
            return authority.strip("[]"), default_port
        if int(port) > _MOST_PORT:
            self._add(name, f"the port must be at most {_MOST_PORT}")
        return host.strip("[]"), int(port)

    def _database(self) -> int:
        written = self._url.partition("://")[2].partition("/")[2] if not self._url.startswith("unix:") else ""
        if written and self._entry.database is not None:
            self._add("database", "is given by the url already")
        database = int(written) if written else self._entry.database or 0
        if database and self._entry.mode is RedisMode.CLUSTER:
            self._add("database", "a cluster has none but 0")
        return database

    def _tls(self) -> TlsOptions | None:
        tls = self._entry.tls
        if tls is None:
            return TlsOptions() if self._url.startswith("rediss:") else None
        if self._url and not self._url.startswith("rediss:"):
            self._add("tls", "has no meaning for this url: TLS is rediss://")
        if (tls.cert_file is None) != (tls.key_file is None):
            self._add("tls", "cert_file and key_file come together")
        self._check_files(tls)
        return TlsOptions(tls.ca_file, tls.cert_file, tls.key_file)

    def _check_files(self, tls: TlsEntry) -> None:
        files = {"ca_file": tls.ca_file, "cert_file": tls.cert_file, "key_file": tls.key_file}
        for name, file in files.items():
            if file is not None:
                self._secrets.check_file(file, f"{self._path}.tls.{name}")

    def _secret(self, name: str) -> Secret | None:
        source = getattr(self._entry, name)
        value = self._secrets.read(source, f"{self._path}.{name}") if source is not None else None
        return None if value is None else Secret(value)

    def _add(self, name: str, message: str) -> None:
        self._mistakes.add(f"{self._path}.{name}" if name else self._path, message)
