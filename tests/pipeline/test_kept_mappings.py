"""Mappings that outlive their exchange: what a provider says of earlier turns is restored, for the tenant alone."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import replace
from itertools import count
from typing import Any

import pytest

from extproc.app import Keepings
from extproc.cache.base import Slot
from extproc.cache.key import Key, Keyring
from extproc.cache.memory import MemoryCache
from extproc.config.model import Gateway, RedisOptions
from extproc.config.privacy import Privacy, PrivacyPolicy
from extproc.exchange.actions import Upstream
from extproc.exchange.events import RequestBody, ResponseBody
from extproc.pipeline.processor import Exchange
from extproc.pipeline.screening import Screens
from extproc.policy.mappings import Mappings, Owner
from extproc.policy.redact import Redactor
from extproc.privacy.surrogate import Surrogates
from extproc.privacy.vault import Vault
from tests.pipeline.conftest import GATEWAY, FakeClock, Records, key
from tests.pipeline.test_privacy import Detectors, answered, headers, offload, policy, privacy
from tests.privacy.redaction_fakes import ANN
from tests.store.servers import Server, data_server

Begin = Callable[..., Exchange]
BOB = "bob@example.org"
KEEPING = policy(keep_seconds=60)
OTHERS = replace(GATEWAY, keys=(*GATEWAY.keys, key("lab", "sk-lab", team="lab")))


class Talk:
    """Turns through the gateway with one store: a cache, or mappings in one."""

    def __init__(self, begin: Begin, store: Any, section: Privacy) -> None:
        nonces = count(1)
        mappings = store
        if not isinstance(store, Mappings):
            mappings = Mappings(store, Keyring(b"m" * 32), lambda size: next(nonces).to_bytes(size))
        found = {one.name: Detectors() for one in section.policies}
        self._begin = begin
        self._gateway: Gateway = replace(OTHERS, privacy=section)
        self._screens = Screens(Redactor(section, found, Surrogates(), offload, mappings))

    async def sent(self, asked: str, secret: str = "sk-test", **fields: object) -> tuple[Exchange, str]:
        exchange = self._begin(self._gateway, self._screens)
        await exchange.request_headers(headers("/v1/responses", secret))
        body = json.dumps({"model": "gpt-4o", "input": asked, **fields}).encode()
        action = await exchange.request_body(RequestBody(body))
        assert isinstance(action, Upstream)
        return exchange, json.loads(action.body or body)["input"]

    async def turn(self, asked: str, says: str, response_id: str, secret: str = "sk-test", **fields: object) -> str:
        """What the caller gets of what the provider says; `{}` in it is what the provider was asked."""
        exchange, received = await self.sent(asked, secret, **fields)
        exchange.response_headers(answered())
        text = says.replace("{}", received)
        delivered = await exchange.response_body(ResponseBody(whole(text, response_id), True))
        exchange.close()
        answer = json.loads(delivered.body if delivered.body is not None else whole(text, response_id))
        restored: str = answer["output"][0]["content"][0]["text"]
        return restored


def whole(text: str, response_id: str, status: str = "completed") -> bytes:
    part = {"type": "output_text", "text": text, "annotations": []}
    item = {"type": "message", "id": "m", "role": "assistant", "status": "completed", "content": [part]}
    answer = {"id": response_id, "object": "response", "model": "gpt-4o", "status": status, "output": [item]}
    return json.dumps(answer).encode()


@pytest.fixture
def clock_of_store() -> FakeClock:
    return FakeClock()


@pytest.fixture
def talk(begin: Begin, clock_of_store: FakeClock) -> Talk:
    return Talk(begin, MemoryCache(1 << 20, clock_of_store.monotonic), privacy(KEEPING))


async def placeholder(talk: Talk, value: str = ANN, secret: str = "sk-test") -> str:
    """What the provider is sent for a value."""
    exchange, received = await talk.sent(value, secret)
    exchange.close()
    return received


async def test_a_later_request_has_the_values_of_earlier_turns(talk: Talk) -> None:
    ann, bob = await placeholder(talk), await placeholder(talk, BOB)
    assert await talk.turn(ANN, "{}", "resp_1") == ANN
    assert await talk.turn(BOB, f"{ann} and {{}}", "resp_2", previous_response_id="resp_1") == f"{ANN} and {BOB}"
    assert await talk.turn("Whom?", f"{ann}, {bob}", "resp_3", previous_response_id="resp_2") == f"{ANN}, {BOB}"


async def test_without_the_id_nothing_is_known(talk: Talk) -> None:
    ann = await placeholder(talk)
    await talk.turn(ANN, "{}", "resp_1")
    assert await talk.turn("Whom?", ann, "resp_2") == ann


@pytest.mark.parametrize("named", ["conv_1", {"id": "conv_1"}])
async def test_a_conversation_has_the_values_of_its_turns(talk: Talk, named: object) -> None:
    ann = await placeholder(talk)
    await talk.turn(ANN, "{}", "resp_1", conversation=named)
    assert await talk.turn("Whom?", ann, "resp_2", conversation="conv_1") == ANN


async def test_another_tenant_gets_nothing(talk: Talk) -> None:
    ann = await placeholder(talk)
    await talk.turn(ANN, "{}", "resp_1")
    assert await talk.turn("Whom?", ann, "resp_2", "sk-lab", previous_response_id="resp_1") == ann


async def test_a_mapping_ends(talk: Talk, clock_of_store: FakeClock) -> None:
    ann = await placeholder(talk)
    await talk.turn(ANN, "{}", "resp_1")
    clock_of_store.now += 61
    assert await talk.turn("Whom?", ann, "resp_2", previous_response_id="resp_1") == ann


async def test_what_the_caller_wrote_himself_is_left(talk: Talk) -> None:
    ann = await placeholder(talk)
    await talk.turn(ANN, "{}", "resp_1")
    assert await talk.turn(f"What is {ann}?", f"{ann}?", "resp_2", previous_response_id="resp_1") == f"{ann}?"


async def test_nothing_is_kept_that_the_provider_does_not_keep(talk: Talk) -> None:
    ann = await placeholder(talk)
    await talk.turn(ANN, "{}", "resp_1", store=False)
    assert await talk.turn("Whom?", ann, "resp_2", previous_response_id="resp_1") == ann


async def test_a_stream_is_kept_before_its_end_goes(talk: Talk) -> None:
    exchange, ann = await talk.sent(ANN, stream=True)
    exchange.response_headers(answered(content_type="text/event-stream"))
    event = {"type": "response.completed", "sequence_number": 1, "response": json.loads(whole(ann, "resp_1"))}
    sent = f"event: response.completed\ndata: {json.dumps(event)}\n\n".encode()
    await exchange.response_body(ResponseBody(sent, False))
    assert await talk.turn("Whom?", ann, "resp_2", previous_response_id="resp_1") == ANN
    exchange.close()


async def test_a_policy_that_does_not_say_so_keeps_nothing(begin: Begin) -> None:
    cache = MemoryCache(1 << 20, FakeClock().monotonic)
    forgetful = Talk(begin, cache, privacy(policy()))
    await forgetful.turn(ANN, "{}", "resp_1")
    assert len(cache) == 0


async def test_what_is_kept_is_not_to_be_read(begin: Begin) -> None:
    cache = MemoryCache(1 << 20, FakeClock().monotonic)
    await Talk(begin, cache, privacy(KEEPING)).turn(ANN, "{}", "resp_1")
    kept = repr(vars(cache))
    assert len(cache) == 1
    assert not [shown for shown in (ANN, "EMAILADDRESS", "resp_1", "platform") if shown in kept]


class Away:
    """A store that never answers, or has nonsense."""

    def __init__(self, slot: Slot | None) -> None:
        self._slot = slot

    async def get(self, key: Key) -> Slot:
        if self._slot is None:
            await asyncio.Event().wait()
        return self._slot or Slot()

    async def put(self, key: Key, data: bytes, stamp: bytes, ttl_ms: int) -> bool:
        return False


@pytest.mark.parametrize("slot", [None, Slot(), Slot(b"\x01nonsense", b"s"), Slot(b"", b"s")])
async def test_without_a_store_it_is_as_ever(begin: Begin, records: Records, slot: Slot | None) -> None:
    talk = Talk(begin, Away(slot), privacy(KEEPING))
    ann = await placeholder(talk)
    bob_and_ann = await talk.turn(BOB, f"{{}} {ann}", "resp_2", previous_response_id="resp_1")
    assert bob_and_ann == f"{BOB} {ann}"
    assert records[-1].redactions is not None
    assert (records[-1].redactions.restored, records[-1].redactions.unknown) == (1, 1)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    server = data_server(tmp_path_factory.mktemp("mappings"))
    yield server
    server.kill()


PATIENT_SECONDS = 5.0
"""How long an operation may take where that is not what is tested: machines that run tests are slow."""


class Worker:
    """One of several on a Redis: its own connections, and none of the others' memory."""

    def __init__(self, server: Server) -> None:
        section = privacy(KEEPING)
        redis = RedisOptions(nodes=(server.address,), prefix="gw", timeout_ms=5000)
        self.failures = 0
        self.keepings = Keepings(self._failed, PATIENT_SECONDS)
        self.mappings = self.keepings.mappings(replace(GATEWAY, store=redis, privacy=section), section)

    def _failed(self) -> None:
        self.failures += 1

    async def recalled(self, owner: Owner, name: str) -> dict[str, str] | None:
        assert self.mappings is not None
        vault = await self.mappings.recall(owner, name)
        return None if vault is None else dict(vault.values)


@pytest.fixture
async def workers(server: Server) -> AsyncIterator[tuple[Worker, Worker]]:
    both = Worker(server), Worker(server)
    yield both
    for worker in both:
        await worker.keepings.close()


async def test_workers_share_mappings_on_redis(workers: tuple[Worker, Worker], server: Server) -> None:
    here, there = workers
    acme, other = Owner("org:acme", b"a" * 32), Owner("org:other", b"a" * 32)
    vault = Vault(acme.key)
    token = vault.placeholder(ANN, "EMAIL_ADDRESS")
    assert here.mappings is not None
    await here.mappings.keep(acme, ["resp_1", "conv_1"], vault, 60)
    assert await there.recalled(acme, "resp_1") == await there.recalled(acme, "conv_1") == {token: ANN}
    assert await there.recalled(other, "resp_1") is await there.recalled(acme, "resp_2") is None
    assert (here.failures, there.failures) == (0, 0)
    with server.client() as client:
        names = client.keys("*")
        kept = b"".join([*names, *(client.dump(name) for name in names)])
        entries = [name for name in names if 0 < client.pttl(name) <= 60_000]
    assert len(entries) >= 2
    assert all(name.startswith(b"gw:mappings") for name in names)
    assert not [shown for shown in (ANN, token, "resp_1", "conv_1", "acme") if shown.encode() in kept]


async def test_a_turn_on_one_worker_goes_on_on_another(begin: Begin, workers: tuple[Worker, Worker]) -> None:
    section = privacy(KEEPING)
    here, there = (Talk(begin, one.mappings, section) for one in workers)
    ann = await placeholder(here)
    assert await here.turn(ANN, "{}", "resp_1") == ANN
    assert await there.turn("Whom?", ann, "resp_2", previous_response_id="resp_1") == ANN


async def test_a_redis_that_is_away_leaves_placeholders(begin: Begin) -> None:
    keepings = Keepings(lambda: None)
    away = RedisOptions(nodes=(("127.0.0.1", 1),), prefix="gw", timeout_ms=50)
    mappings = keepings.mappings(replace(GATEWAY, store=away), privacy(KEEPING))
    talk = Talk(begin, mappings, privacy(KEEPING))
    ann = await placeholder(talk)
    assert await talk.turn(ANN, f"{{}} {ann}", "resp_1") == f"{ANN} {ANN}"
    assert await talk.turn("Whom?", ann, "resp_2", previous_response_id="resp_1") == ann
    await keepings.close()


@pytest.mark.parametrize("named", [None, 7, {"id": 7}, {}, "", "x" * 300, ["resp_1"]])
async def test_an_id_that_is_none_is_the_providers_matter(talk: Talk, named: object) -> None:
    assert await talk.turn(ANN, "{}", "resp_1", previous_response_id=named) == ANN


def test_a_policy_keeps_no_mapping_unless_it_says_so() -> None:
    assert PrivacyPolicy("p", ()).keep_seconds == 0
