from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Gauge, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from extproc.genai.usage import TokenUsage
from extproc.telemetry.metrics import Metrics, exposition
from extproc.telemetry.record import DataPath, ExchangeRecord

OURS = {
    "operation": "chat",
    "provider": "azure.ai.openai",
    "backend": "azure-eu",
    "model": "gpt-4o",
    "key": "ci",
    "team": "search",
}
GEN_AI = {
    "gen_ai_operation_name": "chat",
    "gen_ai_provider_name": "azure.ai.openai",
    "gen_ai_request_model": "gpt-4o",
    "backend": "azure-eu",
    "team": "search",
}


def test_the_counters_of_one_exchange(a_record):
    own = {**OURS, "estimated": "false"}

    assert counters(a_record()) == [
        ("llm_gateway_cost_usd_total", OURS, 0.0025),
        ("llm_gateway_tokens_total", {**own, "type": "input"}, 1000),
        ("llm_gateway_tokens_total", {**own, "type": "output"}, 200),
        ("llm_gateway_tokens_total", {**own, "type": "cache_read"}, 400),
        ("llm_gateway_tokens_total", {**own, "type": "cache_creation"}, 100),
        ("llm_gateway_tokens_total", {**own, "type": "reasoning"}, 50),
        ("llm_gateway_requests_total", {**OURS, "status": "200"}, 1),
        ("llm_gateway_attempts_total", {"model": "gpt-4o"}, 2),
        (
            "llm_gateway_fallbacks_total",
            {"model": "gpt-4o", "from_backend": "openai-us", "backend": "azure-eu"},
            1,
        ),
        ("llm_gateway_responses_total", {"backend": "azure-eu", "data_path": "count"}, 1),
        ("llm_gateway_settlements_lost_total", {}, 0),
        ("llm_gateway_internal_errors_total", {}, 0),
    ]


def test_input_and_output_tokens_are_two_observations(a_record):
    registry = recorded(a_record())
    usage = "gen_ai_client_token_usage"

    assert registry.get_sample_value(f"{usage}_sum", {**GEN_AI, "gen_ai_token_type": "input"}) == 1000
    assert registry.get_sample_value(f"{usage}_sum", {**GEN_AI, "gen_ai_token_type": "output"}) == 200
    assert buckets(registry, usage, gen_ai_token_type="output") == {"64.0": 0, "256.0": 1}


def test_the_duration_of_a_success_has_an_empty_error_type(a_record):
    registry = recorded(a_record(duration=2.0))

    assert buckets(registry, "gen_ai_client_operation_duration_seconds", error_type="") == {"1.28": 0, "2.56": 1}


def test_the_time_to_the_first_chunk(a_record):
    registry = recorded(a_record(time_to_first_chunk=0.5))

    assert buckets(registry, "gen_ai_client_operation_time_to_first_chunk_seconds") == {"0.32": 0, "0.64": 1}


def test_the_time_per_output_chunk(a_record):
    registry = recorded(a_record(time_per_output_chunk=0.0625))

    assert buckets(registry, "gen_ai_client_operation_time_per_output_chunk_seconds") == {"0.04": 0, "0.08": 1}


def test_the_time_in_python_by_stage(a_record):
    registry = recorded(a_record(overhead=(("request", 0.0004), ("response", 0.002))))
    overhead = "llm_gateway_overhead_seconds"

    assert registry.get_sample_value(f"{overhead}_sum", {"stage": "request"}) == 0.0004
    assert registry.get_sample_value(f"{overhead}_bucket", {"stage": "response", "le": "0.001"}) == 0
    assert registry.get_sample_value(f"{overhead}_bucket", {"stage": "response", "le": "0.0025"}) == 1


def test_what_was_not_streamed_has_no_times_of_chunks(a_record):
    names = names_of(recorded(a_record(time_to_first_chunk=None, time_per_output_chunk=None)))

    assert not {name for name in names if "chunk" in name}


def test_the_same_labels_add_up(a_record):
    registry = recorded(a_record(), a_record(request_id="another"), a_record(status=500))

    assert registry.get_sample_value("llm_gateway_requests_total", {**OURS, "status": "200"}) == 2
    assert registry.get_sample_value("llm_gateway_requests_total", {**OURS, "status": "500"}) == 1
    assert registry.get_sample_value("llm_gateway_cost_usd_total", OURS) == 0.0075


def test_an_error_is_named_on_the_duration(a_record):
    registry = recorded(a_record(error_type="cancelled"))
    labels = {**GEN_AI, "error_type": "cancelled"}

    assert registry.get_sample_value("gen_ai_client_operation_duration_seconds_count", labels) == 1


def test_an_error_type_of_a_provider_is_other(a_record):
    registry = recorded(a_record(error_type="insufficient_quota_for_alice@example.com"))
    labels = {**GEN_AI, "error_type": "_OTHER"}

    assert registry.get_sample_value("gen_ai_client_operation_duration_seconds_count", labels) == 1
    assert b"alice" not in generate_latest(registry)


def test_a_refused_caller_is_a_request_but_no_operation():
    registry = recorded(ExchangeRecord(operation="chat", status=401, duration=0.001, error_type="invalid_api_key"))
    labels = {"operation": "chat", "provider": "", "backend": "", "model": "", "key": "", "team": "", "status": "401"}

    assert registry.get_sample_value("llm_gateway_requests_total", labels) == 1
    assert not {name for name in names_of(registry) if name.startswith("gen_ai_client_operation_duration_seconds_")}


def test_estimated_tokens_are_apart_from_a_providers_own(a_record):
    registry = recorded(a_record(usage=TokenUsage(input_tokens=7)), a_record(usage=TokenUsage(5, estimated=True)))
    tokens = "llm_gateway_tokens_total"

    assert registry.get_sample_value(tokens, {**OURS, "type": "input", "estimated": "false"}) == 7
    assert registry.get_sample_value(tokens, {**OURS, "type": "input", "estimated": "true"}) == 5


def test_a_call_without_a_price_is_counted_as_such(a_record):
    registry = recorded(a_record(cost=None))

    assert registry.get_sample_value("llm_gateway_unknown_cost_total", OURS) == 1
    assert registry.get_sample_value("llm_gateway_cost_usd_total", OURS) is None


def test_a_call_that_used_nothing_has_no_unknown_cost(a_record):
    registry = recorded(a_record(usage=None, cost=None, status=503))

    assert registry.get_sample_value("llm_gateway_unknown_cost_total", OURS) is None


def test_a_call_that_costs_nothing_is_not_of_unknown_cost(a_record):
    registry = recorded(a_record(cost=0))

    assert registry.get_sample_value("llm_gateway_cost_usd_total", OURS) == 0
    assert registry.get_sample_value("llm_gateway_unknown_cost_total", OURS) is None


def test_a_second_attempt_at_the_same_backend_is_no_fallback(a_record):
    names = names_of(recorded(a_record(attempts=2, fallback_from="")))

    assert "llm_gateway_fallbacks_total" not in names


def test_open_exchanges_go_up_and_down():
    registry = CollectorRegistry()
    metrics = Metrics(registry)
    metrics.exchange_opened()
    metrics.exchange_opened()
    metrics.exchange_closed()

    assert registry.get_sample_value("llm_gateway_open_exchanges") == 1


def test_internal_errors_are_counted():
    registry = CollectorRegistry()
    Metrics(registry).internal_error()

    assert registry.get_sample_value("llm_gateway_internal_errors_total") == 1


def test_lookups_and_events_of_the_cache_are_counted():
    registry = CollectorRegistry()
    metrics = Metrics(registry)
    metrics.cache_lookup("gpt-4o", "hit")
    metrics.cache_lookup("gpt-4o", "hit")
    metrics.cache_lookup("gpt-4o", "bypass")
    metrics.cache_event("corrupt")

    lookups = "llm_gateway_cache_lookups_total"
    assert registry.get_sample_value(lookups, {"model": "gpt-4o", "outcome": "hit"}) == 2
    assert registry.get_sample_value(lookups, {"model": "gpt-4o", "outcome": "bypass"}) == 1
    assert registry.get_sample_value("llm_gateway_cache_events_total", {"event": "corrupt"}) == 1


def test_a_rejected_document_leaves_the_time_of_the_last_good_one():
    registry = CollectorRegistry()
    metrics = Metrics(registry)
    metrics.config_loaded(1_795_000_000.0)
    assert registry.get_sample_value("llm_gateway_config_last_reload_successful") == 1

    metrics.config_rejected()
    assert registry.get_sample_value("llm_gateway_config_last_reload_successful") == 0
    assert registry.get_sample_value("llm_gateway_config_last_reload_success_timestamp_seconds") == 1_795_000_000


def test_a_process_without_workers_shows_its_own_registry():
    registry = CollectorRegistry()
    Gauge("workers", "Workers.", registry=registry).set(3)

    assert exposition(None, registry) == b"# HELP workers Workers.\n# TYPE workers gauge\nworkers 3.0\n"


def test_nothing_that_identifies_a_request_is_in_the_text(a_record):
    text = generate_latest(recorded(a_record(request_id="6c1f-secret", finish_reasons=("stop-secret",))))

    assert b"secret" not in text


anything = st.text(max_size=8) | st.just("\ud800")
number = st.integers() | st.sampled_from([10**400, -(10**400)])
seconds = st.floats()


@given(
    st.builds(
        ExchangeRecord,
        operation=anything,
        status=number,
        duration=seconds,
        model=anything,
        backend=anything,
        provider=anything,
        key_alias=anything,
        team=anything,
        attempts=number,
        fallback_from=anything,
        error_type=anything,
        data_path=st.sampled_from(DataPath),
        usage=st.none() | st.builds(TokenUsage, number, number, number, number, number, estimated=st.booleans()),
        cost=st.none() | number,
        time_to_first_chunk=st.none() | seconds,
        time_per_output_chunk=st.none() | seconds,
        overhead=st.lists(st.tuples(anything, seconds), max_size=3).map(tuple),
    )
)
def test_no_record_can_break_recording_or_the_text(record):
    registry = recorded(record)

    assert list(text_string_to_metric_families(exposition(None, registry).decode()))


def recorded(*records):
    registry = CollectorRegistry()
    metrics = Metrics(registry)
    for record in records:
        metrics.record(record)
    return registry


def counters(record):
    text = generate_latest(recorded(record)).decode()
    families = [family for family in text_string_to_metric_families(text) if family.type == "counter"]
    return [(sample.name, sample.labels, sample.value) for family in families for sample in family.samples]


def names_of(registry):
    return {sample.name for family in registry.collect() for sample in family.samples}


def buckets(registry, name, **labels):
    """The last bucket that the one observation is not in, and the first that it is in."""
    found = [
        (sample.labels["le"], sample.value)
        for family in registry.collect()
        for sample in family.samples
        if sample.name == f"{name}_bucket" and (GEN_AI | labels).items() <= sample.labels.items()
    ]
    first = next(index for index, (_, count) in enumerate(found) if count)
    return dict(found[first - 1 : first + 1])
