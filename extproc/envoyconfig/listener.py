"""The listener: what clients may send, who decides, and where a request can go."""

import copy

from extproc.envoyconfig import filters, local_reply, names
from extproc.envoyconfig.names import Json, typed

_NEVER_TO_A_PROVIDER = (
    names.CLUSTER_HEADER,
    names.USAGE_HEADER,
    "cookie",
    "forwarded",
    "x-envoy-external-address",
    "x-envoy-internal",
    "x-forwarded-for",
    "x-forwarded-host",
    "x-forwarded-port",
    "x-forwarded-proto",
    "x-real-ip",
)
_NEVER_TO_A_CLIENT = ("alt-svc", "set-cookie")  # a provider's: they would be taken for this address's own
_LLM = {name: f"%DYNAMIC_METADATA({names.NAMESPACE}:{name})%" for name in ("model", "backend", "provider")}
_COUNTS = ("input_tokens", "output_tokens", "cached_tokens", "cost_nano_usd", "redactions")
_OUTCOME = {name: f"%DYNAMIC_METADATA({names.NAMESPACE}:{name})%" for name in (*_COUNTS, "data_path", "error_type")}
_ACCESS_LOG: Json = {
    "time": "%START_TIME%",
    "request_id": "%STREAM_ID%",
    "method": "%REQ(:METHOD)%",
    "status": "%RESPONSE_CODE%",
    "details": "%RESPONSE_CODE_DETAILS%",
    "flags": "%RESPONSE_FLAGS%",
    "client": "%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%",
    "key": f"%DYNAMIC_METADATA({names.NAMESPACE}:key)%",
    "team": f"%DYNAMIC_METADATA({names.NAMESPACE}:team)%",
    **_LLM,
    "upstream_model": f"%DYNAMIC_METADATA({names.NAMESPACE}:upstream_model)%",
    "cluster": "%UPSTREAM_CLUSTER_RAW%",
    "attempts": "%UPSTREAM_REQUEST_ATTEMPT_COUNT%",
    **_OUTCOME,
    "duration_ms": "%DURATION%",
    "first_byte_ms": "%RESPONSE_DURATION%",
    "bytes_received": "%BYTES_RECEIVED%",
    "bytes_sent": "%BYTES_SENT%",
}


def listener(address: str, port: int, connection_manager: Json) -> Json:
    return {
        "name": "llm",
        "address": {"socket_address": {"address": address, "port_value": port}},
        "filter_chains": [
            {"filters": [{"name": "envoy.filters.network.http_connection_manager", "typed_config": connection_manager}]}
        ],
    }


def connection_manager(routes: list[Json], *, native_usage: bool, access_log: str, idle_seconds: int) -> Json:
    return typed(
        names.HCM,
        stat_prefix="llm",
        use_remote_address=True,  # with it a client's x-request-id and x-envoy-* are not believed
        skip_xff_append=True,
        always_set_request_id_in_response=True,
        normalize_path=True,
        request_headers_timeout="30s",
        stream_idle_timeout=f"{idle_seconds}s",
        early_header_mutation_extensions=[
            {
                "name": "envoy.http.early_header_mutation.header_mutation",
                "typed_config": typed(names.EARLY_HEADER_MUTATION, mutations=_early_mutations()),
            }
        ],
        access_log=[
            {
                "name": "envoy.access_loggers.file",
                "typed_config": typed(
                    names.FILE_ACCESS_LOG, path=access_log, log_format={"json_format": dict(_ACCESS_LOG)}
                ),
            }
        ],
        local_reply_config=local_reply.config(),
        http_filters=[
            filters.exchange(native_usage=native_usage),
            *([filters.usage()] if native_usage else []),
            filters.router(),
        ],
        route_config={
            "name": "llm",
            "virtual_hosts": [
                {
                    "name": "llm",
                    "domains": ["*"],
                    "include_request_attempt_count": True,
                    "request_headers_to_remove": list(_NEVER_TO_A_PROVIDER),
                    "response_headers_to_remove": list(_NEVER_TO_A_CLIENT),
                    "routes": routes,
                }
            ],
        },
    )


def routes(*, native_usage: bool, body_limit: int, retries: int, idle_seconds: int, stall_seconds: int) -> list[Json]:
    """To providers only with the header that the server alone sets; everything else ends in a cluster without hosts.

    The last route is the one that matches before the server has decided, so its limit counts while the body is read.
    Envoy takes a route's limit only to raise its own of 1 MiB; a lower one is the server's to keep.
    """
    decided: Json = {
        "match": {"prefix": "/", "headers": [{"name": names.CLUSTER_HEADER, "present_match": True}]},
        "request_body_buffer_limit": body_limit,
        "route": {
            "timeout": "0s",  # a stream may last; idle_timeout ends a dead one
            "idle_timeout": f"{idle_seconds}s",
            "inline_cluster_specifier_plugin": {"extension": _chain()},
            "retry_policy": _retry_policy(retries, stall_seconds),
        },
    }
    undecided: Json = {
        "match": {"prefix": "/"},
        "request_body_buffer_limit": body_limit,
        "route": {"cluster": names.EMPTY_CLUSTER},
    }
    return [*([_with_native_usage(decided)] if native_usage else []), decided, undecided]


def _with_native_usage(route: Json) -> Json:
    route = copy.deepcopy(route)
    route["match"]["headers"].append({"name": names.USAGE_HEADER, "string_match": {"exact": "native"}})
    route["typed_per_filter_config"] = filters.usage_on_route()
    return route


def _early_mutations() -> list[Json]:
    """Before routing and every filter. Without accept-encoding providers answer uncompressed, so that we can read."""
    return [
        {"remove_on_match": {"key_matcher": {"prefix": "x-llm-"}}},
        {"remove_on_match": {"key_matcher": {"prefix": "x-envoy-"}}},
        {"remove": "accept-encoding"},
    ]


def _chain() -> Json:
    return {
        "name": "envoy.router.cluster_specifier_plugin.priority_group",
        "typed_config": typed(
            names.PRIORITY_GROUPS,
            override_metadata_namespace=names.CHAIN_NAMESPACE,
            priority_groups=[{"name": "none", "clusters": [{"cluster_name": names.EMPTY_CLUSTER, "weight": 1}]}],
        ),
    }


def _retry_policy(retries: int, stall_seconds: int) -> Json:
    """`num_retries` is what a request may do that does not say so itself: the server sets x-envoy-max-retries."""
    return {
        "retry_on": "connect-failure,refused-stream,reset,5xx,retriable-status-codes",
        "retriable_status_codes": [408, 429],
        "num_retries": retries,
        "refresh_cluster_on_retry": True,
        "per_try_idle_timeout": f"{stall_seconds}s",
        "retry_back_off": {"base_interval": "0.025s", "max_interval": "0.1s"},
    }
