"""Prometheus metrics: what each worker counts, and the text the admin port serves for all of them.

A worker runs with `PROMETHEUS_MULTIPROC_DIR` in its environment, so that its numbers live in files there; the
supervisor, which runs without, reads the files of all workers. A dead worker's counters stay in its files.
"""

import logging
import math
from collections.abc import Callable, Iterable
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Generic, ParamSpec, TypeVar

from prometheus_client import (
    CONTENT_TYPE_PLAIN_0_0_4,
    CollectorRegistry,
    Counter,
    Histogram,
    Metric,
    generate_latest,
)
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead
from prometheus_client.registry import Collector

from extproc.genai.usage import TokenUsage
from extproc.telemetry.families import Families, error_label, status_label
from extproc.telemetry.record import DataPath, ExchangeRecord, Redactions

CONTENT_TYPE = CONTENT_TYPE_PLAIN_0_0_4
"""Of what `exposition` returns."""

_log = logging.getLogger(__name__)
_MOST_SERIES = 2048
_MOST = 2.0**53
_NANO = 1e9

_K = TypeVar("_K")
_V = TypeVar("_V")
_P = ParamSpec("_P")


def _as_far_as_can_be(count: Callable[_P, None]) -> Callable[_P, None]:
    """What cannot be written is lost, and said in the log: it must not fail what is counted."""

    def counted(*args: _P.args, **kwargs: _P.kwargs) -> None:
        try:
            count(*args, **kwargs)
        except (OSError, ValueError, IndexError):  # the files cannot grow, or are gone
            _log.error("metrics_not_written", exc_info=True)

    return counted


class _Children(dict[_K, _V], Generic[_K, _V]):
    """A dictionary that makes a missing value from its key."""

    def __init__(self, make: Callable[[_K], _V]) -> None:
        super().__init__()
        self._make = make

    def __missing__(self, key: _K) -> _V:
        value = self[key] = self._make(key)
        return value


class _Series:
    """The children of the metrics for one set of label values, each made when it is first needed.

    Looking a child up by its labels costs more than adding to it.
    """

    def __init__(
        self, families: Families, labels: tuple[str, ...], status: int, error_type: str, data_path: DataPath
    ) -> None:
        self._families = families
        self._labels = tuple(map(_printable, labels))
        self._gen_ai_labels = (*self._labels[:4], self._labels[5])
        self._backend, self._model = self._labels[2], self._labels[3]
        self._status = status_label(status)
        self._error_type = error_type
        self._data_path = data_path.value
        self.token_usage = _Children(self._token_usage)
        self.tokens = _Children(self._tokens)
        self.fallbacks_from = _Children(self._fallbacks_from)

    @cached_property
    def requests(self) -> Counter:
        return self._families.requests.labels(*self._labels, self._status)

    @cached_property
    def responses(self) -> Counter:
        return self._families.responses.labels(self._backend, self._data_path)

    @cached_property
    def attempts(self) -> Counter:
        return self._families.attempts.labels(self._model)

    @cached_property
    def cost(self) -> Counter:
        return self._families.cost.labels(*self._labels)

    @cached_property
    def unknown_cost(self) -> Counter:
        return self._families.unknown_cost.labels(*self._labels)

    @cached_property
    def duration(self) -> Histogram:
        return self._families.duration.labels(*self._gen_ai_labels, self._error_type)

    @cached_property
    def first_chunk(self) -> Histogram:
        return self._families.first_chunk.labels(*self._gen_ai_labels)

    @cached_property
    def per_chunk(self) -> Histogram:
        return self._families.per_chunk.labels(*self._gen_ai_labels)

    def _token_usage(self, kind: str) -> Histogram:
        return self._families.token_usage.labels(*self._gen_ai_labels, kind)

    def _tokens(self, kind: tuple[str, bool]) -> Counter:
        name, estimated = kind
        return self._families.tokens.labels(*self._labels, name, "true" if estimated else "false")

    def _fallbacks_from(self, backend: str) -> Counter:
        return self._families.fallbacks.labels(self._model, _printable(backend), self._backend)


class Metrics:
    """What one worker counts. Not for a supervisor's own registry: its names would come twice in the text."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._families = Families(registry)
        self._families.store_available.set(1)  # until it is known to be away
        self._series = lru_cache(_MOST_SERIES)(self._make_series)
        self._overhead = _Children(self._make_overhead)

    def record(self, record: ExchangeRecord) -> None:
        """Counts one exchange that has ended. Never raises."""
        _as_far_as_can_be(self._record)(record)

    def exchange_opened(self) -> None:
        self._families.open_exchanges.inc()

    def exchange_closed(self) -> None:
        self._families.open_exchanges.dec()

    def internal_error(self) -> None:
        """An exception that is a defect of ours was met."""
        self._families.internal_errors.inc()

    def credential_renewed(self, backend: str) -> None:
        """What the backend's provider knows the gateway by was fetched anew."""
        self._families.credential_renewals.labels(backend, "renewed").inc()

    def credential_not_renewed(self, backend: str) -> None:
        """It could not be fetched."""
        self._families.credential_renewals.labels(backend, "failed").inc()

    @_as_far_as_can_be
    def refused(self, rule: str, *, shadow: bool) -> None:
        """A limit or a budget refused a request, or would have."""
        self._families.refusals.labels(_printable(rule), "shadow" if shadow else "enforce").inc()

    @_as_far_as_can_be
    def budget_used(self, budget: str, scope: str, subject: str, ratio: float) -> None:
        """How much of a budget is spent, 1.0 for all of it."""
        self._families.budget_used.labels(*map(_printable, (budget, scope, subject))).set(ratio)

    @_as_far_as_can_be
    def budget_forgotten(self, budget: str, scope: str, subject: str) -> None:
        """Nobody knows any more how full a budget is: its rule or its use has ended."""
        self._families.budget_used.labels(*map(_printable, (budget, scope, subject))).set(math.nan)

    @_as_far_as_can_be
    def budget_threshold(self, budget: str, scope: str, subject: str, percent: int, *, named: bool) -> None:
        """A budget has just passed one of its soft thresholds. `named`: its subjects are few enough for a label."""
        fields = {"budget": budget, "scope": scope, "subject": subject, "percent": percent}
        _log.warning("budget threshold passed", extra={"fields": fields})
        labels = (budget, scope, subject if named else "", str(percent))
        self._families.budget_thresholds.labels(*map(_printable, labels)).inc()

    def store_available(self, *, available: bool) -> None:
        """The store has begun to answer, or has stopped."""
        _log.log(logging.INFO if available else logging.ERROR, "store back" if available else "store away")
        self._families.store_available.set(int(available))

    @_as_far_as_can_be
    def decided_without_store(self, policy: str) -> None:
        """A request was let through or refused by what its rules say for that case."""
        self._families.without_store.labels(policy).inc()

    def settlement_lost(self) -> None:
        """What a request used will never be told to the store."""
        self._families.settlements_lost.inc()

    def cache_lookup(self, model: str, outcome: str) -> None:
        """A request of a model was answered by the cache (`hit`, `coalesced`), or was not (`miss`, `bypass`)."""
        self._families.cache_lookups.labels(_printable(model), outcome).inc()

    def cache_event(self, event: str) -> None:
        """One of the cache's own events: a kept answer, an entry that does not open, …"""
        self._families.cache_events.labels(event).inc()

    @_as_far_as_can_be
    def recogniser_failed(self, recogniser: str) -> None:
        """A recogniser of the section `privacy` did not say in time what is in a request."""
        self._families.recogniser_failures.labels(_printable(recogniser)).inc()

    def config_loaded(self, now: float) -> None:
        """A configuration document came into force at `now`, Unix time in seconds."""
        self._families.config_ok.set(1)
        self._families.config_time.set(now)

    def config_rejected(self) -> None:
        """A document was bad; the last good one stays in force."""
        self._families.config_ok.set(0)

    def _make_overhead(self, stage: str) -> Histogram:
        return self._families.overhead.labels(_printable(stage))

    def _make_series(
        self,
        operation: str,
        provider: str,
        backend: str,
        model: str,
        key: str,
        team: str,
        status: int,
        error_type: str,
        data_path: DataPath,
    ) -> _Series:
        labels = (operation, provider, backend, model, key, team)
        return _Series(self._families, labels, status, error_type, data_path)

    def _record(self, record: ExchangeRecord) -> None:
        series = self._series(
            record.operation,
            record.provider,
            record.backend,
            record.model,
            record.key_alias,
            record.team,
            record.status,
            error_label(record.error_type),
            record.data_path,
        )
        series.requests.inc()
        series.responses.inc()
        for stage, seconds in record.overhead:
            self._overhead[stage].observe(_amount(seconds))
        if record.attempts > 0:
            series.attempts.inc(_amount(record.attempts))
        if record.fallback_from and record.fallback_from != record.backend:
            series.fallbacks_from[record.fallback_from].inc()
        if record.provider:
            _observe_operation(series, record)
        if record.usage is not None:
            _count_usage(series, record.usage, record.cost)
        if record.redactions is not None:
            self._count_redactions(record.redactions, record.team)
        for one in record.verdicts:
            labels = (one.rule, one.action, one.mode, one.phase)
            self._families.verdicts.labels(*map(_printable, labels)).inc(one.count)

    def _count_redactions(self, redactions: Redactions, team: str) -> None:
        for one in redactions.counts:
            labels = (one.entity, one.action, redactions.mode, redactions.policy, team)
            self._families.redactions.labels(*map(_printable, labels)).inc(one.count)
        for outcome in ("restored", "unknown", "unrestored"):
            count = getattr(redactions, outcome)
            if count:
                self._families.restored.labels(outcome).inc(count)


def exposition(multiproc_dir: Path | None, own: CollectorRegistry) -> bytes:
    """The text of all workers that write to `multiproc_dir`, live and dead, after that of the process's own registry.

    Reading takes time in proportion to the number of series: not for an event loop that others wait for.
    """
    text = generate_latest(own)
    return text if multiproc_dir is None else text + generate_latest(_Workers(multiproc_dir))


def forget_worker(pid: int, multiproc_dir: Path) -> None:
    """Takes a worker that has ended out of the gauges; what it counted stays."""
    mark_process_dead(pid, str(multiproc_dir))  # type: ignore[no-untyped-call]


class _Workers(Collector):
    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def collect(self) -> Iterable[Metric]:
        files = [str(file) for file in self._directory.glob("*.db") if _is_begun(file)]
        families: Iterable[Metric] = MultiProcessCollector.merge(files)  # type: ignore[no-untyped-call]
        return map(_known, families)


def _known(family: Metric) -> Metric:
    """Without the series that have ended: a worker cannot take one out of its file, and says that it is no number."""
    if family.type == "gauge":
        family.samples = [sample for sample in family.samples if not math.isnan(sample.value)]
    return family


def _is_begun(file: Path) -> bool:
    """A worker that is just starting has an empty file for a moment, and that cannot be read."""
    try:
        return file.stat().st_size > 0
    except FileNotFoundError:
        return False


def _observe_operation(series: _Series, record: ExchangeRecord) -> None:
    """Only where a provider was chosen: a refused caller is no operation, and would pull the durations down."""
    series.duration.observe(_amount(record.duration))
    if record.time_to_first_chunk is not None:
        series.first_chunk.observe(_amount(record.time_to_first_chunk))
    if record.time_per_output_chunk is not None:
        series.per_chunk.observe(_amount(record.time_per_output_chunk))


def _count_usage(series: _Series, usage: TokenUsage, cost: int | None) -> None:
    for kind, tokens in _billable(usage):
        if tokens > 0:
            series.token_usage[kind].observe(_amount(tokens))
    for kind, tokens in _all_kinds(usage):
        if tokens > 0:
            series.tokens[kind, usage.estimated].inc(_amount(tokens))
    if cost is None:
        series.unknown_cost.inc()
    else:
        series.cost.inc(_amount(cost) / _NANO)


def _billable(usage: TokenUsage) -> tuple[tuple[str, int], ...]:
    return (("input", usage.input_tokens), ("output", usage.output_tokens))


def _all_kinds(usage: TokenUsage) -> tuple[tuple[str, int], ...]:
    return (
        *_billable(usage),
        ("cache_read", usage.cache_read_input_tokens),
        ("cache_creation", usage.cache_creation_input_tokens),
        ("reasoning", usage.reasoning_output_tokens),
    )


def _amount(value: float) -> float:
    """Within what a counter takes, whatever number a provider gave."""
    if 0 <= value <= _MOST:
        return value
    return _MOST if value > 0 else 0.0


def _printable(label: str) -> str:
    """A lone surrogate could not be written as UTF-8, and would take the whole text with it."""
    return label.encode("utf-8", "replace").decode()
