"""What is found of what was asked before."""

from dataclasses import replace
from itertools import product

import pytest

from extproc.cache.base import Slot
from extproc.cache.key import Key, Keyring, Partition
from extproc.cache.memory import MemoryCache
from extproc.cache.semantic.embedder import Embedder
from extproc.cache.semantic.lookup import Asked, Hit, Miss, SemanticLookup, asked_of
from tests.cache.semantic_fakes import WordEmbedder

KEYRING = Keyring(b"s" * 32)
PARTITION = Partition("acme", "route", "gpt", "v1", "openai", "/v1/chat/completions")
CONTEXT = b"\0\0\0\0\0\0\0\x09model=gpt"


def asked(text: str, partition: Partition = PARTITION, context: bytes = CONTEXT) -> Asked:
    found = asked_of(KEYRING, partition, context, text)
    assert found is not None
    return found


ONE = asked("How do I sort a list?")
AGAIN = asked("How can I sort a list?")
ANSWER = replace(ONE.key, digest="a" * 48)


@pytest.fixture
def cache() -> MemoryCache:
    return MemoryCache(1 << 20, lambda: 0.0)


def lookup(cache: MemoryCache, embedder: Embedder | None = None, threshold: float = 0.5) -> SemanticLookup:
    return SemanticLookup(cache, KEYRING, bytes, embedder=embedder, threshold=threshold)


async def remember(within: SemanticLookup, question: Asked, answer: Key = ANSWER) -> bool:
    found = await within.find(question)
    assert isinstance(found, Miss)
    assert found.stamp is not None
    return await within.remember(question, answer, found.stamp, 60_000)


async def is_found(within: SemanticLookup, question: Asked) -> bool:
    return isinstance(await within.find(question), Hit)


async def test_a_question_in_other_words_finds_the_answer(cache: MemoryCache) -> None:
    assert await remember(lookup(cache), ONE)
    assert await lookup(cache).find(AGAIN) == Hit(ANSWER, 1.0)


async def test_a_question_that_was_never_asked_finds_nothing(cache: MemoryCache) -> None:
    await remember(lookup(cache), ONE)
    assert not await is_found(lookup(cache), asked("How do I reverse a list?"))


async def test_partitions_see_nothing_of_each_other(cache: MemoryCache) -> None:
    """Every part of the partition, and the context, keeps answers apart."""
    texts = ["Who is it?", "How do I sort a list?", "Where is Rome?"]
    others = [
        replace(PARTITION, tenant="other"),
        replace(PARTITION, route="other"),
        replace(PARTITION, model="other"),
        replace(PARTITION, policy="other"),
        replace(PARTITION, backends="other"),
        replace(PARTITION, endpoint="other"),
    ]
    places = [*product([PARTITION, *others], [CONTEXT, b"\0\0\0\0\0\0\0\x09model=gpu"], texts)]
    for number, (partition, context, text) in enumerate(places):
        question = asked(text, partition, context)
        await remember(lookup(cache), question, replace(question.key, digest=f"{number:048}"))
    for number, (partition, context, text) in enumerate(places):
        question = asked(text.lower(), partition, context)
        assert await lookup(cache).find(question) == Hit(replace(question.key, digest=f"{number:048}"), 1.0)


def test_a_text_that_is_not_one_question_cannot_be_asked_for() -> None:
    assert asked_of(KEYRING, PARTITION, CONTEXT, "two\nlines") is None


async def test_a_purge_of_the_route_takes_the_records(cache: MemoryCache) -> None:
    await remember(lookup(cache), ONE)
    await cache.purge("route", KEYRING.route("route"))
    assert not await is_found(lookup(cache), ONE)


async def test_the_vector_is_a_second_opinion(cache: MemoryCache) -> None:
    embedder = WordEmbedder()
    await remember(lookup(cache, embedder), ONE)
    hit = await lookup(cache, embedder).find(AGAIN)
    assert isinstance(hit, Hit)
    assert hit.similarity == pytest.approx(5 / 6, abs=0.01)
    assert not await is_found(lookup(cache, embedder, threshold=0.9), AGAIN)


async def test_a_question_that_was_never_asked_waits_for_no_embedder(cache: MemoryCache) -> None:
    embedder = WordEmbedder()
    assert not await is_found(lookup(cache, embedder), ONE)
    assert embedder.asked == []


async def test_without_a_vector_there_is_no_hit(cache: MemoryCache) -> None:
    embedder = WordEmbedder()
    await remember(lookup(cache, embedder), ONE)
    embedder.away = True
    assert not await is_found(lookup(cache, embedder), ONE)


async def test_what_got_no_vector_is_not_kept(cache: MemoryCache) -> None:
    assert not await remember(lookup(cache, WordEmbedder(away=True)), ONE)
    assert len(cache) == 0


async def test_vectors_of_another_model_are_not_compared(cache: MemoryCache) -> None:
    await remember(lookup(cache, WordEmbedder("old")), ONE)
    assert not await is_found(lookup(cache, WordEmbedder("new")), ONE)


async def test_a_damaged_record_is_a_miss_however_it_is_cut_or_changed(cache: MemoryCache) -> None:
    await remember(lookup(cache), ONE)
    data, stamp = await _kept(cache, ONE.key)
    changed = [data[:at] + bytes((data[at] ^ 1,)) + data[at + 1 :] for at in range(len(data))]
    for damaged in [*(data[:size] for size in range(len(data))), *changed, data + b"\0"]:
        await cache.put(ONE.key, damaged, stamp, 60_000)
        assert not await is_found(lookup(cache), ONE)


async def test_a_record_in_the_place_of_another_is_a_miss(cache: MemoryCache) -> None:
    await remember(lookup(cache), ONE)
    data, stamp = await _kept(cache, ONE.key)
    elsewhere = asked("Who is it?")
    await cache.put(elsewhere.key, data, stamp, 60_000)
    assert not await is_found(lookup(cache), elsewhere)


async def _kept(cache: MemoryCache, key: Key) -> tuple[bytes, bytes]:
    slot: Slot = await cache.get(key)
    assert slot.data is not None
    assert slot.stamp is not None
    return slot.data, slot.stamp


def test_a_question_does_not_show_itself() -> None:
    assert "sort" not in repr(ONE)
