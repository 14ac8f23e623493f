"""A gateway in memory: documents with boring defaults, a clock that is set by hand, records that are kept."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import pytest

from extproc.config.keys import digest
from extproc.config.model import Backend, Gateway, Key, Model, Schema, Secret, Target
from extproc.genai.prices import PriceBook
from extproc.pipeline.processor import Exchange, Processor
from extproc.pipeline.screening import Screens
from extproc.pipeline.snapshot import Snapshot
from extproc.pipeline.spending import Treasury
from extproc.policy.estimate import Estimator
from extproc.policy.governor import Governor
from extproc.store.memory import MemoryStore
from extproc.telemetry.record import ExchangeRecord

SALT = b"salt"

OPENAI = Backend(
    name="openai",
    cluster="openai-cluster",
    provider="openai",
    schema=Schema.OPENAI,
    authority="api.openai.com",
    base_path="/v1",
    credential=Secret("sk-openai-secret"),
)
ANTHROPIC = Backend(
    name="anthropic",
    cluster="anthropic-cluster",
    provider="anthropic",
    schema=Schema.ANTHROPIC,
    authority="api.anthropic.com",
    base_path="/v1",
    credential=Secret("sk-ant-secret"),
)


def key(alias: str = "dev", secret: str = "sk-test", **changes: object) -> Key:
    return replace(Key(alias=alias, digest=digest(SALT, secret), team="platform"), **changes)


GATEWAY = Gateway(
    backends=(OPENAI, ANTHROPIC),
    models=(
        Model("gpt-4o", (Target(OPENAI, "gpt-4o"),)),
        Model("smart", (Target(OPENAI, "gpt-4o"), Target(ANTHROPIC, "claude-sonnet-4-6"))),
        Model("claude", (Target(ANTHROPIC, "claude-sonnet-4-6"),)),
    ),
    keys=(key(), key("limited", "sk-limited", models=("gpt-4o",)), key("old", "sk-old", expires=1000.0)),
    key_salt=SALT,
    passthrough=OPENAI,
)


class FakeClock:
    """Time stands still until it is moved."""

    def __init__(self) -> None:
        self.now = 100.0

    def monotonic(self) -> float:
        return self.now

    def time(self) -> float:
        return 1_700_000_000.0

    async def sleep(self, seconds: float) -> None:
        self.now += seconds


class WordCounter:
    """A token is a word."""

    def count(self, model: str, text: str) -> int:
        return len(text.split())

    def count_json_text(self, model: str, raw: bytes) -> int:
        return len(raw.split())


class Records(list[ExchangeRecord]):
    def record(self, record: ExchangeRecord) -> None:
        self.append(record)


class NoEvents:
    """Nobody listens."""

    def refused(self, rule: str, *, shadow: bool) -> None: ...

    def decided_without_store(self, policy: str) -> None: ...

    def budget_used(self, budget: str, scope: str, subject: str, ratio: float) -> None: ...

    def budget_forgotten(self, budget: str, scope: str, subject: str) -> None: ...

    def budget_threshold(self, budget: str, scope: str, subject: str, percent: int, *, named: bool) -> None: ...

    def settlement_lost(self) -> None: ...


def treasury(clock: FakeClock) -> Treasury:
    """With a store in memory."""
    governor = Governor(MemoryStore(clock.time), partial(MemoryStore, clock.time), NoEvents(), clock.time)
    return Treasury(governor, Estimator(), WordCounter())


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def records() -> Records:
    return Records()


@pytest.fixture
def begin(clock: FakeClock, records: Records) -> Callable[..., Exchange]:
    processor = Processor(worker="/run/w0.sock", clock=clock, treasury=treasury(clock), recorder=records)

    def start(gateway: Gateway = GATEWAY, screens: Screens | None = None) -> Exchange:
        return processor.begin(Snapshot(gateway, PriceBook(), screens=screens), "exchange-1")

    return start
