"""Names, labels and values that dashboards and alerts are built on: a change here is a change of the contract."""

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from extproc.telemetry.families import ERROR_TYPES, OVERHEAD_BUCKETS, SECONDS_BUCKETS, TOKEN_BUCKETS, status_label
from extproc.telemetry.metrics import Metrics
from extproc.telemetry.record import EntityCount, Redactions, VerdictCount

GEN_AI = {"gen_ai_operation_name", "gen_ai_provider_name", "gen_ai_request_model", "backend", "team"}
OURS = {"operation", "provider", "backend", "model", "key", "team"}

CONTRACT = {
    "gen_ai_client_token_usage": ("histogram", GEN_AI | {"gen_ai_token_type"}),
    "gen_ai_client_operation_duration_seconds": ("histogram", GEN_AI | {"error_type"}),
    "gen_ai_client_operation_time_to_first_chunk_seconds": ("histogram", GEN_AI),
    "gen_ai_client_operation_time_per_output_chunk_seconds": ("histogram", GEN_AI),
    "llm_gateway_cost_usd_total": ("counter", OURS),
    "llm_gateway_unknown_cost_total": ("counter", OURS),
    "llm_gateway_tokens_total": ("counter", OURS | {"type", "estimated"}),
    "llm_gateway_requests_total": ("counter", OURS | {"status"}),
    "llm_gateway_attempts_total": ("counter", {"model"}),
    "llm_gateway_fallbacks_total": ("counter", {"model", "from_backend", "backend"}),
    "llm_gateway_responses_total": ("counter", {"backend", "data_path"}),
    "llm_gateway_overhead_seconds": ("histogram", {"stage"}),
    "llm_gateway_refusals_total": ("counter", {"rule", "mode"}),
    "llm_gateway_budget_used_ratio": ("gauge", {"budget", "scope", "subject"}),
    "llm_gateway_budget_thresholds_total": ("counter", {"budget", "scope", "subject", "percent"}),
    "llm_gateway_store_available": ("gauge", set()),
    "llm_gateway_decisions_without_store_total": ("counter", {"policy"}),
    "llm_gateway_settlements_lost_total": ("counter", set()),
    "llm_gateway_redactions_total": ("counter", {"entity", "action", "mode", "policy", "team"}),
    "llm_gateway_guardrail_verdicts_total": ("counter", {"rule", "action", "mode", "phase"}),
    "llm_gateway_restored_total": ("counter", {"outcome"}),
    "llm_gateway_recogniser_failures_total": ("counter", {"recogniser"}),
    "llm_gateway_cache_lookups_total": ("counter", {"model", "outcome"}),
    "llm_gateway_cache_events_total": ("counter", {"event"}),
    "llm_gateway_open_exchanges": ("gauge", set()),
    "llm_gateway_credential_renewals_total": ("counter", {"backend", "outcome"}),
    "llm_gateway_internal_errors_total": ("counter", set()),
    "llm_gateway_config_last_reload_successful": ("gauge", set()),
    "llm_gateway_config_last_reload_success_timestamp_seconds": ("gauge", set()),
}

REDACTIONS = Redactions("default", "enforce", (EntityCount("EMAIL_ADDRESS", "replace", 2),), restored=2)


def test_the_metrics_are_these_and_have_these_labels(a_record):
    registry = CollectorRegistry()
    metrics = Metrics(registry)
    metrics.record(a_record())
    metrics.record(a_record(cost=None))
    metrics.record(a_record(redactions=REDACTIONS))
    metrics.record(a_record(verdicts=(VerdictCount("words", "block", "enforce", "request", 1),)))
    metrics.credential_renewed("azure")
    metrics.credential_not_renewed("azure")
    metrics.refused("per-key", shadow=False)
    metrics.budget_used("month", "team", "search", 0.5)
    metrics.budget_threshold("month", "team", "search", 80, named=True)
    metrics.decided_without_store("deny")
    metrics.cache_lookup("gpt-4o", "hit")
    metrics.cache_event("kept")
    metrics.recogniser_failed("names")

    assert families_of(generate_latest(registry).decode()) == CONTRACT


def test_token_buckets_are_those_of_the_conventions():
    expected = (1, 4, 16, 64, 256, 1024, 4096, 16384, 65536, 262144, 1048576, 4194304, 16777216, 67108864)
    assert expected == TOKEN_BUCKETS


def test_duration_buckets_are_those_of_the_conventions():
    expected = (0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92)
    assert expected == SECONDS_BUCKETS


def test_overhead_buckets_begin_at_fifty_microseconds():
    assert OVERHEAD_BUCKETS[0] == 0.00005


def test_the_error_types_are_these():
    assert {
        "api_error",
        "budget_exceeded",
        "cancelled",
        "content_filter",
        "credential_unavailable",
        "endpoint_not_allowed",
        "endpoint_without_price",
        "identity_refused",
        "internal_error",
        "invalid_api_key",
        "invalid_request_error",
        "malformed_response",
        "model_not_allowed",
        "model_not_found",
        "model_without_price",
        "network_not_allowed",
        "no_backend_available",
        "not_cached",
        "overloaded",
        "provider_error",
        "rate_limit_error",
        "rate_limit_exceeded",
        "recogniser_unavailable",
        "request_too_large",
        "store_unavailable",
        "stream_error",
        "timeout",
        "unknown_path",
        "unsupported_parameter",
        "upstream_authentication",
        "upstream_billing",
        "upstream_error",
        "upstream_timeout",
        "usage_missing",
    } == ERROR_TYPES


def test_a_status_is_its_number():
    assert status_label(503) == "503"


def test_a_caller_that_left_before_a_status_has_status_zero():
    assert status_label(0) == "0"


def test_a_number_that_is_no_status_is_other():
    assert [status_label(600), status_label(-1)] == ["_OTHER", "_OTHER"]


def families_of(text):
    """Name to type and labels. The time of a series' creation is the library's addition outside worker mode."""
    families = {}
    for family in text_string_to_metric_families(text):
        if not family.name.endswith("_created"):
            name = f"{family.name}_total" if family.type == "counter" else family.name
            families[name] = (family.type, {label for sample in family.samples for label in sample.labels} - {"le"})
    return families
