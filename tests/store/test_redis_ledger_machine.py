from collections.abc import Callable

from hypothesis import settings
from hypothesis.stateful import run_state_machine_as_test

from extproc.config.model import RedisOptions
from tests.store.conftest import PATIENCE_MS, TimedRedis
from tests.store.contract import Timed
from tests.store.ledger_machine import LedgerMachine
from tests.store.servers import Clock, Server

_SETTINGS = settings(max_examples=40, stateful_step_count=25, deadline=None)


def test_a_server_agrees_with_the_model(timed_server: Server, clock: Clock, prefix_of: Callable[[], str]) -> None:
    class RedisLedgerMachine(LedgerMachine):
        async def open(self) -> Timed:
            options = RedisOptions(nodes=(timed_server.address,), prefix=prefix_of(), timeout_ms=PATIENCE_MS)
            return TimedRedis(options, clock)

    run_state_machine_as_test(RedisLedgerMachine, settings=_SETTINGS)
