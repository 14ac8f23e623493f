"""Exchanges that follow another one's answer: what they get, what they pay, and what is left when they go."""

import asyncio
import json
from collections.abc import Callable
from dataclasses import replace

import pytest

from extproc.cache.entry import Codec
from extproc.cache.exact import ExactCache, Surroundings
from extproc.cache.key import Key, Keyring
from extproc.cache.memory import MemoryCache, Slot
from extproc.config.cache import CacheRoute, Followers
from extproc.config.limits import BudgetRule, Measure, Scope, Total
from extproc.errors import BudgetExceeded
from extproc.exchange import relay
from extproc.exchange.actions import BodyMode, Respond, Upstream
from extproc.exchange.events import Attempt, RequestHeaders, ResponseBody
from extproc.genai.prices import PriceBook
from extproc.pipeline.caching import Aftermath, Followed, Shelf
from extproc.pipeline.processor import Exchange, Processor
from extproc.pipeline.snapshot import Snapshot
from tests.pipeline.conftest import GATEWAY, FakeClock, Records, treasury
from tests.pipeline.test_exchange import ANSWER, DONE, HELLO, THERE, answered, body, headers

STOP = b'data: {"id":"c","model":"gpt-4o","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\n'
BUDGET = BudgetRule(name="b", scope=Scope.KEY, measure=Measure.TOKENS, amount=100_000, window=Total())


class LookedUp(MemoryCache):
    """One that takes its time while it is held, as a store does."""

    def __init__(self, now: Callable[[], float]) -> None:
        super().__init__(1 << 20, now)
        self.let = asyncio.Event()
        self.let.set()

    async def get(self, key: Key) -> Slot:
        slot = await super().get(key)
        await self.let.wait()
        return slot


class Lookups:
    def cache_lookup(self, model: str, outcome: str) -> None: ...


class World:
    """A worker, whose followers pay unless it says otherwise, and Envoy beside it."""

    def __init__(self, clock: FakeClock, records: Records, followers: Followers = Followers.CHARGED) -> None:
        self.records = records
        self.clock = clock
        self.cache = LookedUp(clock.monotonic)
        surroundings = Surroundings(clock.monotonic, clock.monotonic, clock.sleep, bytes)
        keyring = Keyring(b"s" * 32)
        exact = ExactCache(self.cache, Codec(keyring, bytes), surroundings)
        routes = (CacheRoute(name="all", followers=followers),)
        shelf = Shelf(routes, keyring, exact, surroundings, Lookups(), "v1", Aftermath())
        gateway = replace(GATEWAY, rules=(BUDGET,))
        self._snapshot = Snapshot(gateway, PriceBook(), shelf=shelf)
        self._processor = Processor(worker="/run/w0.sock", clock=clock, treasury=treasury(clock), recorder=records)
        self._ids = iter(range(100))

    def begin(self, *, relayed: bool = True) -> Exchange:
        return self._processor.begin(self._snapshot, f"exchange-{next(self._ids)}", relayed=relayed)

    async def ask(self, *, stream: bool = False, relayed: bool = True) -> tuple[Exchange, Upstream | Respond]:
        exchange = self.begin(relayed=relayed)
        await exchange.request_headers(headers())
        action = await exchange.request_body(body(stream=stream))
        assert isinstance(action, Upstream | Respond)
        return exchange, action

    async def follow(self, *, stream: bool = False) -> Exchange:
        exchange, action = await self.ask(stream=stream)
        assert isinstance(action, Upstream)
        assert action.clusters[0] == relay.CLUSTER
        return exchange

    async def spend_all(self) -> None:
        """By a caller who asks something else."""
        exchange = self.begin()
        await exchange.request_headers(headers())
        await exchange.request_body(body(temperature=0.5))
        used = ANSWER.replace(b'"completion_tokens":100', b'"completion_tokens":%d' % BUDGET.amount)
        await answer(exchange, used, stream=False)
        exchange.close()
        for _ in range(9):
            await asyncio.sleep(0)

    async def budget(self) -> tuple[int, int]:
        """What is spent, and what is reserved."""
        for _ in range(9):
            await asyncio.sleep(0)  # accounts are settled in the background
        sent = {":method": "GET", ":path": "/v1/quota", "authorization": "Bearer sk-test"}
        action = await self.begin().request_headers(RequestHeaders(sent, end_of_stream=True))
        assert isinstance(action, Respond)
        (found,) = json.loads(action.body)["budgets"]
        return found["spent"], found["reserved"]


@pytest.fixture
def world(clock: FakeClock, records: Records) -> World:
    return World(clock, records)


async def answer(exchange: Exchange, *pieces: bytes, stream: bool = True, ends: bool = True) -> bytes:
    """Lets the provider answer; what the caller gets."""
    exchange.response_headers(answered(content_type="text/event-stream" if stream else "application/json"))
    got = b""
    for number, piece in enumerate(pieces, 1):
        action = await exchange.response_body(ResponseBody(piece, ends and number == len(pieces)))
        got += piece if action.body is None else action.body
    return got


async def received(exchange: Exchange, followed: Followed) -> bytes:
    """Lets Envoy get what is followed, to its end; what the caller gets."""
    kind = "text/event-stream" if followed.streamed else "application/json"
    exchange.response_headers(answered(content_type=kind, cluster=relay.CLUSTER))
    pieces = [piece async for piece in followed.pieces]
    got = b""
    for piece, last in [*((piece, False) for piece in pieces), (b"", True)]:
        action = await exchange.response_body(ResponseBody(piece, last))
        got += piece if action.body is None else action.body
    exchange.close()
    return got


async def test_who_follows_pays_what_the_leader_paid(world: World) -> None:
    lead, _ = await world.ask()
    exchange = await world.follow()
    assert (await world.budget())[1] > 0
    waiting = asyncio.create_task(exchange.followed())
    await answer(lead, ANSWER, stream=False)
    lead.close()
    followed = await waiting
    assert followed is not None
    await received(exchange, followed)
    assert await world.budget() == (2200, 0)


async def test_an_answer_that_was_there_already_costs_nothing(world: World) -> None:
    """Two ask together for what is kept: the second one waits only for the first one's look."""
    before, _ = await world.ask()
    await answer(before, ANSWER, stream=False)
    before.close()
    assert await world.budget() == (1100, 0)
    world.clock.now += 5
    world.cache.let.clear()
    looking = asyncio.create_task(world.ask())
    await asyncio.sleep(0)
    exchange = await world.follow()
    world.cache.let.set()
    assert isinstance((await looking)[1], Respond)
    followed = await exchange.followed()
    assert followed is not None
    await received(exchange, followed)
    assert (world.records[-1].cost, await world.budget()) == (0, (1100, 0))


async def test_a_follower_that_leaves_before_there_is_anything_pays_nothing(world: World) -> None:
    lead, _ = await world.ask()
    exchange = await world.follow()
    waiting = asyncio.create_task(exchange.followed())
    await asyncio.sleep(0)
    waiting.cancel()
    exchange.close()
    await answer(lead, ANSWER, stream=False)
    lead.close()
    assert await world.budget() == (1100, 0)


async def test_who_follows_and_asks_after_all_reserves_and_pays_once(world: World) -> None:
    lead, _ = await world.ask()
    exchange = await world.follow()
    reserved = (await world.budget())[1]
    lead.close()
    assert await world.budget() == (1, reserved // 2)  # the leader's request, which the provider has read
    assert await exchange.followed() is None
    await exchange.attempt(Attempt("openai-cluster", 2))
    assert await world.budget() == (1, reserved // 2)
    exchange.response_headers(answered(attempt=2))
    await exchange.response_body(ResponseBody(ANSWER, end_of_stream=True))
    exchange.close()
    assert await world.budget() == (1101, 0)
    assert (world.records[-1].attempts, world.records[-1].backend) == (1, "openai")


async def test_who_cannot_pay_for_asking_after_all_hands_the_lead_on(clock: FakeClock, records: Records) -> None:
    world = World(clock, records, Followers.FREE)
    lead, _ = await world.ask()
    poor, next_one = await world.follow(), await world.follow()
    waiting = asyncio.create_task(next_one.followed())
    lead.close()
    assert await poor.followed() is None
    await world.spend_all()
    with pytest.raises(BudgetExceeded):
        await poor.attempt(Attempt("openai-cluster", 2))
    assert not waiting.done()
    poor.close()
    assert await waiting is None  # the lead is its own now
    next_one.close()
    assert (await world.budget())[1] == 0


async def test_a_leader_that_leaves_as_soon_as_it_has_read_the_end_gave_a_whole_answer(world: World) -> None:
    lead, _ = await world.ask(stream=True)
    following, waiting = await world.follow(stream=True), await world.follow()
    whole = asyncio.create_task(waiting.followed())
    await asyncio.sleep(0)
    said = await answer(lead, HELLO, THERE, STOP, DONE, ends=False)
    lead.close()  # the end of the body has not come from Envoy
    followed = await following.followed()
    assert followed is not None
    assert await received(following, followed) == said
    other = await whole
    assert other is not None
    assert b"Hello there" in await received(waiting, other)
    assert [record.error_type for record in world.records] == [""] * 3


async def test_who_leaves_before_anything_was_written_listens_no_longer(world: World) -> None:
    lead, _ = await world.ask(stream=True)
    exchange = await world.follow(stream=True)
    await answer(lead, HELLO, ends=False)
    followed = await exchange.followed()
    assert followed is not None
    exchange.close()  # Envoy went before the relay's headers
    await lead.response_body(ResponseBody(THERE, end_of_stream=False))
    assert await anext(followed.pieces) == HELLO


async def test_who_leaves_a_stream_that_only_envoy_sees_has_cancelled_it(clock: FakeClock, records: Records) -> None:
    world = World(clock, records, Followers.FREE)
    lead, _ = await world.ask(stream=True)
    leaving, staying = [await world.follow(stream=True) for _ in range(2)]
    await answer(lead, HELLO, ends=False)
    followed = [await each.followed() for each in (leaving, staying)]
    for each in (leaving, staying):
        received = each.response_headers(answered(content_type="text/event-stream", cluster=relay.CLUSTER))
        assert received.mode is BodyMode.NONE
    leaving.close()
    await lead.response_body(ResponseBody(THERE + STOP + DONE, end_of_stream=True))
    assert followed[1] is not None
    assert b"".join([piece async for piece in followed[1].pieces]).endswith(DONE)
    staying.close()
    assert [record.error_type for record in records] == ["cancelled", ""]


async def test_without_a_relay_a_stream_that_has_begun_is_waited_for(world: World) -> None:
    lead, _ = await world.ask(stream=True, relayed=False)
    await answer(lead, HELLO, ends=False)
    waiting = asyncio.create_task(world.ask(stream=True, relayed=False))
    await asyncio.sleep(0)
    await lead.response_body(ResponseBody(THERE + STOP + DONE, end_of_stream=True))
    lead.close()
    _, action = await waiting
    assert isinstance(action, Respond)
    assert dict(action.headers)["x-gateway-cache"] == "coalesced"
