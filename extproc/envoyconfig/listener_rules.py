"""What stands between a client and the providers. What Envoy does otherwise was seen on 1.40.0."""

from collections.abc import Callable, Iterator

from extproc.config.model import Gateway, UsageExtraction
from extproc.envoyconfig import names
from extproc.envoyconfig.cluster_rules import error, warning
from extproc.envoyconfig.finding import Finding
from extproc.envoyconfig.read import EnvoyConfig, Place
from extproc.envoyconfig.render import longest_chain
from extproc.envoyconfig.views import Door, Route, coalesces, doors, has_relay, initial_metadata

_RETRIED = ("connect-failure", "reset", "5xx", "retriable-status-codes")
_COVERED_BY_5XX = ("connect-failure", "reset")
# field, what it must be, what happens otherwise
_EXCHANGE_MODES = (
    ("request_header_mode", ("DEFAULT", "SEND"), "the server would not see the key"),
    ("request_body_mode", ("BUFFERED",), "the server needs the whole body in one message"),
    ("response_header_mode", ("SKIP",), "the server asks for them itself, and Envoy's own refusals get no answer else"),
    ("response_body_mode", ("NONE",), "the server asks for bodies itself, for each response"),
)


def no_way_round_the_server(gateway: Gateway, config: EnvoyConfig) -> Iterator[Finding]:
    for route in _provider_routes(gateway, config):
        if route.door.exchange_filter is None:
            yield error(route.place, f"leads to a provider, and the listener has no filter {names.EXCHANGE_FILTER}")
        elif route.skips_filter:
            yield error(route.place, f"leads to a provider with the filter {names.EXCHANGE_FILTER} disabled")
        elif not route.needs_decision:
            yield error(
                route.place,
                f"leads to a provider without the server's decision: match on the header {names.CLUSTER_HEADER}",
            )


def exchange_filter_is_whole(gateway: Gateway, config: EnvoyConfig) -> Iterator[Finding]:
    for door in doors(config):
        ext_proc = door.exchange_filter
        if ext_proc is not None:
            yield from _exchange_switches(ext_proc)
            yield from _exchange_modes(ext_proc)
            yield from _exchange_lists(ext_proc)


def _exchange_switches(ext_proc: Place) -> Iterator[Finding]:
    if ext_proc.get("failure_mode_allow"):
        yield error(
            ext_proc.at("failure_mode_allow"), "must be false: requests would pass unchecked when the server is away"
        )
    if ext_proc.get("observability_mode"):
        yield error(ext_proc.at("observability_mode"), "must be false: the server's decisions would be ignored")
    if not ext_proc.get("allow_mode_override"):
        yield error(ext_proc.at("allow_mode_override"), "must be true: the server chooses what it sees of a response")
    if not ext_proc.get("mutation_rules", "allow_all_routing"):
        yield error(
            ext_proc.at("mutation_rules", "allow_all_routing"), "must be true: the server sets path and authority"
        )
    if not ext_proc.get("mutation_rules", "allow_envoy"):
        yield error(ext_proc.at("mutation_rules", "allow_envoy"), "must be true: the server sets x-envoy-max-retries")
    if initial_metadata(ext_proc).get(names.PHASE_HEADER, "exchange") != "exchange":
        yield error(ext_proc.at("grpc_service", "initial_metadata"), f"{names.PHASE_HEADER} must be exchange")


def _exchange_modes(ext_proc: Place) -> Iterator[Finding]:
    for field, allowed, otherwise in _EXCHANGE_MODES:
        mode = ext_proc.at("processing_mode", field)
        default = "NONE" if "body" in field else "DEFAULT"
        if (mode.value or default) not in allowed:
            yield error(mode, f"must be {allowed[-1]}: {otherwise}")


def _exchange_lists(ext_proc: Place) -> Iterator[Finding]:
    receiving = ext_proc.at("metadata_options", "receiving_namespaces")
    for place, wanted, otherwise in (
        (receiving.at("untyped"), names.NAMESPACE, "the access log would be empty and no attempt would be retried"),
        (receiving.at("typed"), names.CHAIN_NAMESPACE, "no request would find its cluster"),
        (ext_proc.at("response_attributes"), "xds.cluster_name", "the server could not know who answered"),
        (ext_proc.at("response_attributes"), "upstream.request_attempt_count", "the server could not count attempts"),
        (ext_proc.at("response_attributes"), "response.code_details", "Envoy's own errors would pass for a provider's"),
    ):
        if wanted not in (place.value or []):
            yield error(place, f"lacks {wanted}: {otherwise}")


def internal_headers_are_removed(gateway: Gateway, config: EnvoyConfig) -> Iterator[Finding]:
    for door in doors(config):
        if door.exchange_filter is None:
            continue
        removed = set(_early_removed_prefixes(door.manager))
        for prefix in ("x-llm-", "x-envoy-"):
            if prefix not in removed:
                yield error(
                    door.manager.at("early_header_mutation_extensions"),
                    f"clients could send {prefix}* headers: remove them before routing",
                )


def _early_removed_prefixes(manager: Place) -> Iterator[str]:
    for extension in manager.at("early_header_mutation_extensions").items():
        for mutation in extension.at("typed_config", "mutations").items():
            yield str(mutation.get("remove_on_match", "key_matcher", "prefix"))


def attempts_are_counted(gateway: Gateway, config: EnvoyConfig) -> Iterator[Finding]:
    for door in doors(config):
        for host in door.virtual_hosts if door.exchange_filter is not None else ():
            if not host.get("include_request_attempt_count"):
                yield error(
                    host.at("include_request_attempt_count"),
                    f"must be true: {names.ATTEMPT_FILTER} tells the first attempt by it",
                )


def chains_can_be_walked(gateway: Gateway, config: EnvoyConfig) -> Iterator[Finding]:
    for route in _provider_routes(gateway, config):
        needed = longest_chain(gateway) - 1 + int(coalesces(gateway) and has_relay(route.door))
        yield from _retry_policy(route.place.at("route", "retry_policy"), needed)


def _retry_policy(policy: Place, needed: int) -> Iterator[Finding]:
    if not needed:
        return
    if policy.value is None:
        yield error(policy, "no retry policy: the first provider's failure would be the answer")
        return
    if int(policy.get("num_retries") or 1) < needed:
        yield error(
            policy.at("num_retries"), f"must be {needed} or more, for the longest chain of the gateway document"
        )
    if not policy.get("refresh_cluster_on_retry"):
        yield error(
            policy.at("refresh_cluster_on_retry"), "must be true: every retry would go to the chain's first cluster"
        )
    retried = {token.strip() for token in str(policy.get("retry_on") or "").split(",")}
    for token in _RETRIED:
        if token not in retried and not (token in _COVERED_BY_5XX and "5xx" in retried):
            yield error(policy.at("retry_on"), f"lacks {token}")
    if 429 not in (policy.get("retriable_status_codes") or []):
        yield error(
            policy.at("retriable_status_codes"), "lacks 429: a rate-limited provider would not be replaced by the next"
        )
    if not policy.get("per_try_idle_timeout"):
        yield warning(policy.at("per_try_idle_timeout"), "a provider that stalls is never replaced by the next")


def streams_may_last(gateway: Gateway, config: EnvoyConfig) -> Iterator[Finding]:
    for route in _provider_routes(gateway, config):
        timeout = route.place.at("route", "timeout")
        if timeout.value is None:
            yield error(timeout, "Envoy's default ends every response after 15 seconds: set 0s, and idle_timeout")


def bodies_fit(gateway: Gateway, config: EnvoyConfig) -> Iterator[Finding]:
    """Every route counts: the one that matches before the server has decided limits the body that the server sees."""
    for door in doors(config):
        for route in door.routes if door.exchange_filter is not None else ():
            if route.buffer_bytes < gateway.max_request_bytes:
                yield error(
                    route.place.at("request_body_buffer_limit"),
                    f"{route.buffer_bytes} bytes, less than the gateway document's max_request_bytes "
                    f"({gateway.max_request_bytes})",
                )


def native_usage_is_scoped(gateway: Gateway, config: EnvoyConfig) -> Iterator[Finding]:
    for door in doors(config):
        ext_proc = door.exchange_filter
        if ext_proc is None:
            continue
        extraction = _usage_filter(door.manager)
        if extraction is not None and extraction.get("response_handling", "token_usage", "include_unconfigured_routes"):
            yield error(
                extraction.at("response_handling", "token_usage", "include_unconfigured_routes"),
                "must be false: responses whose body the server reads would hang",
            )
        if gateway.usage_extraction is UsageExtraction.NATIVE:
            yield from _native_usage_arrives(door, ext_proc, extraction)


def _native_usage_arrives(door: Door, ext_proc: Place, extraction: Place | None) -> Iterator[Finding]:
    if extraction is None:
        yield error(
            door.manager.at("http_filters"),
            "usage_extraction is native, and there is no ai_protocol_manager filter after " + names.EXCHANGE_FILTER,
        )
    forwarded = ext_proc.at("metadata_options", "forwarding_namespaces", "typed")
    if names.USAGE_NAMESPACE not in (forwarded.value or []):
        yield error(forwarded, f"lacks {names.USAGE_NAMESPACE}: the server would not see the usage")
    if not any(_asks_for_usage(route) for route in door.routes):
        yield error(
            door.manager.at("route_config"), f"usage_extraction is native, and no route matches {names.USAGE_HEADER}"
        )


def _usage_filter(manager: Place) -> Place | None:
    for item in manager.at("http_filters").items():
        if item.at("typed_config").type == names.AI_PROTOCOL_MANAGER:
            return item.at("typed_config")
    return None


def _asks_for_usage(route: Route) -> bool:
    headers = route.place.at("match", "headers").items()
    return any(header.get("name") == names.USAGE_HEADER for header in headers)


def _provider_routes(gateway: Gateway, config: EnvoyConfig) -> Iterator[Route]:
    providers = {backend.cluster for backend in gateway.backends}
    for door in doors(config):
        for route in door.routes:
            if route.reaches(providers):
                yield route


RULES: tuple[Callable[[Gateway, EnvoyConfig], Iterator[Finding]], ...] = (
    no_way_round_the_server,
    exchange_filter_is_whole,
    internal_headers_are_removed,
    attempts_are_counted,
    chains_can_be_walked,
    streams_may_last,
    bodies_fit,
    native_usage_is_scoped,
)
