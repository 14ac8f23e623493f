"""What is measured, a row a scenario."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

from bench import measure, micro, payloads, redaction, stack
from bench.gateway import LIMITED_KEY, OPENAI_MODEL, PRIVATE_KEY, RESILIENT_MODEL, TRANSLATED_MODEL
from bench.jobs import Streams
from bench.measure import Pair, StreamPair
from bench.payloads import ANTHROPIC_ENDING, OPENAI_ENDING
from bench.result import Result
from bench.stack import Stack
from extproc.config.model import UsageExtraction

_KB = 1024
_WORDS, _LONG_WORDS = 10, 600  # about 0.6 KB and 4 KB of answer
_STREAMS, _FRAMES, _EVERY, _RAMP = 16, 200, 0.01, 0.1
_SHORT_FRAMES, _SHORT_EVERY = 2, 0.002
_HELD_STREAMS, _HELD_FRAMES, _HELD_EVERY, _HELD_RAMP = 2000, 75, 0.2, 8.0
_SHARED_STREAMS, _SHARED_FRAMES, _SHARED_EVERY, _SHARED_RAMP, _SHARED_ROUNDS = 100, 40, 0.05, 0.1, 5
_MEMORY_REQUESTS, _MEMORY_STEPS = 100_000, 10


@dataclass(frozen=True, slots=True)
class Scenario:
    """`run` is told the scenario's name and Envoy's concurrency. Raises BenchError when nothing can be measured."""

    summary: str
    run: Callable[[str, int], Result]


def _exchange(pair: Pair) -> Callable[[str, int], Result]:
    return _through(lambda name, running: measure.requests(name, running, pair))


def _through(
    work: Callable[[str, Stack], Result], extraction: UsageExtraction = UsageExtraction.FRAMES
) -> Callable[[str, int], Result]:
    """The work on a gateway of its own."""

    def run(name: str, envoy_concurrency: int) -> Result:
        with stack.running(envoy_concurrency, extraction) as running:
            return work(name, running)

    return run


def _chat(model: str, size: int, words: int) -> Pair:
    asked = payloads.words(words)
    return Pair(payloads.openai_chat(model, size, asked), payloads.openai_chat(OPENAI_MODEL, size, asked))


def _translated(size: int, words: int) -> Pair:
    asked = payloads.words(words)
    return Pair(
        payloads.openai_chat(TRANSLATED_MODEL, size, asked),
        payloads.anthropic_messages(TRANSLATED_MODEL, size, asked),
    )


def _openai_streams(count: int, every: float) -> Pair:
    """Without the gateway the caller asks for the usage chunk that the gateway asks for."""
    make = partial(payloads.openai_chat, OPENAI_MODEL, _KB, payloads.frames(count, every), stream=True)
    return Pair(make(), make(stream_options={"include_usage": True}))


def _usage_streams(count: int, every: float) -> Pair:
    """The caller wants the usage chunk: nothing of the answer has to change, so that Python need not see it."""
    bare = _openai_streams(count, every).bare
    return Pair(bare, bare)


def _translated_streams(count: int, every: float) -> Pair:
    asked = payloads.frames(count, every)
    return Pair(
        payloads.openai_chat(TRANSLATED_MODEL, _KB, asked, stream=True),
        payloads.anthropic_messages(TRANSLATED_MODEL, _KB, asked, stream=True),
    )


def _stream_pair(make: Callable[[int, float], Pair], bare_ending: bytes) -> StreamPair:
    return StreamPair(
        frames=make(_FRAMES, _EVERY),
        short=make(_SHORT_FRAMES, _SHORT_EVERY),
        streams=_STREAMS,
        frame_count=_FRAMES,
        short_count=_SHORT_FRAMES,
        ramp=_RAMP,
        endings=Pair(OPENAI_ENDING, bare_ending),
    )


def _streams(
    make: Callable[[int, float], Pair], bare_ending: bytes, extraction: UsageExtraction = UsageExtraction.FRAMES
) -> Callable[[str, int], Result]:
    pair = _stream_pair(make, bare_ending)
    return _through(lambda name, running: measure.streams(name, running, pair), extraction)


def _held(name: str, running: Stack) -> Result:
    job = Streams(
        "127.0.0.1",
        running.ports.governed,
        _openai_streams(_HELD_FRAMES, _HELD_EVERY).governed,
        streams=_HELD_STREAMS,
        frames=_HELD_FRAMES,
        ending=OPENAI_ENDING,
        ramp=_HELD_RAMP,
        patience=90.0,
    )
    return measure.held(name, running, job)


def _memory(name: str, running: Stack) -> Result:
    request = _chat(OPENAI_MODEL, _KB, _WORDS).governed
    return measure.memory(name, running, request, _MEMORY_REQUESTS, _MEMORY_STEPS)


def _governed(name: str, envoy_concurrency: int) -> Result:
    """A key with limits and a budget, against one without, both through the gateway."""
    asked = payloads.words(_WORDS)
    pair = Pair(
        payloads.openai_chat(OPENAI_MODEL, _KB, asked, key=LIMITED_KEY),
        payloads.openai_chat(OPENAI_MODEL, _KB, asked),
    )
    with stack.running(envoy_concurrency, redis=True) as running:
        ports = replace(running.ports, bare=running.ports.governed)
        return measure.requests(name, replace(running, ports=ports), pair)


def _cache_hit(name: str, envoy_concurrency: int) -> Result:
    """An answer that the worker has kept, against the upstream's own: what warms up is what asks the first time."""
    with stack.running(envoy_concurrency, cached=True) as running:
        return measure.requests(name, running, _chat(OPENAI_MODEL, _KB, _WORDS))


def _coalesced(name: str, envoy_concurrency: int) -> Result:
    """A hundred streams of one question at once, another question each round, against a hundred upstream streams."""
    asked = payloads.frames(_SHARED_FRAMES, _SHARED_EVERY)

    def pair(number: int) -> Pair:
        request = payloads.openai_chat(OPENAI_MODEL, _KB, f"{asked} question {number}", stream=True)
        return Pair(request, request)

    with stack.running(envoy_concurrency, cached=True) as running:
        job = Streams(
            "127.0.0.1",
            running.ports.governed,
            b"",
            streams=_SHARED_STREAMS,
            frames=_SHARED_FRAMES,
            ending=OPENAI_ENDING,
            ramp=_SHARED_RAMP,
            patience=30.0,
        )
        return measure.coalesced(name, running, [pair(number) for number in range(_SHARED_ROUNDS)], job)


def _restored(name: str, envoy_concurrency: int) -> Result:
    """A stream in which placeholders may come back, against one of a key without a policy, both through the gateway."""
    make = partial(payloads.openai_chat, OPENAI_MODEL, _KB, stream=True)

    def pair(count: int, every: float) -> Pair:
        asked = f"{payloads.frames(count, every)} Write to ann.lee@corp.example.org"
        return Pair(make(asked, key=PRIVATE_KEY), make(asked))

    with stack.running(envoy_concurrency, private=True) as running:
        ports = replace(running.ports, bare=running.ports.governed)
        return measure.streams(name, replace(running, ports=ports), _stream_pair(pair, OPENAI_ENDING))


def _micro(caller: str, form: str) -> Scenario:
    summary = f"one stream event of {form}, for a caller of {caller}, in process"
    return Scenario(summary, lambda name, _: micro.events(name, caller, form))


SCENARIOS = {
    "chat": Scenario("chat completion, 1 KB asked, 0.6 KB answered", _exchange(_chat(OPENAI_MODEL, _KB, _WORDS))),
    "chat_4k": Scenario("chat completion, 4 KB both ways", _exchange(_chat(OPENAI_MODEL, 4 * _KB, _LONG_WORDS))),
    "chat_translated": Scenario("the same as `chat`, by an Anthropic backend", _exchange(_translated(_KB, _WORDS))),
    "governed": Scenario("`chat` with 3 limits and a budget in Redis, against the gateway without", _governed),
    "cache_hit": Scenario("`chat` whose answer is kept already", _cache_hit),
    "coalesced": Scenario("100 identical streams at once, asked upstream once", _coalesced),
    "fallback": Scenario("`chat` whose first target answers 503", _exchange(_chat(RESILIENT_MODEL, _KB, _WORDS))),
    "stream_count": Scenario("stream, frames counted in Python", _streams(_openai_streams, OPENAI_ENDING)),
    "stream_translated": Scenario(
        "stream of an Anthropic backend, frames rewritten", _streams(_translated_streams, ANTHROPIC_ENDING)
    ),
    "stream_native": Scenario(
        "stream, usage read by Envoy", _streams(_usage_streams, OPENAI_ENDING, UsageExtraction.NATIVE)
    ),
    "stream_restore": Scenario("`stream_count` with values to restore, against the gateway without", _restored),
    "redact_clean_4k": Scenario("redacting 4 KB in which nothing is found, in process", redaction.clean),
    "redact_ten_4k": Scenario("redacting 4 KB with ten values, in process", redaction.ten),
    "redact_hostile_100k": Scenario("redacting the worst of the hostile 100 KB, in process", redaction.hostile_texts),
    "streams_held": Scenario("2,000 streams open at once, 5 frames a second each", _through(_held)),
    "memory": Scenario("100,000 requests, 32 at a time", _through(_memory)),
    **{f"micro_{caller}_{form}": _micro(caller, form) for caller in micro.CALLERS for form in micro.BACKENDS},
}
