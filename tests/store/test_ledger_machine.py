from hypothesis import settings

from tests.store.contract import Timed
from tests.store.ledger_machine import LedgerMachine
from tests.store.test_memory import TimedMemory


class MemoryLedgerMachine(LedgerMachine):
    async def open(self) -> Timed:
        return TimedMemory()


TestMemoryLedger = MemoryLedgerMachine.TestCase
TestMemoryLedger.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)
