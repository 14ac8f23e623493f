"""The HTTP filters that make an Envoy a part of the gateway. Seen on Envoy 1.40.0 where a comment says what it does."""

from typing import Any

from extproc.envoyconfig import names
from extproc.envoyconfig.names import Json, typed

_MESSAGE_TIMEOUT = "5s"
_SKIP_TRAILERS = {"request_trailer_mode": "SKIP", "response_trailer_mode": "SKIP"}


def exchange(*, native_usage: bool, relay: bool = True) -> Json:
    """The listener's filter: one stream an exchange. Response bodies are asked for in each answer, by mode_override.

    `relay`: this Envoy has the cluster of that name, and the sockets of the workers.
    What says who the caller is, is always sent: an attribute or namespace that a request does not have costs nothing.
    """
    said = [(names.PHASE_HEADER, "exchange"), *([(names.RELAY_HEADER, "yes")] if relay else [])]
    receiving = {"untyped": [names.NAMESPACE], "typed": [names.CHAIN_NAMESPACE]}
    forwarding = {"untyped": [names.JWT_NAMESPACE], **({"typed": [names.USAGE_NAMESPACE]} if native_usage else {})}
    return _filter(
        names.EXCHANGE_FILTER,
        typed(
            names.EXT_PROC,
            grpc_service=_grpc_service(said),
            failure_mode_allow=False,
            message_timeout=_MESSAGE_TIMEOUT,
            allow_mode_override=True,
            processing_mode={
                "request_header_mode": "SEND",
                "request_body_mode": "BUFFERED",
                # Asked for in the reply to each request. With SEND, an answer of Envoy's own to a request that it
                # cannot parse would wait for ours, and the connection closes first.
                "response_header_mode": "SKIP",
                "response_body_mode": "NONE",
                **_SKIP_TRAILERS,
            },
            request_attributes=[names.SOURCE_ADDRESS, names.CERTIFICATE_URI],
            response_attributes=["xds.cluster_name", "upstream.request_attempt_count", "response.code_details"],
            forward_rules={"allowed_headers": {"patterns": [{"exact": name} for name in names.HEADERS_READ]}},
            mutation_rules={"allow_all_routing": True, "allow_envoy": True},
            metadata_options={"forwarding_namespaces": forwarding, "receiving_namespaces": receiving},
        ),
    )


def attempt() -> Json:
    """A cluster's filter: headers only, for the second and later attempts, at the worker that holds the exchange.

    It must never be sent a body: that crashes Envoy 1.40.0. Of the headers one is enough, so that the credential of
    the attempt before goes nowhere.
    """
    processor = typed(
        names.EXT_PROC,
        grpc_service=_grpc_service(
            [
                (names.PHASE_HEADER, "attempt"),
                (names.WORKER_HEADER, _metadata("worker")),
                (names.EXCHANGE_HEADER, _metadata("exchange")),
            ]
        ),
        failure_mode_allow=False,
        message_timeout=_MESSAGE_TIMEOUT,
        processing_mode={
            "request_header_mode": "SEND",
            "request_body_mode": "NONE",
            "response_header_mode": "SKIP",
            "response_body_mode": "NONE",
            **_SKIP_TRAILERS,
        },
        request_attributes=["xds.cluster_name", "upstream.request_attempt_count"],
        forward_rules={"allowed_headers": {"patterns": [{"exact": ":path"}]}},
        mutation_rules={"allow_all_routing": True},
        metadata_options={"receiving_namespaces": {"untyped": [names.NAMESPACE]}},
    )
    return _filter(
        names.ATTEMPT_FILTER,
        typed(
            names.MATCHER,
            xds_matcher=_skip_when_header("x-envoy-attempt-count", "1"),
            extension_config=_filter(names.ATTEMPT_FILTER, processor),
        ),
    )


def content_length() -> Json:
    """Puts back the length that Envoy drops when the attempt filter replaces a body, and hides the attempt count."""
    length = {"key": "content-length", "value": _metadata("content_length")}
    return _filter(
        names.CONTENT_LENGTH_FILTER,
        typed(
            names.HEADER_MUTATION,
            mutations={
                "request_mutations": [
                    {"remove": "x-envoy-attempt-count"},
                    {"append": {"append_action": "ADD_IF_ABSENT", "header": length}},
                ]
            },
        ),
    )


def upstream_codec() -> Json:
    return _filter("envoy.filters.http.upstream_codec", typed(names.UPSTREAM_CODEC))


def usage() -> Json:
    """Envoy's own usage extraction, on the routes that ask for it (`usage_on_route`).

    It adds trailers, and an ext_proc filter that has a response body mode then waits for ever: so never on all routes.
    """
    extraction = {"token_usage": {"usage_signal": "SYNTHESIZE_TRAILERS"}}
    return _filter(names.USAGE_FILTER, typed(names.AI_PROTOCOL_MANAGER, response_handling=extraction))


def usage_on_route() -> Json:
    """The format is detected from the response."""
    return {
        names.USAGE_FILTER: typed(
            names.AI_PROTOCOL_MANAGER_PER_ROUTE, response={"llm_protocol": "LLM_PROTOCOL_UNSPECIFIED"}
        )
    }


def router() -> Json:
    return _filter("envoy.filters.http.router", typed(names.ROUTER, suppress_envoy_headers=True))


def _filter(name: str, typed_config: Json) -> Json:
    return {"name": name, "typed_config": typed_config}


def _metadata(key: str) -> str:
    return f"%DYNAMIC_METADATA({names.NAMESPACE}:{key})%"


def _grpc_service(initial_metadata: list[tuple[str, str]]) -> Json:
    return {
        "envoy_grpc": {"cluster_name": names.EXTPROC_CLUSTER, "skip_envoy_headers": True},
        "initial_metadata": [{"key": key, "value": value} for key, value in initial_metadata],
    }


def _skip_when_header(header: str, value: str) -> dict[str, Any]:
    return {
        "matcher_list": {
            "matchers": [
                {
                    "predicate": {
                        "single_predicate": {
                            "input": _filter(header, typed(names.HEADER_INPUT, header_name=header)),
                            "value_match": {"exact": value},
                        }
                    },
                    "on_match": {"action": _filter("skip", typed(names.SKIP_FILTER))},
                }
            ]
        }
    }
