"""What is served of a semantic cache, what is compared, and what stops it."""

import json
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path

import msgspec
import pytest
from msgspec import Raw

from extproc.apischema.endpoints import CHAT
from extproc.app import Embedders
from extproc.cache.entry import Codec
from extproc.cache.exact import ExactCache, Miss, Question, Surroundings
from extproc.cache.key import Keyring, Partition, canonical_request
from extproc.cache.memory import MemoryCache
from extproc.cache.policy import Directive
from extproc.cache.reading import reading_of
from extproc.cache.semantic.lookup import SemanticLookup
from extproc.cache.semantic.shadow import SAMPLE, Likeness, Sample, sample_of
from extproc.config.cache import LocalEmbedder, Semantic, SemanticMode
from extproc.errors import ConfigError
from extproc.pipeline.caching import Asking
from extproc.pipeline.semantic import Samples, Wordings
from extproc.store.base import Conflict, Record, StoreAway
from extproc.store.memory_registry import MemoryRegistry
from tests.pipeline.conftest import FakeClock

KEYRING = Keyring(b"s" * 32)
PARTITION = Partition("team:a", "faq", "gpt-4o", "v1", "openai", "/v1/chat/completions")
SERVE = Semantic(SemanticMode.SERVE, check_percent=5.0)
SHADOW = Semantic(SemanticMode.SHADOW)
RIGHT, WRONG = Likeness(1.0, 1.0), Likeness(0.0, 0.0)


class Registry(MemoryRegistry):
    """One that may be away, and where others may be faster for so many times."""

    def __init__(self) -> None:
        super().__init__()
        self.away = False
        self.faster = 0
        self.reads = 0

    async def get(self, kind: str, id: str) -> Record | None:
        self.reads += 1
        if self.away:
            raise StoreAway
        return await super().get(kind, id)

    async def put(self, kind: str, id: str, data: bytes, *, expected: int | None) -> int:
        if self.faster:
            self.faster -= 1
            raise Conflict
        return await super().put(kind, id, data, expected=expected)

    async def sample(self) -> Sample:
        record = await MemoryRegistry.get(self, SAMPLE, "faq")
        return Sample() if record is None or record.data is None else sample_of(record.data)


class World:
    """One worker: a cache in memory, a registry, and a route whose chance is set by hand."""

    def __init__(self, clock: FakeClock, registry: Registry) -> None:
        self.clock = clock
        self.registry = registry
        self.chance = 0.5
        self.counted: list[str] = []
        self.cache = MemoryCache(1 << 20, clock.monotonic)
        self.surroundings = Surroundings(
            clock.monotonic, clock.monotonic, clock.sleep, bytes, lambda event: self.counted.append(event.value)
        )
        self.exact = ExactCache(self.cache, Codec(KEYRING, bytes), self.surroundings)
        self.samples = Samples(lambda: registry, clock.monotonic)

    def route(self, rules: Semantic = SERVE) -> Wordings:
        lookup = SemanticLookup(self.cache, KEYRING, bytes)
        return Wordings("faq", rules, lookup, self.exact, KEYRING, self.samples, self.surroundings, lambda: self.chance)

    async def ask(self, text: str, answer: str = "Rome.", rules: Semantic = SERVE, tools: bool = False) -> bool:
        """Whether a semantic hit was served; otherwise the provider answers, and that is kept."""
        fields = request(text)
        asked, wordings = asking(fields), self.route(rules)
        miss = await self.exact.find(asked.question)
        assert isinstance(miss, Miss)
        sought = await wordings.seek(asked, fields)
        assert sought is not None
        if sought.serves:
            await miss.failed()
            return True
        document = chat(answer, tools=tools)
        refusal = await miss.answered(document, None)
        await wordings.answered(sought, document, kept=not refusal)
        return False


@pytest.fixture
def world(clock: FakeClock) -> World:
    return World(clock, Registry())


def request(text: str) -> Mapping[str, Raw]:
    messages = [{"role": "user", "content": text}]
    return {"model": Raw(b'"gpt-4o"'), "messages": Raw(msgspec.json.encode(messages))}


def asking(fields: Mapping[str, Raw]) -> Asking:
    reading = reading_of(CHAT)
    assert reading is not None
    canonical = partial(canonical_request, headers={}, reading=reading, own_format=True, users_apart=False)
    whole = canonical(fields)
    assert whole is not None
    return Asking(Question(CHAT, KEYRING.key(PARTITION, whole)), PARTITION, canonical)


def chat(answer: str, *, tools: bool) -> bytes:
    call = {"id": "call-1", "type": "function", "function": {"name": "look", "arguments": "{}"}}
    message = {"role": "assistant", "content": answer} | ({"tool_calls": [call]} if tools else {})
    choice = {"index": 0, "message": message, "finish_reason": "stop"}
    return json.dumps({"id": "chatcmpl-1", "object": "chat.completion", "choices": [choice]}).encode()


# -- what is served ---------------------------------------------------------------------------------------------------


async def test_a_question_in_other_words_is_served(world: World) -> None:
    assert not await world.ask("How do I sort a list?")
    assert await world.ask("How can I sort a list?")
    assert world.counted[-1] == "semantic_hit"


async def test_what_the_exact_cache_lost_is_asked_for_and_kept_again(world: World) -> None:
    await world.ask("How do I sort a list?")
    await world.cache.purge("key", asking(request("How do I sort a list?")).question.key.digest)
    assert not await world.ask("How can I sort a list?")
    assert await world.ask("How could I sort a list?")


async def test_an_answer_that_calls_tools_is_not_remembered(world: World) -> None:
    await world.ask("How do I sort a list?", tools=True)
    assert not await world.ask("How can I sort a list?")


@pytest.mark.parametrize("directive", [Directive(lookup=False), Directive(lookup=False, keep=False)])
async def test_who_asks_past_the_cache_is_not_looked_for(world: World, directive: Directive) -> None:
    fields = request("How do I sort a list?")
    past = asking(fields)
    past = replace(past, question=replace(past.question, directive=directive))
    assert await world.route().seek(past, fields) is None


async def test_what_is_older_than_the_caller_takes_is_not_served(world: World) -> None:
    await world.ask("How do I sort a list?")
    world.clock.now += 10
    fields = request("How can I sort a list?")
    young = asking(fields)
    for most_age, serves in ((9, False), (10, True)):
        question = replace(young.question, directive=Directive(most_age=most_age))
        sought = await world.route().seek(replace(young, question=question), fields)
        assert sought is not None
        assert sought.serves is serves


# -- what is compared -------------------------------------------------------------------------------------------------


async def test_shadow_mode_serves_nothing_and_compares(world: World) -> None:
    await world.ask("How do I sort a list?", rules=SHADOW)
    assert not await world.ask("How can I sort a list?", rules=SHADOW)
    assert await world.registry.sample() == Sample(compared=1, differed=0)
    assert world.counted[-1] == "semantic_same"


async def test_a_share_of_the_hits_is_compared(world: World) -> None:
    await world.ask("How do I sort a list?")
    world.chance = 0.049
    assert not await world.ask("How can I sort a list?")
    world.chance = 0.05
    assert await world.ask("How could I sort a list?")
    assert await world.registry.sample() == Sample(compared=1, differed=0)


async def test_answers_that_differ_stop_a_route_until_its_sample_is_new(world: World) -> None:
    await world.ask("How do I sort a list?")
    await world.ask("How can I sort a list?", "Paris, in 1889.", rules=SHADOW)
    assert world.counted[-1] == "semantic_different"
    assert await world.registry.sample() == Sample(compared=1, differed=1, stopped=True)
    assert not await world.ask("How could I sort a list?")
    await world.registry.delete(SAMPLE, "faq")
    world.clock.now += 1
    assert await world.ask("How to sort a list?")


# -- the sample -------------------------------------------------------------------------------------------------------


async def test_the_sample_is_read_once_a_second(world: World) -> None:
    for _ in range(3):
        assert not await world.samples.stopped("faq")
    assert world.registry.reads == 1
    world.clock.now += 1
    await world.samples.stopped("faq")
    assert world.registry.reads == 2


async def test_a_stop_by_another_worker_is_seen_a_second_later(world: World) -> None:
    assert not await world.samples.stopped("faq")
    await Samples(lambda: world.registry, world.clock.monotonic).add("faq", WRONG, 0.01)
    assert not await world.samples.stopped("faq")
    world.clock.now += 1
    assert await world.samples.stopped("faq")


async def test_nothing_is_served_while_the_sample_was_never_read(world: World) -> None:
    world.registry.away = True
    assert await world.samples.stopped("faq")
    world.registry.away = False
    world.clock.now += 1
    assert not await world.samples.stopped("faq")
    world.registry.away = True
    world.clock.now += 1
    assert not await world.samples.stopped("faq")


async def test_a_sample_that_is_not_understood_stops(world: World) -> None:
    await world.registry.put(SAMPLE, "faq", b"{", expected=None)
    assert await world.samples.stopped("faq")


async def test_a_comparison_is_counted_though_others_were_faster(world: World) -> None:
    world.registry.faster = 4
    await world.samples.add("faq", RIGHT, 0.01)
    assert await world.registry.sample() == Sample(compared=1)


@pytest.mark.parametrize(("away", "faster"), [(True, 0), (False, 5)])
async def test_a_comparison_that_cannot_be_written_is_left_out(world: World, away: bool, faster: int) -> None:
    world.registry.away, world.registry.faster = away, faster
    await world.samples.add("faq", WRONG, 0.01)
    assert await world.registry.sample() == Sample()


async def test_a_stop_leaves_a_line(world: World, caplog: pytest.LogCaptureFixture) -> None:
    for _ in range(2):
        await world.samples.add("faq", WRONG, 0.01)
    (line,) = caplog.records
    assert line.message == "semantic hits stopped"
    assert line.__dict__["fields"] == {"route": "faq", "compared": 1, "differed": 1}


# -- local models -----------------------------------------------------------------------------------------------------


def test_a_directory_without_a_model_is_a_mistake_of_the_document(tmp_path: Path) -> None:
    rules = Semantic(embedder=LocalEmbedder(tmp_path))
    with pytest.raises(ConfigError, match="no local model") as caught:
        Embedders().of(rules, "cache.routes[0].semantic.embedder.directory")
    assert caught.value.path == "cache.routes[0].semantic.embedder.directory"
