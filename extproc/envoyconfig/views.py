"""The parts of Envoy's configuration that the rules look at."""

from collections.abc import Iterator
from dataclasses import dataclass

from extproc.config.model import Gateway
from extproc.envoyconfig import names
from extproc.envoyconfig.names import Json
from extproc.envoyconfig.read import EnvoyConfig, Place

_DEFAULT_BUFFER_BYTES = 1 << 20


def provider_clusters(gateway: Gateway, config: EnvoyConfig) -> Iterator[Place]:
    """The clusters that backends name, those that exist."""
    for name in dict.fromkeys(backend.cluster for backend in gateway.backends):
        cluster = config.cluster(name)
        if cluster is not None:
            yield cluster


def http_options(cluster: Place) -> Place:
    return cluster.at("typed_extension_protocol_options", names.HTTP_PROTOCOL_OPTIONS)


def attempt_filter(cluster: Place) -> Place | None:
    """The ext_proc configuration of the cluster's attempt filter, out of its matcher."""
    for item in http_options(cluster).at("http_filters").items():
        if item.name == names.ATTEMPT_FILTER:
            config = item.at("typed_config")
            return config.at("extension_config", "typed_config") if config.type == names.MATCHER else config
    return None


def initial_metadata(ext_proc: Place) -> dict[str, str]:
    """What the filter sends along with each stream."""
    entries = ext_proc.at("grpc_service", "initial_metadata").items()
    return {str(entry.get("key")): str(entry.get("value")) for entry in entries}


def has_relay(door: "Door") -> bool:
    """Whether the filter says that there is a way to answers that are under way."""
    ext_proc = door.exchange_filter
    return ext_proc is not None and initial_metadata(ext_proc).get(names.RELAY_HEADER) == "yes"


def coalesces(gateway: Gateway) -> bool:
    """Whether identical requests that are under way may share an answer."""
    return gateway.cache is not None and any(route.coalesce for route in gateway.cache.routes)


def thresholds(cluster: Place) -> Json:
    """The circuit breaker of ordinary requests; empty when Envoy's defaults count."""
    for item in cluster.at("circuit_breakers", "thresholds").items():
        if item.get("priority") in (None, "DEFAULT") and isinstance(item.value, dict):
            return item.value
    return {}


def hosts(cluster: Place) -> Iterator[Place]:
    """The socket addresses of a cluster's endpoints."""
    for group in cluster.at("load_assignment", "endpoints").items():
        for endpoint in group.at("lb_endpoints").items():
            address = endpoint.at("endpoint", "address", "socket_address")
            if address.value is not None:
                yield address


@dataclass(frozen=True)
class Door:
    """An HTTP connection manager: a way in for requests."""

    listener: Place
    manager: Place

    @property
    def exchange_filter(self) -> Place | None:
        """The ext_proc configuration of the filter that decides."""
        for item in self.manager.at("http_filters").items():
            if item.name == names.EXCHANGE_FILTER:
                return item.at("typed_config")
        return None

    @property
    def virtual_hosts(self) -> Iterator[Place]:
        return self.manager.at("route_config", "virtual_hosts").items()

    @property
    def routes(self) -> Iterator["Route"]:
        for host in self.virtual_hosts:
            for route in host.at("routes").items():
                yield Route(self, host, route)


@dataclass(frozen=True)
class Route:
    """One way out."""

    door: Door
    virtual_host: Place
    place: Place

    @property
    def buffer_bytes(self) -> int:
        """How large a body the listener's filters may buffer. A route's own limit can only raise the connection's."""
        connection = self.door.listener.get("per_connection_buffer_limit_bytes")
        own = self.place.get("request_body_buffer_limit")
        inherited = self.virtual_host.get("request_body_buffer_limit")
        raised = own if own is not None else inherited
        return max(_DEFAULT_BUFFER_BYTES if connection is None else int(connection), int(raised or 0))

    @property
    def needs_decision(self) -> bool:
        """Whether it matches only requests that carry the header which the server alone sets."""
        for header in self.place.at("match", "headers").items():
            if header.get("name") == names.CLUSTER_HEADER and not header.get("invert_match"):
                return header.get("present_match") is not False and not header.get("treat_missing_header_as_empty")
        return False

    @property
    def skips_filter(self) -> bool:
        """Whether the deciding filter is switched off here."""
        override = ("typed_per_filter_config", names.EXCHANGE_FILTER, "disabled")
        return any(place.get(*override) is True for place in (self.place, self.virtual_host))

    def reaches(self, clusters: set[str]) -> bool:
        """Whether a request could come to one of `clusters`; a cluster named by the request could be any."""
        action = self.place.at("route")
        if not isinstance(action.value, dict):
            return False
        weighted = {item.name for item in action.at("weighted_clusters", "clusters").items()}
        if action.get("cluster") is not None or weighted:
            return bool(clusters & (weighted | {str(action.get("cluster"))}))
        return True


def doors(config: EnvoyConfig) -> Iterator[Door]:
    for listener in config.listeners:
        for chain in (*listener.at("filter_chains").items(), listener.at("default_filter_chain")):
            for item in chain.at("filters").items():
                manager = item.at("typed_config")
                if manager.type == names.HCM:
                    yield Door(listener, manager)
