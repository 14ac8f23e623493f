"""This process's copy of the registry: what it takes in, and what it keeps while the store is away."""

import asyncio
import logging

import pytest

from extproc.config.keys import digest
from extproc.config.limits import Measure, Raise
from extproc.policy.records import Records
from extproc.policy.registry_records import KEY, RAISE, TEAM, RaiseRecord, TeamRecord, write
from extproc.policy.replica import Replica
from extproc.store.base import Changes, Record, StoreAway
from extproc.store.memory import MemoryStore
from tests.policy.registry import KEY_ID, PRESENTED, SALT, change, key_record

DIGEST = digest(SALT, PRESENTED)


class Scripted(MemoryStore):
    """Answers `changes` with what it was told to, in turn; then as the memory has it."""

    def __init__(self, *answers: Changes | StoreAway) -> None:
        super().__init__(lambda: 0.0)
        self.asked: list[int] = []
        self._answers = list(answers)

    async def changes(self, since: int) -> Changes:
        self.asked.append(since)
        if not self._answers:
            return await super().changes(since)
        answer = self._answers.pop(0)
        if isinstance(answer, StoreAway):
            raise answer
        return answer


async def test_changes_are_taken_in_one_after_the_other() -> None:
    store, records = MemoryStore(lambda: 0.0), Records()
    replica = Replica(store, records)
    await replica.refresh()
    assert records.loaded
    assert records.key_id(DIGEST, 0.0) == ""
    await store.put(KEY, KEY_ID, write(key_record(alias="ci")), expected=0)
    await store.put(TEAM, "research", write(TeamRecord(created=1.0)), expected=0)
    await replica.refresh()
    assert records.key_id(DIGEST, 0.0) == KEY_ID
    assert list(records.teams) == ["research"]
    await store.delete(KEY, KEY_ID)
    await replica.refresh()
    assert records.key_id(DIGEST, 0.0) == ""


async def test_only_what_is_new_is_asked_for() -> None:
    store = Scripted(
        Changes(7, (change(KEY, KEY_ID, key_record(), 7),)),
        Changes(8, (change(TEAM, "a", TeamRecord(created=1.0), 8),)),
    )
    replica = Replica(store, Records())
    await replica.refresh()
    await replica.refresh()
    assert store.asked == [0, 7]
    assert replica.records.key_id(DIGEST, 0.0) == KEY_ID


async def test_a_whole_registry_replaces_what_was_there() -> None:
    records = Records()
    keys = change(KEY, KEY_ID, key_record(alias="ci"), 7)
    replica = Replica(Scripted(Changes(7, (keys,)), Changes(2, (), whole=True)), records)
    await replica.refresh()
    await replica.refresh()
    assert records.loaded
    assert (records.key_id(DIGEST, 0.0), len(records.keys), records.key_ids) == ("", 0, {})


async def test_many_records_are_taken_in_with_pauses() -> None:
    many = tuple(change(TEAM, f"t{number}", TeamRecord(created=1.0), number) for number in range(1, 1601))
    others = 0

    async def other() -> None:
        nonlocal others
        while True:
            others += 1
            await asyncio.sleep(0)

    task = asyncio.create_task(other())
    replica = Replica(Scripted(Changes(1600, many)), Records())
    await replica.refresh()
    task.cancel()
    assert len(replica.records.teams) == 1600
    assert others >= 3


async def test_while_the_store_is_away_the_copy_stays(caplog: pytest.LogCaptureFixture) -> None:
    keys = Changes(7, (change(KEY, KEY_ID, key_record(), 7),))
    store = Scripted(keys, StoreAway(), StoreAway(), Changes(7, ()))
    states: list[tuple[bool, str]] = []
    finished = asyncio.Event()

    async def sleep(seconds: float) -> None:
        assert seconds == 0.25
        states.append((replica.available, replica.records.key_id(DIGEST, 0.0)))
        if len(states) == 4:
            finished.set()
            await asyncio.Event().wait()

    replica = Replica(store, Records(), sleep, interval=0.25)
    with caplog.at_level(logging.INFO, "extproc"):
        task = asyncio.create_task(replica.run())
        await finished.wait()
        task.cancel()
    assert states == [(True, KEY_ID), (False, KEY_ID), (False, KEY_ID), (True, KEY_ID)]
    assert [record.message for record in caplog.records] == ["registry away", "registry back"]


async def test_one_poll_at_a_time() -> None:
    store = Scripted()
    replica = Replica(store, Records())
    await asyncio.gather(*(replica.refresh() for _ in range(5)))
    assert store.asked == [0, 0, 0, 0, 0]


@pytest.mark.parametrize(
    "data", [b"", b"[]", b'{"format":1}', b'{"format":2,"digest":"d","created":1}', b"\xff", b'{"digest":"d"}']
)
def test_a_key_that_cannot_be_read_is_named_and_not_known(data: bytes, caplog: pytest.LogCaptureFixture) -> None:
    records = Records()
    records.take(Record(KEY, KEY_ID, 1, data))
    assert records.keys.record(KEY_ID) is None
    assert caplog.records[0].message == "registry record not readable"


def test_records_of_other_kinds_concern_others() -> None:
    Records().take(Record("newer", "x", 1, b"{"))


def test_raises_follow_their_records() -> None:
    records = Records()
    raised = RaiseRecord(budget="b", subject="s", measure=Measure.MONEY, amount=5, until=9.0, created=1.0)
    records.take(change(RAISE, "r", raised))
    assert list(records.raises) == [Raise("b", "s", 5, 9.0)]
    records.take(change(RAISE, "r", None))
    assert list(records.raises) == []


@pytest.mark.parametrize("alias", ["new", ""])
def test_an_alias_finds_the_key_that_has_it_now(alias: str) -> None:
    records = Records()
    records.take(change(KEY, KEY_ID, key_record(alias="old")))
    records.take(change(KEY, KEY_ID, key_record(alias=alias)))
    assert records.key_ids == ({alias: KEY_ID} if alias else {})


def test_what_is_at_its_default_is_not_written() -> None:
    assert write(TeamRecord(created=1.0)) == b'{"format":1,"created":1.0}'
