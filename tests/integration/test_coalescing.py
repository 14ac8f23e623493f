"""Identical requests that are under way together, through real Envoy: who follows gets what comes while it comes."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Iterator
from typing import Any

import anthropic
import httpx2 as httpx
import openai
import pytest

from extproc.simulator.settings import Settings
from tests.integration.documents import document, key, keys
from tests.integration.gateway import Gateway, running_gateway, wait_until
from tests.store.servers import Server, data_server

SIMULATORS = {
    "openai": Settings(formats=("openai",), log_size=500),
    "anthropic": Settings(formats=("anthropic",), log_size=500),
    "azure": Settings(formats=("azure",), log_size=20),
    "down": Settings(formats=("openai",), always="status=503", log_size=20),
}
MAIL = "ann.lee@corp.example.org"


def coalescing(**changes: Any) -> dict[str, Any]:
    paid = {"name": "paid", "targets": [{"backend": "openai", "model": "gpt-4o-mini"}]}
    prices = [{"provider": "openai", "model": "gpt-4o-mini", "input": "1.00", "output": "2.00"}]
    return document(
        models=[*document()["models"], paid],
        cache={
            "key": {"value": "5a" * 32},
            "routes": [
                {"name": "paid", "models": ["paid"], "followers": "charged"},
                {"name": "faq", "models": ["gpt-4o-mini", "smart", "resilient", "claude-sonnet-4-6"], "ttl": "1h"},
            ],
        },
        keys=keys(*(key(name, f"sk-{name}", team=name) for name in ("one", "two", "poor"))),
        accounting={"prices": prices},
        budgets=[
            {"name": "tokens", "scope": "team", "of": "one", "tokens": 1_000_000, "window": "total"},
            {"name": "poor", "scope": "team", "of": "poor", "tokens": 120, "window": "total"},
        ],
        privacy={
            "key": {"value": "6b" * 32},
            "policies": [{"name": "mail", "entities": {"EMAIL_ADDRESS": "replace"}}],
            "apply": [{"policy": "mail"}],
        },
        **changes,
    )


@pytest.fixture(scope="module")
def running() -> Iterator[Gateway]:
    with running_gateway(coalescing(), SIMULATORS) as gateway:
        yield gateway


@pytest.fixture
def gateway(running: Gateway) -> Gateway:
    running.clear()
    return running


@pytest.fixture
def question(request: pytest.FixtureRequest) -> str:
    """One that no other test asks."""
    return f"{request.node.name}?"


@pytest.fixture
async def client(gateway: Gateway) -> AsyncIterator[openai.AsyncOpenAI]:
    async with openai.AsyncOpenAI(base_url=gateway.base_url, api_key="sk-one", max_retries=0) as client:
        yield client


class Asked:
    """One request: when its pieces came (monotonic seconds), what they said, and what the gateway said."""

    def __init__(self) -> None:
        self.headers: Any = {}
        self.times: list[float] = []
        self.text = ""
        self.error = ""

    async def stream(self, client: openai.AsyncOpenAI, asked: str, **more: Any) -> "Asked":
        model = more.pop("model", "gpt-4o-mini")
        messages: Any = [{"role": "user", "content": asked}]
        answer = await client.chat.completions.with_raw_response.create(
            model=model, messages=messages, stream=True, **more
        )
        self.headers = answer.headers
        try:
            async for chunk in answer.parse():
                self.times.append(time.monotonic())
                self.text += (chunk.choices[0].delta.content or "") if chunk.choices else ""
        except openai.APIError as error:
            self.error = error.message
        return self

    @property
    def moments(self) -> int:
        """How often something came, a hundredth of a second or more apart."""
        return len({round(moment, 2) for moment in self.times})

    @property
    def state(self) -> str:
        return str(self.headers["x-gateway-cache"])


async def after(seconds: float, work: Any) -> Any:
    await asyncio.sleep(seconds)
    return await work


def asked(gateway: Gateway, name: str = "openai") -> int:
    return len(gateway.simulator(name).log)


async def test_a_follower_gets_the_backlog_and_then_what_comes(gateway: Gateway, client: Any, question: str) -> None:
    slow = f"[[tokens=40 rate=20]] {question}"  # two seconds
    first, second, third = await asyncio.gather(
        Asked().stream(client, slow), after(0.5, Asked().stream(client, slow)), after(1.0, Asked().stream(client, slow))
    )
    assert asked(gateway) == 1
    assert [one.state for one in (first, second, third)] == ["miss", "coalesced", "coalesced"]
    assert first.text == second.text == third.text != ""
    assert first.error == second.error == third.error == ""
    for follower in (second, third):
        assert follower.times[0] < first.times[-1]  # while it came
        assert follower.moments >= 5  # and not all at once
    assert "x-gateway-backend" not in second.headers
    assert "age" not in second.headers


async def test_a_hundred_streams_are_one_question(gateway: Gateway, client: Any, question: str) -> None:
    slow = f"[[slow_headers=0.5 tokens=20 rate=100]] {question}"
    answers = await asyncio.gather(*(Asked().stream(client, slow) for _ in range(100)))
    assert asked(gateway) == 1
    assert len({one.text for one in answers}) == 1
    states = [one.state for one in answers]
    assert states.count("miss") == 1
    assert set(states) <= {"miss", "coalesced", "hit"}  # who comes late, on a busy machine, finds it kept
    assert not any(one.error for one in answers)


async def test_a_whole_answer_is_waited_for_longer_than_envoy_waits_for_the_server(
    gateway: Gateway, client: Any, question: str
) -> None:
    slow = f"[[slow_headers=6 tokens=5]] {question}"

    async def whole() -> tuple[str, str, str]:
        answer = await client.chat.completions.with_raw_response.create(
            model="gpt-4o-mini", messages=[{"role": "user", "content": slow}]
        )
        content = answer.parse().choices[0].message.content
        return answer.headers["x-gateway-cache"], content, answer.headers["x-gateway-cost"]

    leader, follower, streamed = await asyncio.gather(
        whole(), after(0.3, whole()), after(0.3, Asked().stream(client, slow))
    )
    assert asked(gateway) == 1
    assert (leader[0], follower[0], streamed.state) == ("miss", "coalesced", "coalesced")
    assert leader[1] == follower[1] == streamed.text
    assert (leader[2] != "0.00", follower[2]) == (True, "0.00")


async def test_a_leader_that_leaves_before_it_is_answered_is_followed_by_one_other(
    gateway: Gateway, client: Any, question: str
) -> None:
    slow = f"[[slow_headers=1 tokens=10 rate=100]] {question}"
    leader = asyncio.create_task(Asked().stream(client, slow))
    await asyncio.sleep(0.3)
    followers = [asyncio.create_task(Asked().stream(client, slow)) for _ in range(3)]
    await asyncio.sleep(0.3)
    leader.cancel()
    answers = await asyncio.gather(*followers)
    assert asked(gateway) == 2
    assert len({one.text for one in answers}) == 1
    assert sorted(one.state for one in answers) == ["coalesced", "coalesced", "miss"]
    (promoted,) = [one for one in answers if one.state == "miss"]
    assert promoted.headers["x-gateway-backend"] == "openai"
    assert promoted.headers["x-gateway-attempts"] == "1"
    assert "x-gateway-fallback" not in promoted.headers


async def test_a_follower_that_asks_after_all_falls_back_as_any_other(
    gateway: Gateway, client: Any, question: str
) -> None:
    slow = f"[[slow_headers=0.6 tokens=10]] {question}"  # of the model whose first target is down
    leader = asyncio.create_task(Asked().stream(client, slow, model="resilient"))
    await asyncio.sleep(0.3)
    follower = asyncio.create_task(Asked().stream(client, slow, model="resilient"))
    await asyncio.sleep(0.2)
    leader.cancel()
    answer = await follower
    assert (answer.state, answer.error) == ("miss", "")
    assert answer.headers["x-gateway-fallback"] == "down"
    assert answer.headers["x-gateway-attempts"] == "2"


async def test_a_leader_that_leaves_in_the_middle_ends_what_follows_with_an_error(
    gateway: Gateway, client: Any, question: str
) -> None:
    slow = f"[[tokens=60 rate=20]] {question}"
    leader = asyncio.create_task(Asked().stream(client, slow))
    await asyncio.sleep(0.5)
    follower = asyncio.create_task(Asked().stream(client, slow))
    await asyncio.sleep(0.5)
    leader.cancel()
    answer = await follower
    assert answer.state == "coalesced"
    assert answer.text
    assert answer.error == "The answer to an identical request, which this one shared, broke off."
    assert (await Asked().stream(client, f"[[tokens=3]] {question}")).state == "miss"
    wait_until(lambda: gateway.metric("llm_gateway_cache_events_total", event="broken") >= 1, 5, "the count")


async def test_an_error_of_the_providers_is_told_once_to_all(gateway: Gateway, client: Any, question: str) -> None:
    slow = f"[[tokens=30 rate=20 error_in_stream_after=12]] {question}"
    leader, follower = await asyncio.gather(Asked().stream(client, slow), after(0.3, Asked().stream(client, slow)))
    assert (leader.state, follower.state) == ("miss", "coalesced")
    assert leader.error == follower.error != ""
    assert leader.text == follower.text


async def test_a_follower_that_leaves_harms_nobody(gateway: Gateway, client: Any, question: str) -> None:
    slow = f"[[tokens=30 rate=20]] {question}"
    leader = asyncio.create_task(Asked().stream(client, slow))
    await asyncio.sleep(0.3)
    leaving, staying = [asyncio.create_task(Asked().stream(client, slow)) for _ in range(2)]
    await asyncio.sleep(0.4)
    leaving.cancel()
    answers = await asyncio.gather(leader, staying)
    assert [(one.state, one.error) for one in answers] == [("miss", ""), ("coalesced", "")]
    assert answers[0].text == answers[1].text
    wait_until(lambda: gateway.metric("llm_gateway_open_exchanges") == 0, 5, "the end of all exchanges")


async def test_values_are_restored_in_what_is_followed(gateway: Gateway, client: Any, question: str) -> None:
    slow = f"[[rate=20]] Write to {MAIL} about {question}"
    first, second = await asyncio.gather(Asked().stream(client, slow), after(0.3, Asked().stream(client, slow)))
    assert asked(gateway) == 1
    assert MAIL.encode() not in gateway.simulator("openai").log.last.body
    assert (first.state, second.state) == ("miss", "coalesced")
    assert MAIL in first.text
    assert second.text == first.text
    assert second.headers["x-gateway-redactions"] == "EMAIL_ADDRESS=1"


async def test_long_headers_are_no_reason_not_to_follow(gateway: Gateway, client: Any, question: str) -> None:
    slow, long = f"[[slow_headers=0.3 tokens=5]] {question}", {"x-long": "v" * 40_000}
    leader, follower = await asyncio.gather(
        Asked().stream(client, slow), after(0.1, Asked().stream(client, slow, extra_headers=long))
    )
    assert (follower.state, follower.text) == ("coalesced", leader.text)


async def test_tenants_do_not_follow_each_other(gateway: Gateway, client: Any, question: str) -> None:
    slow = f"[[slow_headers=0.5 tokens=5]] {question}"
    async with openai.AsyncOpenAI(base_url=gateway.base_url, api_key="sk-two", max_retries=0) as other:
        answers = await asyncio.gather(Asked().stream(client, slow), after(0.2, Asked().stream(other, slow)))
    assert [one.state for one in answers] == ["miss", "miss"]
    assert asked(gateway) == 2


async def test_another_callers_metadata_is_in_no_stream(gateway: Gateway, client: Any, question: str) -> None:
    async def responses(who: str) -> tuple[str, str, Any]:
        answer = await client.responses.with_raw_response.create(
            model="gpt-4o-mini",
            input=f"[[tokens=20 rate=40]] {question}",
            store=False,
            stream=True,
            metadata={"who": who},
        )
        last: Any = None
        async for event in answer.parse():
            last = event
        return answer.headers["x-gateway-cache"], last.type, last.response.metadata

    first, other, same = await asyncio.gather(
        responses("ann"), after(0.1, responses("bob")), after(0.1, responses("ann"))
    )
    assert asked(gateway) == 1
    assert first == ("miss", "response.completed", {"who": "ann"})
    assert same == ("coalesced", "response.completed", {"who": "ann"})
    assert other == ("coalesced", "response.completed", {"who": "bob"})


async def test_streams_of_messages_are_followed(gateway: Gateway, question: str) -> None:
    async with anthropic.AsyncAnthropic(base_url=gateway.url, api_key="sk-one", max_retries=0) as client:

        async def one() -> tuple[str, list[float]]:
            times: list[float] = []
            text = ""
            asking: Any = [{"role": "user", "content": f"[[tokens=30 rate=20]] {question}"}]
            async with client.messages.stream(model="claude-sonnet-4-6", max_tokens=90, messages=asking) as stream:
                async for piece in stream.text_stream:
                    times.append(time.monotonic())
                    text += piece
                await stream.get_final_message()
            return text, times

        (text, leading), (again, times) = await asyncio.gather(one(), after(0.5, one()))
    assert asked(gateway, "anthropic") == 1
    assert text == again != ""
    assert times[0] < leading[-1]
    assert len({round(moment, 2) for moment in times}) >= 5


async def test_followers_are_charged_where_a_route_says_so(gateway: Gateway, client: Any, question: str) -> None:
    async def spent() -> int:
        async with httpx.AsyncClient() as http:
            answer = await http.get(f"{gateway.base_url}/quota", headers={"authorization": "Bearer sk-one"})
        (budget,) = answer.json()["budgets"]
        return int(budget["spent"]) if int(budget["reserved"]) == 0 else -1

    async def used_by(model: str) -> int:
        before = await settled(spent)
        slow = f"[[slow_headers=0.3 tokens=10 rate=100]] one two three four {model}"
        answers = await asyncio.gather(*(Asked().stream(client, slow, model=model) for _ in range(4)))
        assert sorted(one.state for one in answers) == ["coalesced"] * 3 + ["miss"]
        return await settled(spent) - before

    free, charged = await used_by("gpt-4o-mini"), await used_by("paid")
    assert free == 18  # what the provider counts: ten words after eight
    assert charged == 4 * free


async def settled(spent: Any) -> int:
    for _ in range(100):
        found: int = await spent()
        if found >= 0:
            return found
        await asyncio.sleep(0.05)
    raise AssertionError("never settled")


async def test_a_follower_that_asks_after_all_needs_a_budget(gateway: Gateway, question: str) -> None:
    slow = f"[[slow_headers=0.8 tokens=100 rate=500]] {question}"
    async with openai.AsyncOpenAI(base_url=gateway.base_url, api_key="sk-poor", max_retries=0) as poor:
        leader = asyncio.create_task(Asked().stream(poor, slow, max_tokens=100))
        await asyncio.sleep(0.2)
        follower = asyncio.create_task(Asked().stream(poor, slow, max_tokens=100))
        await asyncio.sleep(0.2)
        leader.cancel()  # what it was answered is not known: its input alone is charged
        outcome = await asyncio.gather(follower, return_exceptions=True)
        spent = await asyncio.gather(
            *(
                poor.chat.completions.create(
                    model="gpt-4o-mini", messages=[{"role": "user", "content": f"{question} {number}"}], max_tokens=100
                )
                for number in range(4)
            ),
            return_exceptions=True,
        )
    assert isinstance(outcome[0], Asked | openai.APIStatusError)
    assert {error.status_code for error in spent if isinstance(error, openai.APIStatusError)} == {402}


# -- across workers ---------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    server = data_server(tmp_path_factory.mktemp("coalescing"))
    yield server
    server.kill()


async def test_workers_follow_each_other(redis: Server) -> None:
    made = coalescing(store={"redis": {"url": f"redis://127.0.0.1:{redis.port}/0", "timeout_ms": 2000}})
    with running_gateway(made, SIMULATORS, workers=2) as gateway:
        async with openai.AsyncOpenAI(base_url=gateway.base_url, api_key="sk-one", max_retries=0) as client:
            for _ in range(3):  # both workers are connected then
                await asyncio.gather(*(Asked().stream(client, f"[[slow_headers=0.1]] warm {n}") for n in range(8)))
            gateway.clear()
            slow = "[[tokens=80 rate=20]] from worker to worker?"  # four seconds
            answers = await asyncio.gather(
                Asked().stream(client, slow),
                *(after(0.5 + 0.05 * number, Asked().stream(client, slow)) for number in range(11)),
            )
        assert asked(gateway) == 1
        assert sorted(one.state for one in answers) == ["coalesced"] * 11 + ["miss"]
        assert len({one.text for one in answers}) == 1
        assert not any(one.error for one in answers)
        (leader,) = [one for one in answers if one.state == "miss"]
        for one in answers:
            assert one.times[0] < leader.times[-1]  # while it came, in either worker
            assert one.moments >= 5
        both = json.loads(gateway.admin("/healthz")[1])["workers"]
        assert len(both) == 2
