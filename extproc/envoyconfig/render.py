"""A complete Envoy configuration from the gateway document and the team's clusters."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import yaml

from extproc.config.model import Gateway, UsageExtraction
from extproc.envoyconfig import cluster, listener, names, status, tls
from extproc.envoyconfig.names import Json
from extproc.envoyconfig.tls import ListenerTls
from extproc.errors import ConfigError

_FEWEST_RETRIES = 4  # a chain that grows to five targets needs no new Envoy configuration
_SHORT = 80
_ONE_LINE = 1000  # PyYAML breaks long strings otherwise
# Without it Envoy resets every stream to the server instead of closing it, and gRPC keeps 100 bytes of each for ever.
_RUNTIME = {"envoy.reloadable_features.ext_proc_graceful_grpc_close": True}
_RESERVED = (names.EXTPROC_CLUSTER, names.RELAY_CLUSTER, names.EMPTY_CLUSTER, status.ADMIN_CLUSTER)


@dataclass(frozen=True, slots=True)
class RenderOptions:
    """What the gateway document does not say. `stall_seconds` is how long a provider may send nothing at all."""

    address: str = "127.0.0.1"
    port: int = 10000
    admin_address: str = "127.0.0.1"
    admin_port: int = 9901
    socket_directory: str = "/tmp/llm-extproc"  # noqa: S108 - the server makes it, for its own user alone
    workers: int = 1
    access_log: str = "/dev/stdout"
    idle_seconds: int = 300
    stall_seconds: int = 120
    tls: ListenerTls | None = None
    status: tuple[str, int] | None = None  # host and port of the listener for probes and statistics

    @property
    def sockets(self) -> tuple[str, ...]:
        """Worker n serves on `w<n>.sock`."""
        return tuple(f"{self.socket_directory}/w{number}.sock" for number in range(self.workers))


def render(gateway: Gateway, clusters: Sequence[Json], options: RenderOptions) -> Json:
    """A bootstrap document. `clusters` are envoy.config.cluster.v3.Cluster as `read` gives them.

    Raises ConfigError for two clusters of one name, or one that takes a name of ours.
    """
    document = head(options)
    document["static_resources"]["listeners"] += [made_listener(gateway, options)]
    document["static_resources"]["clusters"] += made_clusters(clusters)
    return document


def head(options: RenderOptions) -> Json:
    """The bootstrap without what comes from the gateway document and the team's clusters."""
    admin = (options.admin_address, options.admin_port)
    listeners = [status.listener(*options.status)] if options.status is not None else []
    clusters = [status.admin_cluster(*admin)] if options.status is not None else []
    return {
        "layered_runtime": {"layers": [{"name": "llm", "static_layer": dict(_RUNTIME)}]},
        "admin": {"address": {"socket_address": {"address": admin[0], "port_value": admin[1]}}},
        "static_resources": {
            "listeners": listeners,
            "clusters": [cluster.extproc(options.sockets), cluster.relay(options.sockets), cluster.empty(), *clusters],
        },
    }


def made_clusters(clusters: Sequence[Json]) -> list[Json]:
    """The team's clusters, completed. Raises ConfigError as `render` does."""
    _check_names(clusters)
    for item in clusters:
        _check_shape(item)
    return [cluster.complete(item) for item in clusters]


def made_listener(gateway: Gateway, options: RenderOptions) -> Json:
    native = gateway.usage_extraction is UsageExtraction.NATIVE
    routes = listener.routes(
        native_usage=native,
        body_limit=gateway.max_request_bytes,
        retries=max(_FEWEST_RETRIES, longest_chain(gateway) - 1),
        idle_seconds=options.idle_seconds,
        stall_seconds=options.stall_seconds,
    )
    connection_manager = listener.connection_manager(
        routes, native_usage=native, access_log=options.access_log, idle_seconds=options.idle_seconds
    )
    made = listener.listener(options.address, options.port, connection_manager)
    return tls.with_tls(made, options.tls) if options.tls is not None else made


def longest_chain(gateway: Gateway) -> int:
    return max((len(model.targets) for model in gateway.models), default=1)


def dump(document: Json) -> str:
    """The document as YAML that Envoy reads: no anchors, fields in the order they were built."""
    return yaml.dump(document, Dumper=_PlainDumper, sort_keys=False, width=_ONE_LINE)


class _PlainDumper(yaml.SafeDumper):
    """No anchors, what fits on a line on one line, and quotes where Envoy's YAML would see more than a string."""

    def ignore_aliases(self, data: object) -> bool:
        return True

    def represent_str(self, data: str) -> yaml.ScalarNode:
        style = "'" if _is_special(data) else None
        return self.represent_scalar("tag:yaml.org,2002:str", data, style=style)

    def represent_mapping(self, tag: str, mapping: Any, flow_style: bool | None = None) -> yaml.MappingNode:
        return super().represent_mapping(tag, mapping, flow_style=_fits(mapping))

    def represent_sequence(self, tag: str, sequence: Any, flow_style: bool | None = None) -> yaml.SequenceNode:
        return super().represent_sequence(tag, sequence, flow_style=_fits(sequence))


_PlainDumper.add_representer(str, _PlainDumper.represent_str)


def _fits(value: object) -> bool:
    return len(str(value)) <= _SHORT


def _is_special(text: str) -> bool:
    """Envoy takes `y` for true and `1e3` for a number; PyYAML does not, and would leave them bare."""
    if text in ("y", "Y", "n", "N"):
        return True
    try:
        float(text)
    except ValueError:
        return False
    return True


def _check_names(clusters: Sequence[Json]) -> None:
    counts = Counter(str(item.get("name", "")) for item in clusters)
    for name, count in counts.items():
        if name in _RESERVED:
            raise ConfigError(f"a cluster may not be called {name!r}: the gateway has one of that name")
        if count > 1:
            raise ConfigError(f"{count} clusters are called {name!r}")


def _check_shape(item: Json) -> None:
    """Only what completing a cluster looks into; what else may be wrong is for `check` and Envoy to say."""
    extensions = item.get("typed_extension_protocol_options", {})
    options = extensions.get(names.HTTP_PROTOCOL_OPTIONS, {}) if isinstance(extensions, dict) else extensions
    common = options.get("common_http_protocol_options", {}) if isinstance(options, dict) else options
    filters = options.get("http_filters", []) if isinstance(options, dict) else []
    if not isinstance(common, dict):
        raise ConfigError(f"the cluster {item.get('name')!r} must have mappings in typed_extension_protocol_options")
    if not isinstance(filters, list) or not all(isinstance(one, dict) for one in filters):
        raise ConfigError(f"the cluster {item.get('name')!r} must have a list of filters in http_filters")
