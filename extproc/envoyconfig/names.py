"""What Envoy's configuration and the ext_proc server must agree on, and Envoy's long type names."""

from typing import Any

from extproc.exchange import relay

Json = dict[str, Any]

EXCHANGE_FILTER = "llm.extproc"  # in the listener, once a request
ATTEMPT_FILTER = "llm.extproc.attempt"  # in every LLM cluster, attempts after the first
CONTENT_LENGTH_FILTER = "llm.content_length"
USAGE_FILTER = "llm.usage"  # Envoy's own usage extraction

EXTPROC_CLUSTER = "extproc"
EMPTY_CLUSTER = "nowhere"
RELAY_CLUSTER = relay.CLUSTER  # answers that are under way in a worker

NAMESPACE = "llm"  # dynamic metadata
CHAIN_NAMESPACE = "llm.groups"  # typed: the clusters of one request, in order
USAGE_NAMESPACE = "envoy.ai.token_usage"  # typed: what Envoy's own extraction found
JWT_NAMESPACE = "envoy.filters.http.jwt_authn"  # what Envoy's jwt_authn found in tokens that it verified

SOURCE_ADDRESS = "source.address"  # attributes: who the caller is, in Envoy's words
CERTIFICATE_URI = "connection.uri_san_peer_certificate"

CLUSTER_HEADER = "x-llm-cluster"  # set by the server alone: without it no route leads to a provider
USAGE_HEADER = "x-llm-usage"  # `native`: let Envoy read the usage of this response
PHASE_HEADER = "x-llm-phase"  # gRPC initial metadata: `exchange` or `attempt`
WORKER_HEADER = "x-llm-worker"  # gRPC initial metadata: the socket of the worker that holds the exchange
RELAY_HEADER = "x-llm-relay"  # gRPC initial metadata: `yes` where Envoy has the relay's cluster
EXCHANGE_HEADER = "x-llm-exchange"  # gRPC initial metadata: the exchange's id

HEADERS_READ = (
    ":method",
    ":path",
    ":status",
    "anthropic-beta",
    "anthropic-version",
    "api-key",
    "authorization",
    "cache-control",
    "content-encoding",
    "content-length",
    "content-type",
    "openai-beta",
    "x-api-key",
    "x-goog-api-key",
    "x-request-id",
)
"""All that the server reads of requests and responses; what it is not sent costs nothing."""

_HTTP = "envoy.extensions.filters.http"
EXT_PROC = f"{_HTTP}.ext_proc.v3.ExternalProcessor"
AI_PROTOCOL_MANAGER = f"{_HTTP}.ai_protocol_manager.v3.AiProtocolManager"
AI_PROTOCOL_MANAGER_PER_ROUTE = f"{_HTTP}.ai_protocol_manager.v3.AiProtocolManagerPerRoute"
JWT_AUTHN = f"{_HTTP}.jwt_authn.v3.JwtAuthentication"
HEADER_MUTATION = f"{_HTTP}.header_mutation.v3.HeaderMutation"
ROUTER = f"{_HTTP}.router.v3.Router"
UPSTREAM_CODEC = f"{_HTTP}.upstream_codec.v3.UpstreamCodec"
HCM = "envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager"
HTTP_PROTOCOL_OPTIONS = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"
EARLY_HEADER_MUTATION = "envoy.extensions.http.early_header_mutation.header_mutation.v3.HeaderMutation"
FILE_ACCESS_LOG = "envoy.extensions.access_loggers.file.v3.FileAccessLog"
MATCHER = "envoy.extensions.common.matching.v3.ExtensionWithMatcher"
HEADER_INPUT = "envoy.type.matcher.v3.HttpRequestHeaderMatchInput"
SKIP_FILTER = "envoy.extensions.filters.common.matcher.action.v3.SkipFilter"
PRIORITY_GROUPS = "envoy.extensions.router.cluster_specifiers.priority_group.v3.PriorityGroupClusterSpecifier"
OVERRIDE_HOST = "envoy.extensions.load_balancing_policies.override_host.v3.OverrideHost"
LEAST_REQUEST = "envoy.extensions.load_balancing_policies.least_request.v3.LeastRequest"
DOWNSTREAM_TLS = "envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext"
UPSTREAM_TLS = "envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext"
CLUSTER = "envoy.config.cluster.v3.Cluster"
LISTENER = "envoy.config.listener.v3.Listener"

_PREFIX = "type.googleapis.com/"


def typed(type_name: str, **fields: Any) -> Json:
    """A message as Envoy's YAML writes one of an open type."""
    return {"@type": _PREFIX + type_name, **fields}


def type_of(value: Json) -> str:
    """The type that `typed` wrote, or empty."""
    return str(value.get("@type", "")).removeprefix(_PREFIX)
