"""When tokens are renewed, and what there is between renewals. Time passes only when it is told to."""

import asyncio
import logging
import math
from collections.abc import AsyncIterator, Callable

import pytest

from extproc.clients.tokens import Surroundings, Token, TokenError, TokenKeeper
from extproc.config.model import FetchedCredential, GcpMetadata, Secret

ONE, TWO = GcpMetadata("one"), GcpMetadata("two")
WANTED = {ONE: "backend-1"}


class Time:
    """A clock that stands at 1000 seconds, and sleepers that wait for it."""

    def __init__(self) -> None:
        self.seconds = 1000.0
        self.slept: list[float] = []
        self._sleepers: list[tuple[float, asyncio.Future[None]]] = []

    def now(self) -> float:
        return self.seconds

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        woken: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._sleepers.append((self.seconds + seconds, woken))
        await woken

    async def passes(self, seconds: float) -> None:
        self.seconds += seconds
        for due, woken in self._sleepers:
            if due <= self.seconds and not woken.done():
                woken.set_result(None)
        await settled()


class Source:
    """Gives its answers in turn, the last one for ever; None never comes."""

    def __init__(self, *answers: Token | TokenError | None) -> None:
        self.fetched = 0
        self._answers = list(answers)

    async def fetch(self) -> Token:
        self.fetched += 1
        answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        if answer is None:
            await asyncio.get_running_loop().create_future()
        if not isinstance(answer, Token):
            raise answer or TokenError("")
        return answer


class Counted(list[tuple[str, str]]):
    def credential_renewed(self, backend: str) -> None:
        self.append((backend, "renewed"))

    def credential_not_renewed(self, backend: str) -> None:
        self.append((backend, "failed"))


def token(text: str, issued: float = 1000.0, life: float = 1000.0) -> Token:
    return Token(Secret(text), issued + life, life)


async def settled() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
def counted() -> Counted:
    return Counted()


Keeping = Callable[..., TokenKeeper]


@pytest.fixture
async def keeping(time: Time, counted: Counted) -> AsyncIterator[Keeping]:
    """Makes keepers of the given sources, by chance in the middle of every range."""
    made: list[TokenKeeper] = []

    def make(sources: dict[FetchedCredential, Source], chance: float = 0.5) -> TokenKeeper:
        made.append(TokenKeeper(sources.__getitem__, counted, Surroundings(time.now, time.sleep, lambda: chance)))
        return made[-1]

    yield make
    for keeper in made:
        await keeper.close()


async def test_a_token_is_there_after_it_was_prepared(keeping: Keeping, counted: Counted) -> None:
    keeper = keeping({ONE: Source(token("first"))})
    assert keeper.current(ONE) is None
    await keeper.prepare(WANTED, patience=5)
    assert keeper.current(ONE) == Secret("first")
    assert counted == [("backend-1", "renewed")]


async def test_a_token_is_renewed_before_it_expires(keeping: Keeping, time: Time) -> None:
    keeper = keeping({ONE: Source(token("first"), token("second", 1760.0))})
    await keeper.prepare(WANTED, patience=5)
    await time.passes(740)
    assert keeper.current(ONE) == Secret("first")
    await time.passes(20)
    assert keeper.current(ONE) == Secret("second")


@pytest.mark.parametrize(("chance", "seconds"), [(0.0, 800.0), (0.5, 750.0), (1.0, 700.0)])
async def test_renewals_are_spread(keeping: Keeping, time: Time, chance: float, seconds: float) -> None:
    keeper = keeping({ONE: Source(token("first"))}, chance)
    await keeper.prepare(WANTED, patience=5)
    await settled()
    assert time.slept == [pytest.approx(seconds)]


async def test_a_token_that_expires_at_once_is_not_asked_for_without_end(keeping: Keeping, time: Time) -> None:
    keeper = keeping({ONE: Source(token("first", life=0.0))})
    await keeper.prepare(WANTED, patience=5)
    await settled()
    assert (keeper.current(ONE), time.slept) == (None, [1.0])


async def test_the_old_token_stays_while_it_is_valid(keeping: Keeping, time: Time, counted: Counted) -> None:
    keeper = keeping({ONE: Source(token("first"), TokenError("away"))})
    await keeper.prepare(WANTED, patience=5)
    await time.passes(760)
    assert counted == [("backend-1", "renewed"), ("backend-1", "failed")]
    assert keeper.current(ONE) == Secret("first")
    await time.passes(239)
    assert keeper.current(ONE) == Secret("first")
    await time.passes(1)
    assert keeper.current(ONE) is None


async def test_a_failure_is_tried_again_ever_more_slowly(keeping: Keeping, time: Time) -> None:
    keeper = keeping({ONE: Source(TokenError("away"))}, chance=1.0)
    await keeper.prepare(WANTED, patience=5)
    for _ in range(8):
        await time.passes(60)
    assert time.slept == [2.0, 4.0, 8.0, 16.0, 32.0, 60.0, 60.0, 60.0, 60.0]


async def test_after_a_success_failures_count_anew(keeping: Keeping, time: Time) -> None:
    away = TokenError("away")
    keeper = keeping({ONE: Source(away, away, token("first", 1120.0), away)}, chance=1.0)
    await keeper.prepare(WANTED, patience=5)
    for seconds in (60, 60, 1000):
        await time.passes(seconds)
    assert time.slept == [2.0, 4.0, pytest.approx(700.0), 2.0]


async def test_what_has_no_end_is_looked_up_again_all_the_same(keeping: Keeping, time: Time) -> None:
    keeper = keeping({ONE: Source(Token(Secret("a"), math.inf, 300.0), Token(Secret("b"), math.inf, 300.0))})
    await keeper.prepare(WANTED, patience=5)
    await time.passes(300)
    assert keeper.current(ONE) == Secret("b")


async def test_one_endpoint_that_hangs_does_not_hold_up_the_others(keeping: Keeping) -> None:
    keeper = keeping({ONE: Source(None), TWO: Source(token("second"))})
    await keeper.prepare({ONE: "backend-1", TWO: "backend-2"}, patience=0.01)
    assert (keeper.current(ONE), keeper.current(TWO)) == (None, Secret("second"))


async def test_a_failure_is_not_waited_for_any_longer(keeping: Keeping) -> None:
    keeper = keeping({ONE: Source(TokenError("away"))})
    await asyncio.wait_for(keeper.prepare(WANTED, patience=1000), timeout=5)
    assert keeper.current(ONE) is None


async def test_a_new_document_fetches_only_what_is_new(keeping: Keeping) -> None:
    sources = {ONE: Source(token("first")), TWO: Source(token("second"))}
    keeper = keeping(sources)
    await keeper.prepare(WANTED, patience=5)
    await keeper.prepare({ONE: "backend-1", TWO: "backend-2"}, patience=5)
    keeper.keep_only({ONE: "backend-1", TWO: "backend-2"})
    assert (sources[ONE].fetched, sources[TWO].fetched) == (1, 1)
    assert (keeper.current(ONE), keeper.current(TWO)) == (Secret("first"), Secret("second"))


async def test_what_is_wanted_no_longer_is_there_for_those_who_began_with_it(keeping: Keeping, time: Time) -> None:
    sources = {ONE: Source(token("first")), TWO: Source(token("second"))}
    keeper = keeping(sources)
    await keeper.prepare(WANTED, patience=5)
    await keeper.prepare({TWO: "backend-2"}, patience=5)
    keeper.keep_only({TWO: "backend-2"})
    assert keeper.current(ONE) == Secret("first")
    await time.passes(999)
    assert sources[ONE].fetched == 1
    keeper.keep_only({TWO: "backend-2"})
    assert keeper.current(ONE) is None


async def test_a_closed_keeper_asks_no_more(keeping: Keeping, time: Time) -> None:
    source = Source(token("first"))
    keeper = keeping({ONE: source})
    await keeper.prepare(WANTED, patience=5)
    await keeper.close()
    await time.passes(5000)
    assert source.fetched == 1


async def test_the_log_tells_what_happens_and_no_token(
    keeping: Keeping, time: Time, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    keeper = keeping({ONE: Source(token("s3cr3t"), TokenError("the token endpoint answered 503"))})
    await keeper.prepare(WANTED, patience=5)
    await time.passes(760)
    told = [(record.levelname, record.getMessage(), vars(record)["fields"]) for record in caplog.records]
    assert told == [
        ("INFO", "credential renewed", {"backend": "backend-1", "life_seconds": 1000, "next_seconds": 750}),
        (
            "WARNING",
            "credential not renewed",
            {
                "backend": "backend-1",
                "reason": "the token endpoint answered 503",
                "valid_for_seconds": 240.0,
                "next_seconds": 1.5,
            },
        ),
    ]
    assert "s3cr3t" not in caplog.text + repr(keeper.current(ONE)) + repr(token("s3cr3t"))


async def test_a_defect_of_a_client_does_not_stay_unnoticed(keeping: Keeping, caplog: pytest.LogCaptureFixture) -> None:
    class Broken:
        async def fetch(self) -> Token:
            raise ZeroDivisionError

    keeper = keeping({ONE: Broken()})
    await keeper.prepare(WANTED, patience=5)
    await settled()
    assert [record.getMessage() for record in caplog.records] == ["credential renewal failed"]
