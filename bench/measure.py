"""How a request and a stream are measured: the gateway and the way past it in turns, so that noise meets both."""

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from msgspec.structs import replace

from bench.jobs import ClosedLoop, ClosedReport, Streams, StreamsReport
from bench.result import Result
from bench.stack import BenchError, Stack
from bench.stats import median, percentile, spread

_HOST = "127.0.0.1"
_UNLIMITED = 1_000_000_000
_LONG = 60.0
_CONNECTIONS = 32
_LATENCY_ROUNDS, _LATENCY_REQUESTS, _LATENCY_SECONDS, _WARMUP = 7, 250, 2.0, 20
_RATE_ROUNDS, _RATE_BARE_SECONDS, _RATE_SECONDS = 3, 1.0, 2.5
_STREAM_ROUNDS = 3
_FIRST_STREAMS, _FIRST_RAMP = 40, 1.2
_PATIENCE = 30.0


@dataclass(frozen=True, slots=True)
class Pair:
    """A request to the gateway, and the one that the provider would be asked without it."""

    governed: bytes
    bare: bytes


@dataclass(frozen=True, slots=True)
class StreamPair:
    """Two streams: many `frames`, evenly paced, for what a frame costs, and a `short` one for the time to the first.

    `streams` long ones are open at once. `endings` are the last bytes of each, governed and bare.
    """

    frames: Pair
    short: Pair
    streams: int
    frame_count: int
    short_count: int
    ramp: float
    endings: Pair


@dataclass(slots=True)
class _Usage:
    """What processes used over some jobs, in seconds, and how many requests or frames that was."""

    worker: float = 0.0
    envoy: float = 0.0
    upstream: float = 0.0
    generator: float = 0.0
    elapsed: float = 0.0
    count: int = 0

    def per_item(self, seconds: float) -> float:
        """Microseconds."""
        return seconds / self.count * 1e6


@dataclass(slots=True)
class _Rounds:
    """The same measure of both ways, round by round."""

    governed: list[float] = field(default_factory=list)
    bare: list[float] = field(default_factory=list)

    def added(self) -> float:
        """The median of the rounds' differences: what drifts between rounds falls out."""
        return median(self.differences())

    def differences(self) -> list[float]:
        return [governed - bare for governed, bare in zip(self.governed, self.bare, strict=True)]


def requests(name: str, stack: Stack, pair: Pair) -> Result:
    """Latency at concurrency 1, then requests per second and processor time at 32."""
    p50, p99 = _latency(stack, pair)
    rate, governed, bare = _rate(stack, pair)
    return Result(
        name,
        added_p50_ms=p50.added(),
        added_p99_ms=p99.added(),
        rps=median(rate.governed),
        cpu_us_per_request=governed.per_item(governed.worker),
        rss_mb=stack.worker().rss_mb,
        more={
            "governed_p50_ms": median(p50.governed),
            "bare_p50_ms": median(p50.bare),
            "governed_p99_ms": median(p99.governed),
            "bare_p99_ms": median(p99.bare),
            "added_p50_spread": spread(p50.differences()),
            "rps_bare": median(rate.bare),
            "rps_ratio": median(rate.governed) / median(rate.bare),
            "rps_spread": spread(rate.governed),
            "envoy_cpu_us_per_request": governed.per_item(governed.envoy),
            "envoy_cpu_us_per_request_bare": bare.per_item(bare.envoy),
            "upstream_cpu_us_per_request": governed.per_item(governed.upstream),
            "generator_cpu_us_per_request": governed.per_item(governed.generator),
            "generator_cpu_share": governed.generator / governed.elapsed,
            "worker_cpu_share": governed.worker / governed.elapsed,
            "envoy_rss_mb": stack.envoy().rss_mb,
        },
    )


def streams(name: str, stack: Stack, pair: StreamPair) -> Result:
    """Time to first byte of streams one after another, then frames of several at once."""
    before = stack.messages()
    first50, first99 = _first_byte(stack, pair)
    short_messages = (stack.messages() - before) / (_STREAM_ROUNDS * _FIRST_STREAMS)
    transit, gaps99 = _Rounds(), _Rounds()
    usage, bare_usage = _Usage(), _Usage()
    before = stack.messages()
    for _ in range(_STREAM_ROUNDS):
        bare = _stream_job(stack, pair, bare_usage, governed=False)
        report = _stream_job(stack, pair, usage, governed=True)
        transit.bare.append(percentile(bare.transit, 50))
        transit.governed.append(percentile(report.transit, 50))
        gaps99.bare.append(percentile(bare.gaps, 99))
        gaps99.governed.append(percentile(report.gaps, 99))
    opened = _STREAM_ROUNDS * pair.streams
    messages = (stack.messages() - before) / opened
    return Result(
        name,
        added_p50_ms=first50.added(),
        added_p99_ms=first99.added(),
        cpu_us_per_request=usage.worker / opened * 1e6,
        rss_mb=stack.worker().rss_mb,
        more={
            "governed_p50_ms": median(first50.governed),
            "bare_p50_ms": median(first50.bare),
            "added_frame_p50_ms": transit.added(),
            "governed_frame_p50_ms": median(transit.governed),
            "bare_frame_p50_ms": median(transit.bare),
            "governed_gap_p99_ms": median(gaps99.governed),
            "bare_gap_p99_ms": median(gaps99.bare),
            "cpu_us_per_frame": usage.per_item(usage.worker),
            "envoy_cpu_us_per_frame": usage.per_item(usage.envoy),
            "envoy_cpu_us_per_frame_bare": bare_usage.per_item(bare_usage.envoy),
            "messages_per_stream": messages,
            "messages_per_frame": (messages - short_messages) / (pair.frame_count - pair.short_count),
            "frames_per_second": usage.count / usage.elapsed,
            "generator_cpu_share": usage.generator / usage.elapsed,
            "envoy_rss_mb": stack.envoy().rss_mb,
        },
    )


def coalesced(name: str, stack: Stack, pairs: Sequence[Pair], job: Streams) -> Result:
    """Identical streams that are begun at once, round by round: what the provider is asked, and when followers get what
    it says. `job` says how many; a round's own request takes the place of its."""
    first, transit, upstream, usage = _Rounds(), _Rounds(), [], _Usage()
    for pair in pairs:
        bare = _all_right(stack.generator.streams(replace(job, port=stack.ports.bare, request=pair.bare)))
        before = stack.asked()
        with _counting(stack, usage):
            report = _all_right(stack.generator.streams(replace(job, request=pair.governed)))
        upstream.append(stack.asked() - before)
        usage.count += len(report.transit)
        first.bare.append(percentile(bare.first, 50))
        first.governed.append(percentile(report.first, 50))
        transit.bare.append(percentile(bare.transit, 50))
        transit.governed.append(percentile(report.transit, 50))
    return Result(
        name,
        added_p50_ms=first.added(),
        cpu_us_per_request=usage.worker / (len(pairs) * job.streams) * 1e6,
        rss_mb=stack.worker().rss_mb,
        more={
            "streams": job.streams,
            "most_upstream_requests": max(upstream),
            "governed_p50_ms": median(first.governed),
            "bare_p50_ms": median(first.bare),
            "added_frame_p50_ms": transit.added(),
            "governed_frame_p50_ms": median(transit.governed),
            "bare_frame_p50_ms": median(transit.bare),
            "cpu_us_per_frame": usage.per_item(usage.worker),
            "envoy_cpu_us_per_frame": usage.per_item(usage.envoy),
            "envoy_rss_mb": stack.envoy().rss_mb,
        },
    )


def held(name: str, stack: Stack, job: Streams) -> Result:
    """Streams that are all open at once. One that fails is counted."""
    idle, envoy_idle = stack.worker().rss_mb, stack.envoy().rss_mb
    usage = _Usage()
    with _peak(stack) as peak, _counting(stack, usage):
        report = stack.generator.streams(job)
    if not report.transit:
        raise BenchError(f"no stream brought anything; the first failure: {report.failures[0]}")
    return Result(
        name,
        cpu_us_per_request=usage.worker / job.streams * 1e6,
        rss_mb=peak.worker,
        more={
            "streams": job.streams,
            "most_open": report.most_open,
            "failed": len(report.failures),
            "first_failure": report.failures[0] if report.failures else None,
            "frames_per_second": len(report.transit) / report.seconds,
            "cpu_us_per_frame": usage.worker / len(report.transit) * 1e6,
            "envoy_cpu_us_per_frame": usage.envoy / len(report.transit) * 1e6,
            "worker_cpu_share": usage.worker / report.seconds,
            "generator_cpu_share": report.cpu / report.seconds,
            "governed_p50_ms": percentile(report.first, 50),
            "governed_p99_ms": percentile(report.first, 99),
            "governed_frame_p50_ms": percentile(report.transit, 50),
            "governed_frame_p99_ms": percentile(report.transit, 99),
            "rss_kb_per_stream": (peak.worker - idle) * 1024 / job.streams,
            "envoy_rss_mb": peak.envoy,
            "envoy_rss_kb_per_stream": (peak.envoy - envoy_idle) * 1024 / job.streams,
        },
    )


def memory(name: str, stack: Stack, request: bytes, count: int, steps: int) -> Result:
    """`count` requests in equal steps, the memory after each."""
    worker, envoy, usage = [], [], _Usage()
    for _ in range(steps):
        job = ClosedLoop(_HOST, stack.ports.governed, request, _CONNECTIONS, count // steps, _LONG)
        with _counting(stack, usage):
            report = stack.generator.closed_loop(job)
        if report.count != count // steps:
            raise BenchError(f"only {report.count} of {count // steps} requests in {_LONG:.0f} s")
        usage.count += report.count
        usage.elapsed += report.seconds
        worker.append(stack.worker().rss_mb)
        envoy.append(stack.envoy().rss_mb)
    return Result(
        name,
        rps=usage.count / usage.elapsed,
        cpu_us_per_request=usage.per_item(usage.worker),
        rss_mb=worker[-1],
        more={
            "requests": usage.count,
            "rss_mb_first_step": worker[0],
            "rss_growth_mb": worker[-1] - worker[0],
            "rss_growth_mb_second_half": worker[-1] - worker[steps // 2 - 1],
            "envoy_rss_mb": envoy[-1],
            "envoy_rss_growth_mb": envoy[-1] - envoy[0],
        },
    )


def _latency(stack: Stack, pair: Pair) -> tuple[_Rounds, _Rounds]:
    p50, p99 = _Rounds(), _Rounds()
    for _ in range(_LATENCY_ROUNDS):
        bare = _closed(stack, stack.ports.bare, pair.bare, 1, _LATENCY_REQUESTS + _WARMUP, _LATENCY_SECONDS)
        governed = _closed(stack, stack.ports.governed, pair.governed, 1, _LATENCY_REQUESTS + _WARMUP, _LATENCY_SECONDS)
        for rounds, percent in ((p50, 50), (p99, 99)):
            rounds.bare.append(percentile(bare.milliseconds, percent))
            rounds.governed.append(percentile(governed.milliseconds, percent))
    return p50, p99


def _rate(stack: Stack, pair: Pair) -> tuple[_Rounds, _Usage, _Usage]:
    """Requests per second of both ways, and what each used."""
    rate, governed, bare = _Rounds(), _Usage(), _Usage()
    _closed(stack, stack.ports.governed, pair.governed, _CONNECTIONS, _UNLIMITED, _RATE_BARE_SECONDS)  # warms up
    for _ in range(_RATE_ROUNDS):
        for usage, port, request, seconds, rates in (
            (bare, stack.ports.bare, pair.bare, _RATE_BARE_SECONDS, rate.bare),
            (governed, stack.ports.governed, pair.governed, _RATE_SECONDS, rate.governed),
        ):
            with _counting(stack, usage):
                report = _closed(stack, port, request, _CONNECTIONS, _UNLIMITED, seconds)
            usage.generator += report.cpu
            usage.elapsed += report.seconds
            usage.count += report.count
            rates.append(report.count / report.seconds)
    return rate, governed, bare


def _closed(stack: Stack, port: int, request: bytes, connections: int, requests: int, seconds: float) -> ClosedReport:
    return stack.generator.closed_loop(ClosedLoop(_HOST, port, request, connections, requests, seconds, _WARMUP))


def _first_byte(stack: Stack, pair: StreamPair) -> tuple[_Rounds, _Rounds]:
    """Short streams that do not overlap."""
    p50, p99 = _Rounds(), _Rounds()
    for _ in range(_STREAM_ROUNDS):
        for port, request, ending, half50, half99 in (
            (stack.ports.bare, pair.short.bare, pair.endings.bare, p50.bare, p99.bare),
            (stack.ports.governed, pair.short.governed, pair.endings.governed, p50.governed, p99.governed),
        ):
            job = Streams(
                _HOST, port, request, _FIRST_STREAMS, pair.short_count, ending, ramp=_FIRST_RAMP, patience=_PATIENCE
            )
            report = _all_right(stack.generator.streams(job))
            half50.append(percentile(report.first, 50))
            half99.append(percentile(report.first, 99))
    return p50, p99


def _stream_job(stack: Stack, pair: StreamPair, usage: _Usage, *, governed: bool) -> StreamsReport:
    port = stack.ports.governed if governed else stack.ports.bare
    request = pair.frames.governed if governed else pair.frames.bare
    ending = pair.endings.governed if governed else pair.endings.bare
    job = Streams(_HOST, port, request, pair.streams, pair.frame_count, ending, ramp=pair.ramp, patience=_PATIENCE)
    with _counting(stack, usage):
        report = _all_right(stack.generator.streams(job))
    usage.generator += report.cpu
    usage.elapsed += report.seconds
    usage.count += len(report.transit)
    return report


def _all_right(report: StreamsReport) -> StreamsReport:
    if report.failures:
        raise BenchError(f"{len(report.failures)} streams failed; the first: {report.failures[0]}")
    return report


@contextmanager
def _counting(stack: Stack, usage: _Usage) -> Iterator[None]:
    """Adds what the processes use while the context lasts."""
    worker, envoy, upstream = stack.worker(), stack.envoy(), stack.upstream()
    yield
    usage.worker += stack.worker().cpu_seconds - worker.cpu_seconds
    usage.envoy += stack.envoy().cpu_seconds - envoy.cpu_seconds
    usage.upstream += stack.upstream().cpu_seconds - upstream.cpu_seconds


@dataclass(slots=True)
class _Peak:
    """The most memory seen, in MB."""

    worker: float = 0.0
    envoy: float = 0.0


@contextmanager
def _peak(stack: Stack) -> Iterator[_Peak]:
    """Looks four times a second while the context lasts."""
    peak, over = _Peak(), threading.Event()

    def look() -> None:
        while not over.wait(0.25):
            peak.worker = max(peak.worker, stack.worker().rss_mb)
            peak.envoy = max(peak.envoy, stack.envoy().rss_mb)

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield peak
    finally:
        over.set()
        thread.join()
