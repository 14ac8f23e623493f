"""Every metric the workers keep, with its labels and buckets: the contract with dashboards.

The names that begin with `gen_ai_` are OpenTelemetry's, as its Prometheus exporter writes them (dots become
underscores, the unit `s` becomes `_seconds`, a unit in braces is left out):
https://github.com/open-telemetry/semantic-conventions-genai/blob/main/docs/gen-ai/gen-ai-metrics.md, seen 2026-11-21.
The others are the gateway's own. Help texts are short, because each of a worker's series stores a copy of its own.
"""

from typing import Literal

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from extproc import errors
from extproc.errors import GatewayError

LABELS = ("operation", "provider", "backend", "model", "key", "team")
"""What most of the gateway's own metrics are told apart by; every value comes from the configuration or from code."""

GEN_AI_LABELS = ("gen_ai_operation_name", "gen_ai_provider_name", "backend", "gen_ai_request_model", "team")
"""The same, under OpenTelemetry's names where it has one, without the key: sixteen series a histogram are too many to
keep for every key. What a key spends is in the counters."""

TOKEN_BUCKETS = tuple(4**power for power in range(14))
SECONDS_BUCKETS = tuple(round(0.01 * 2**power, 2) for power in range(14))
"""10 ms to 81.92 s, doubling: what the conventions ask for, for the operation and for both times of its chunks."""

OVERHEAD_BUCKETS = (0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0)
"""50 µs to 1 s: one call into Python takes tens of microseconds, a large body milliseconds."""

OTHER = "_OTHER"
"""OpenTelemetry's value for an `error.type` outside the list of those that are reported."""

_FROM_A_PROVIDER = frozenset(
    {
        "cancelled",
        "malformed_response",
        "overloaded",
        "provider_error",
        "rate_limit_error",
        "rate_limit_exceeded",
        "stream_error",
        "timeout",
        "unknown_path",
        "upstream_authentication",
        "upstream_billing",
        "upstream_error",
        "upstream_timeout",
        "usage_missing",
    }
)


_NOT_ALLOWED = frozenset(
    {
        "endpoint_not_allowed",
        "endpoint_without_price",
        "identity_refused",
        "model_without_price",
        "network_not_allowed",
    }
)


def _codes() -> frozenset[str]:
    """The code of each class of error, or its type where it has none."""
    kinds = (kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, GatewayError))
    return frozenset(kind.code or kind.type for kind in kinds)


ERROR_TYPES = _codes() | _FROM_A_PROVIDER | _NOT_ALLOWED | {"not_cached"}
"""The values of `error_type`. A provider's own codes are its free text, so they are `_OTHER`."""


def error_label(error_type: str) -> str:
    """The value of the label `error_type`; a success has none."""
    return error_type if not error_type or error_type in ERROR_TYPES else OTHER


def status_label(status: int) -> str:
    """The value of the label `status`: three digits at most, `0` for a caller that went away before there was one."""
    return str(status) if 0 <= status <= 599 else OTHER


class Families:
    """The metrics of one process, in a registry."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._registry = registry
        self._describe_operations()
        self._describe_money()
        self._describe_exchanges()
        self._describe_limits()
        self._describe_privacy()
        self._describe_cache()
        self._describe_process()

    def _describe_operations(self) -> None:
        self.token_usage = self._histogram(
            "gen_ai_client_token_usage", "Billable tokens.", (*GEN_AI_LABELS, "gen_ai_token_type"), TOKEN_BUCKETS
        )
        self.duration = self._histogram(
            "gen_ai_client_operation_duration_seconds", "Whole operation.", (*GEN_AI_LABELS, "error_type")
        )
        self.first_chunk = self._histogram(
            "gen_ai_client_operation_time_to_first_chunk_seconds", "Streams: request to first chunk.", GEN_AI_LABELS
        )
        self.per_chunk = self._histogram(
            "gen_ai_client_operation_time_per_output_chunk_seconds", "Streams: mean gap of chunks.", GEN_AI_LABELS
        )

    def _describe_money(self) -> None:
        self.cost = self._counter("llm_gateway_cost_usd_total", "US dollars.", LABELS)
        self.unknown_cost = self._counter("llm_gateway_unknown_cost_total", "Metered calls without a price.", LABELS)
        self.tokens = self._counter(
            "llm_gateway_tokens_total",
            "Tokens; cache_* are part of input, reasoning of output.",
            (*LABELS, "type", "estimated"),
        )

    def _describe_exchanges(self) -> None:
        self.requests = self._counter("llm_gateway_requests_total", "Exchanges ended.", (*LABELS, "status"))
        self.attempts = self._counter("llm_gateway_attempts_total", "Attempts at providers.", ("model",))
        self.fallbacks = self._counter(
            "llm_gateway_fallbacks_total",
            "Answers by another backend than the first.",
            ("model", "from_backend", "backend"),
        )
        self.responses = self._counter(
            "llm_gateway_responses_total", "Responses by data path.", ("backend", "data_path")
        )
        self.overhead = self._histogram("llm_gateway_overhead_seconds", "Time in Python.", ("stage",), OVERHEAD_BUCKETS)

    def _describe_limits(self) -> None:
        self.refusals = self._counter("llm_gateway_refusals_total", "Refusals by limits and budgets.", ("rule", "mode"))
        self.budget_used = self._gauge(
            "llm_gateway_budget_used_ratio",
            "Spent share.",
            "livemostrecent",
            ("budget", "scope", "subject"),
        )
        self.budget_thresholds = self._counter(
            "llm_gateway_budget_thresholds_total", "Thresholds passed.", ("budget", "scope", "subject", "percent")
        )
        self.store_available = self._gauge("llm_gateway_store_available", "1: the store answers.", "livemin")
        self.without_store = self._counter(
            "llm_gateway_decisions_without_store_total", "Decisions while the store was away.", ("policy",)
        )
        self.settlements_lost = self._counter("llm_gateway_settlements_lost_total", "Never told to the store.", ())

    def _describe_privacy(self) -> None:
        self.redactions = self._counter(
            "llm_gateway_redactions_total", "Values found in requests.", ("entity", "action", "mode", "policy", "team")
        )
        self.verdicts = self._counter(
            "llm_gateway_guardrail_verdicts_total", "Findings of guardrails.", ("rule", "action", "mode", "phase")
        )
        self.restored = self._counter("llm_gateway_restored_total", "Placeholders in answers.", ("outcome",))
        self.recogniser_failures = self._counter(
            "llm_gateway_recogniser_failures_total", "Requests that a recogniser said nothing of.", ("recogniser",)
        )

    def _describe_cache(self) -> None:
        self.cache_lookups = self._counter(
            "llm_gateway_cache_lookups_total", "Requests by what the cache had.", ("model", "outcome")
        )
        self.cache_events = self._counter("llm_gateway_cache_events_total", "What happened in the cache.", ("event",))

    def _describe_process(self) -> None:
        self.open_exchanges = self._gauge("llm_gateway_open_exchanges", "Exchanges under way.", "livesum")
        self.credential_renewals = self._counter(
            "llm_gateway_credential_renewals_total", "Tokens and keys fetched, or not.", ("backend", "outcome")
        )
        self.internal_errors = self._counter("llm_gateway_internal_errors_total", "Defects met.", ())
        self.config_ok = self._gauge("llm_gateway_config_last_reload_successful", "1: in force.", "livemin")
        self.config_time = self._gauge(
            "llm_gateway_config_last_reload_success_timestamp_seconds",
            "When the document in force was loaded.",
            "livemin",
        )

    def _counter(self, name: str, help_: str, labels: tuple[str, ...]) -> Counter:
        return Counter(name, help_, labels, registry=self._registry)

    def _gauge(
        self,
        name: str,
        help_: str,
        across_workers: Literal["livesum", "livemin", "livemostrecent"],
        labels: tuple[str, ...] = (),
    ) -> Gauge:
        return Gauge(name, help_, labels, registry=self._registry, multiprocess_mode=across_workers)

    def _histogram(
        self, name: str, help_: str, labels: tuple[str, ...], buckets: tuple[float, ...] = SECONDS_BUCKETS
    ) -> Histogram:
        return Histogram(name, help_, labels, registry=self._registry, buckets=buckets)
