"""Callers who spend a budget until it is gone, and the books: what became of their requests, what the provider made."""

import asyncio
import json
import os
import random
import re
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import aiohttp
import httpx2 as httpx
import msgspec
from redis import Redis

from extproc.simulator.server import Running
from tests.integration.gateway import Gateway
from tests.integration.raw import CHAT, chat

LEFT, WHOLE = 0.05, 0.05  # of all requests: streams that their callers leave, and answers that are not streamed
_WORDS = "word " * 30
_INPUT_TOKENS = 32  # as the simulator counts them: the words, and a directive of two
_WHOLE_SECONDS = 2
_TAIL = 4096  # bytes, more than the last events of a stream
_BY_BUDGET, _STORE_AWAY, _BY_CALLER = "cut by the budget", "cut while the store was away", "left by the caller"
_BROKEN, _FAILED, _REFUSED_AWAY = "broken off", "failed with a worker", "refused while the store was away"
_ENDS = {b'"budget_exceeded"': _BY_BUDGET, b'"store_unavailable"': _STORE_AWAY}
_TOKENS = re.compile(rb"tokens=(\d+)")
_EXPIRED = 1  # the state of a lease, in `store/lua/ledger.lua`


@dataclass(frozen=True, slots=True)
class Purse:
    """A team with one budget, and the model that it spends it on. Prices are those of a token, in the budget's unit:
    tokens, or nano-dollars."""

    name: str
    model: str
    budget: dict[str, Any]
    input_price: int = 1
    output_price: int = 1

    @property
    def key(self) -> str:
        return f"sk-{self.name}"

    @property
    def entry(self) -> dict[str, Any]:
        """As the document has it."""
        return {"name": self.name, "scope": "team", "of": self.name, "window": "total", **self.budget}

    def price(self, input_tokens: int, output_tokens: int) -> int:
        return input_tokens * self.input_price + output_tokens * self.output_price


@dataclass(frozen=True, slots=True)
class Habits:
    """So many callers, each with one request at a time, for `shortest` to `longest` tokens (short ones more often) at
    `rate` tokens a second. They allow `allowed`. One who got nothing asks again after about `pause` seconds."""

    callers: int
    rate: float
    shortest: int
    longest: int
    allowed: int
    pause: float


@dataclass(slots=True)
class Books:
    """What became of requests. `refused_in_a_row` counts refusals since any other answer, `asked` the requests under
    way and `streams` those that are being answered; `broken_tokens` were delivered before a worker's death.
    `store_missed` is when answers said that the store was away (monotonic seconds)."""

    outcomes: Counter[str] = field(default_factory=Counter)
    mistakes: list[str] = field(default_factory=list)
    false_refusals: list[dict[str, Any]] = field(default_factory=list)
    refusal: dict[str, Any] = field(default_factory=dict)
    refused_in_a_row: int = 0
    asked: int = 0
    most_asked: int = 0
    streams: int = 0
    broken_tokens: int = 0
    store_missed: list[float] = field(default_factory=list)

    @property
    def admitted(self) -> int:
        return sum(self.outcomes.values()) - sum(self.outcomes[name] for name in ("refused", _FAILED, _REFUSED_AWAY))

    @property
    def cut_by_budget(self) -> int:
        return self.outcomes[_BY_BUDGET]

    @property
    def cut(self) -> int:
        """Streams that ended before the provider's answer did, at the hands of a worker that lived on."""
        return self.cut_by_budget + self.outcomes[_STORE_AWAY] + self.outcomes[_BY_CALLER]


class Spenders:
    """They stop when the budget is gone: no stream is under way, and each of them was refused about twice in a row."""

    def __init__(self, gateway: Gateway, purse: Purse, habits: Habits) -> None:
        self.books = Books()
        self._url = gateway.url + CHAT
        self._headers = {"authorization": f"Bearer {purse.key}", "content-type": "application/json"}
        self._model = purse.model
        self._habits = habits
        self._random = random.Random(purse.name)
        self._gone = asyncio.Event()

    async def run(self, session: aiohttp.ClientSession) -> None:
        async with asyncio.TaskGroup() as group:
            for _ in range(self._habits.callers):
                group.create_task(self._call_again_and_again(session))

    async def _call_again_and_again(self, session: aiohttp.ClientSession) -> None:
        books = self.books
        await self._rest()
        while not self._gone.is_set():
            books.asked += 1
            books.most_asked = max(books.most_asked, books.asked)
            admitted = await self._call(session)
            books.asked -= 1
            if not admitted:
                await self._rest()

    async def _rest(self) -> None:
        """Everybody for another time, so that they do not all come back at once."""
        seconds = self._habits.pause * (0.5 + self._random.random())
        try:
            await asyncio.wait_for(self._gone.wait(), seconds)
        except TimeoutError:
            pass

    async def _call(self, session: aiohttp.ClientSession) -> bool:
        """Whether the request was admitted."""
        stream = self._random.random() >= WHOLE
        try:
            async with session.post(self._url, data=self._body(stream), headers=self._headers) as answer:
                if answer.status != 200:
                    self._refused(answer.status, await answer.read())
                    return False
                self._note(await (self._read_stream(answer) if stream else self._read_whole(answer)))
        except aiohttp.ClientError:  # the worker that had the request was killed
            self._note(_BROKEN)
        return True

    def _body(self, stream: bool) -> bytes:
        habits = self._habits
        tokens = round(habits.shortest * (habits.longest / habits.shortest) ** (self._random.random() ** 2))
        how = f"rate={habits.rate}" if stream else f"slow_headers={_WHOLE_SECONDS}"
        return chat(f"{_WORDS}[[tokens={tokens} {how}]]", self._model, stream=stream, max_tokens=habits.allowed)

    async def _read_whole(self, answer: aiohttp.ClientResponse) -> str:
        assert json.loads(await answer.read())["choices"]
        return "whole answer"

    async def _read_stream(self, answer: aiohttp.ClientResponse) -> str:
        self.books.streams += 1
        try:
            return await self._read_events(answer)
        finally:
            self.books.streams -= 1

    async def _read_events(self, answer: aiohttp.ClientResponse) -> str:
        leaves = self._random.random() < LEFT
        leaves_after = self._random.randrange(1, 2 * self._habits.shortest)
        tail, tokens = b"", -1  # the first event has no text
        try:
            async for piece in answer.content.iter_any():
                tail, tokens = (tail + piece)[-_TAIL:], tokens + piece.count(b'"content":')
                if tail.endswith(b"data: [DONE]\n\n"):
                    return next((outcome for mark, outcome in _ENDS.items() if mark in tail), "whole stream")
                if leaves and tokens >= leaves_after:
                    answer.close()
                    return _BY_CALLER
        except aiohttp.ClientError:
            pass  # the worker was killed
        self.books.broken_tokens += max(0, tokens)
        return _BROKEN

    def _refused(self, status: int, body: bytes) -> None:
        error = json.loads(body)["error"]
        if status == 402:
            self._note_refusal(error)
        elif status == 503 and error["code"] == "store_unavailable":
            self._note(_REFUSED_AWAY)
        elif status in (500, 503):  # Envoy had chosen a worker that was killed
            self._note(_FAILED)
        else:
            self.books.mistakes.append(f"{status}: {body!r}")

    def _note_refusal(self, error: dict[str, Any]) -> None:
        books = self.books
        books.outcomes["refused"] += 1
        books.refused_in_a_row += 1
        books.refusal = error
        if amount(error["spent"]) + amount(error["reserved"]) + amount(error["requested"]) <= amount(error["limit"]):
            books.false_refusals.append(error)
        if not books.streams and books.refused_in_a_row >= 2 * self._habits.callers:
            self._gone.set()

    def _note(self, outcome: str) -> None:
        self.books.outcomes[outcome] += 1
        self.books.refused_in_a_row = 0
        if outcome in (_REFUSED_AWAY, _STORE_AWAY):
            self.books.store_missed.append(time.monotonic())


def kill_a_worker(gateway: Gateway, chance: random.Random) -> None:
    """Without a word."""
    found = subprocess.run(["pgrep", "-P", str(gateway.processes["serve"].pid)], capture_output=True, check=True)
    os.kill(int(chance.choice(found.stdout.split())), signal.SIGKILL)


@dataclass(frozen=True, slots=True)
class Standing:
    """Of a budget, in tokens or nano-dollars."""

    limit: int
    spent: int
    reserved: int


def standing(gateway: Gateway, purse: Purse) -> Standing:
    """As the key's holder sees it. OSError while the store does not tell."""
    answer = httpx.get(f"{gateway.base_url}/quota", headers={"authorization": f"Bearer {purse.key}"})
    if answer.status_code != 200:
        raise OSError(answer.text)
    (budget,) = answer.json()["budgets"]
    return Standing(*(amount(budget[name]) for name in ("limit", "spent", "reserved")))


def amount(shown: int | str) -> int:
    """Tokens as they are, dollars in nano-dollars."""
    return shown if isinstance(shown, int) else int(Decimal(shown).scaleb(9))


@dataclass(frozen=True, slots=True)
class Balance:
    """How a budget comes out once it is spent and nothing is reserved, in its own unit.

    `made` is what the provider would bill: the input of all requests that it got, and all output that it wrote.
    `quanta` is a quantum for each request under way at the busiest moment. `dead` is how many requests' leases expired,
    with their worker: they are charged the `held` of these, for `dead_made`. `unseen` is what providers may write in
    the two seconds around the end of each stream that was cut. `likely` is what the last refusal asked for.
    """

    limit: int
    settled: int
    made: int
    quanta: int
    dead: int
    held: int
    dead_made: int
    unseen: int
    likely: int

    def broken_promises(self) -> Iterator[str]:
        if self.settled > self.limit + self.quanta or self.made > self.limit + self.quanta:
            yield "more was spent than the budget and the quanta"
        if self.limit - self.settled >= self.likely:
            yield "what is left pays for another request"
        if self.held < self.dead_made:
            yield "the dead are charged less than they had"
        if self.settled - self.held < self.made - self.dead_made - self.unseen:
            yield "the living are charged less than they had"


def balance(gateway: Gateway, store: Redis, purse: Purse, books: Books, habits: Habits, quantum: int) -> Balance:
    """Of a purse whose model has a provider of its own, named as it is, with all requests in its log."""
    now, leases, simulator = standing(gateway, purse), _expired(store, purse), gateway.simulator(purse.name)
    given, produced = _made(simulator)
    broken = books.outcomes[_BROKEN]
    unseen = round(2 * habits.rate)
    return Balance(
        limit=now.limit,
        settled=now.spent,
        made=purse.price(given, produced),
        quanta=purse.price(0, quantum) * books.most_asked,
        dead=len(leases),
        held=sum(leases),
        dead_made=purse.price(broken * _INPUT_TOKENS, books.broken_tokens),
        unseen=purse.price(0, unseen) * (books.cut + broken),
        likely=amount(books.refusal["requested"]),
    )


def _made(simulator: Running) -> tuple[int, int]:
    """Input and output tokens."""
    assert len(simulator.log) == simulator.stats.requests
    given, whole = 0, 0
    for received in simulator.log:
        asked = json.loads(received.body)
        given += sum(len(message["content"].split()) for message in asked["messages"])
        if not asked["stream"] and (wanted := _TOKENS.search(received.body)):
            whole += int(wanted[1])
    return given, simulator.stats.output_tokens + whole


def _expired(store: Redis, purse: Purse) -> list[int]:
    """What each expired lease holds of the purse's budget."""
    leases = (_lease(store, name) for name in store.scan_iter("llm:lease:*", count=1000))
    accounts = (account for lease in leases if lease[0] == _EXPIRED for account in lease[2].items())
    return [held for name, (_, held, *_) in accounts if f":team:{purse.name}:" in name]


def _lease(store: Redis, name: bytes) -> Any:
    """As `store/lua/ledger.lua` keeps it."""
    packed = store.get(name)
    assert isinstance(packed, bytes)
    return msgspec.msgpack.decode(packed)
