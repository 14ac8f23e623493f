"""Answers that are given again, through real Envoy with the official SDKs."""

import asyncio
import json
import random
from collections.abc import Iterator
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
CACHE = {
    "key": {"value": "5a" * 32},
    "routes": [
        {"name": "short", "models": ["text-embedding-3-small"], "ttl": "1s"},
        {"name": "strict", "models": ["careful"], "temperature": 0.5},
        {"name": "faq", "models": ["gpt-4o-mini", "smart", "claude-sonnet-4-6"], "ttl": "1h"},
    ],
}
TOOLS = [{"type": "function", "function": {"name": "look", "parameters": {"type": "object", "properties": {}}}}]
TOKEN = "an-admin-token-of-many-letters"
TENANTS = ("one", "two", "three")


def cached(**changes: Any) -> dict[str, Any]:
    careful = {"name": "careful", "targets": [{"backend": "openai", "model": "gpt-4o"}]}
    return document(
        models=[*document()["models"], careful],
        cache=CACHE,
        keys=keys(
            *(key(name, f"sk-{name}", team=name) for name in (*TENANTS, "few")), key("twin", "sk-twin", team="one")
        ),
        limits={"rules": [{"name": "few", "scope": "team", "of": "few", "requests": {"amount": 3, "per": "hour"}}]},
        accounting={"prices": [{"provider": "openai", "model": "gpt-4o-mini", "input": "1.00", "output": "2.00"}]},
        budgets=[{"name": "one", "scope": "team", "of": "one", "amount": "5.00", "window": "total"}],
        **changes,
    )


@pytest.fixture(scope="module")
def running() -> Iterator[Gateway]:
    with running_gateway(cached(), SIMULATORS) as gateway:
        yield gateway


@pytest.fixture
def gateway(running: Gateway) -> Gateway:
    running.clear()
    return running


@pytest.fixture
def question(request: pytest.FixtureRequest) -> str:
    """One that no other test asks."""
    return f"[[tokens=12 rate=2000]] {request.node.name}?"


def sdk(gateway: Gateway, name: str = "one") -> openai.OpenAI:
    return openai.OpenAI(base_url=gateway.base_url, api_key=f"sk-{name}", max_retries=0)


def claude(gateway: Gateway) -> anthropic.Anthropic:
    return anthropic.Anthropic(base_url=gateway.url, api_key="sk-one", max_retries=0)


def ask(client: openai.OpenAI, question: str, **more: Any) -> tuple[str, dict[str, Any]]:
    """What the cache did, and the answer."""
    answer = client.chat.completions.with_raw_response.create(
        model=more.pop("model", "gpt-4o-mini"), messages=[{"role": "user", "content": question}], **more
    )
    return answer.headers.get("x-gateway-cache", ""), json.loads(answer.content)


def stream(client: openai.OpenAI, question: str, **more: Any) -> tuple[str, str, Any]:
    """What the cache did, the text, and the usage if there was any."""
    answer = client.chat.completions.with_raw_response.create(
        model="gpt-4o-mini", messages=[{"role": "user", "content": question}], stream=True, **more
    )
    text, usage = "", None
    for chunk in answer.parse():
        usage = chunk.usage or usage
        text += (chunk.choices[0].delta.content or "") if chunk.choices else ""
    return answer.headers.get("x-gateway-cache", ""), text, usage


def asked(gateway: Gateway, name: str = "openai") -> int:
    return len(gateway.simulator(name).log)


def without_times(answer: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in answer.items() if name not in ("id", "created", "created_at")}


# -- hits -------------------------------------------------------------------------------------------------------------


def test_a_second_asker_gets_the_first_answer_under_a_new_id(gateway: Gateway, question: str) -> None:
    with sdk(gateway) as client:
        first, answer = ask(client, question)
        second, again = ask(client, question)
    assert (first, second) == ("miss", "hit")
    assert asked(gateway) == 1
    assert without_times(again) == without_times(answer)
    assert again["id"] != answer["id"]
    assert again["usage"] == answer["usage"]


def test_a_hit_tells_its_age_and_costs_nothing(gateway: Gateway, question: str) -> None:
    with sdk(gateway) as client:
        ask(client, question)
        hit = client.chat.completions.with_raw_response.create(
            model="gpt-4o-mini", messages=[{"role": "user", "content": question}]
        )
    assert hit.headers["x-gateway-cache"] == "hit"
    assert int(hit.headers["age"]) <= 2
    assert hit.headers["x-gateway-cost"] == "0.00"
    wait_until(lambda: any(line["details"] == "cache_hit" for line in gateway.access_log()), 5, "the access log")


def test_a_stream_and_a_whole_answer_are_one_entry(gateway: Gateway, question: str) -> None:
    with sdk(gateway) as client:
        first, text, _ = stream(client, question)
        second, answer = ask(client, question)
        third, again, usage = stream(client, question, stream_options={"include_usage": True})
    assert (first, second, third) == ("miss", "hit", "hit")
    assert asked(gateway) == 1
    assert answer["choices"][0]["message"]["content"] == text == again
    assert usage is not None
    assert usage.completion_tokens == answer["usage"]["completion_tokens"]


def test_messages_are_kept_in_their_own_format(gateway: Gateway, question: str) -> None:
    asking = {
        "model": "claude-sonnet-4-6",
        "max_tokens": 100,
        "messages": [{"role": "user", "content": question}],
    }
    with claude(gateway) as client:
        first = client.messages.with_raw_response.create(**asking)
        second = client.messages.with_raw_response.create(**asking)
        with client.messages.stream(**asking) as events:
            streamed = events.get_final_message()
    assert [first.headers["x-gateway-cache"], second.headers["x-gateway-cache"]] == ["miss", "hit"]
    assert asked(gateway, "anthropic") == 1
    answer = json.loads(first.http_response.content)
    assert without_times(json.loads(second.http_response.content)) == without_times(answer)
    assert streamed.content[0].text == answer["content"][0]["text"]
    assert streamed.stop_reason == "end_turn"


def test_responses_are_kept_in_their_own_format(gateway: Gateway, question: str) -> None:
    with sdk(gateway) as client:
        first = client.responses.with_raw_response.create(model="gpt-4o-mini", input=question, store=False)
        second = client.responses.with_raw_response.create(model="gpt-4o-mini", input=question, store=False)
        events = list(client.responses.create(model="gpt-4o-mini", input=question, store=False, stream=True))
    assert [first.headers["x-gateway-cache"], second.headers["x-gateway-cache"]] == ["miss", "hit"]
    assert asked(gateway) == 1
    said = first.parse().output_text
    assert second.parse().output_text == said
    assert events[-1].type == "response.completed"
    assert events[-1].response.output_text == said


def test_embeddings_are_kept_for_their_time(gateway: Gateway, question: str) -> None:
    def embed() -> tuple[str, list[float]]:
        answer = client.embeddings.with_raw_response.create(model="text-embedding-3-small", input=question)
        return answer.headers["x-gateway-cache"], answer.parse().data[0].embedding

    with sdk(gateway) as client:
        first, vector = embed()
        second, again = embed()
        assert (first, second) == ("miss", "hit")
        assert again == vector
        wait_until(lambda: embed()[0] == "miss", 5, "the end of the entry's time")


def test_a_hit_is_not_charged(gateway: Gateway, question: str) -> None:
    with sdk(gateway) as client:
        ask(client, question)
        wait_until(lambda: _budget(gateway)["reserved"] == "0.00", 5, "the settlement")
        before = _budget(gateway)
        assert ask(client, question)[0] == "hit"
    assert _budget(gateway) == before


def test_a_hit_counts_as_a_request(gateway: Gateway, question: str) -> None:
    messages: Any = [{"role": "user", "content": question}]
    with sdk(gateway, "few") as client:
        left = []
        for _ in range(3):
            answer = client.chat.completions.with_raw_response.create(model="gpt-4o-mini", messages=messages)
            left.append((answer.headers["x-gateway-cache"], answer.headers["x-ratelimit-remaining-requests"]))
        with pytest.raises(openai.RateLimitError) as caught:
            ask(client, question)
    assert left == [("miss", "2"), ("hit", "1"), ("hit", "0")]
    assert int(caught.value.response.headers["retry-after"]) in range(1000, 1201)
    assert asked(gateway) == 1


# -- whose answers ----------------------------------------------------------------------------------------------------


def test_tenants_never_see_each_others_answers(gateway: Gateway) -> None:
    chance = random.Random(6)
    seen: dict[tuple[str, str, str], str] = {}
    clients = {name: sdk(gateway, name) for name in TENANTS}
    for _ in range(150):
        tenant, model = chance.choice(TENANTS), chance.choice(["gpt-4o-mini", "smart"])
        question = f"[[tokens=3 rate=5000]] question {chance.randrange(8)}"
        state, _ = ask(clients[tenant], question, model=model)
        place = (tenant, model, question)
        assert state == ("hit" if place in seen else "miss"), place
        seen[place] = state
    assert asked(gateway) == len(seen)


def test_keys_of_one_team_share(gateway: Gateway, question: str) -> None:
    with sdk(gateway, "one") as one, sdk(gateway, "twin") as twin:
        assert ask(one, question)[0] == "miss"
        assert ask(twin, question)[0] == "hit"


@pytest.mark.parametrize("name", ["x-gateway-cache", "x-cache-key", "x-gateway-tenant", "age", "x-llm-cache"])
def test_a_callers_headers_choose_no_answer(gateway: Gateway, question: str, name: str) -> None:
    with sdk(gateway, "one") as one, sdk(gateway, "two") as two:
        assert ask(one, question, extra_headers={name: "one"})[0] == "miss"
        assert ask(two, question, extra_headers={name: "one"})[0] == "miss"


# -- what is not kept -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("more", "state"),
    [
        ({"temperature": 0.7}, "miss"),
        ({"n": 2}, "bypass"),
        ({"seed": 7}, "miss"),
        ({"max_tokens": 3}, "miss"),
    ],
)
def test_another_question_is_another_entry(gateway: Gateway, question: str, more: dict[str, Any], state: str) -> None:
    with sdk(gateway) as client:
        ask(client, question)
        assert ask(client, question, **more)[0] == state


@pytest.mark.parametrize(
    "directive", ["[[status=500]]", "[[cut_after=2]]", "[[tokens=12 refusal]]", "[[tool_calls=1]]"]
)
def test_what_is_no_whole_answer_is_not_kept(gateway: Gateway, directive: str, question: str) -> None:
    with sdk(gateway) as client:
        for _ in range(2):
            try:
                stream(client, f"{directive} {question[24:]}", tools=TOOLS)
            except openai.APIError:
                pass
    assert asked(gateway) >= 2


def test_a_route_bounds_the_temperature(gateway: Gateway, question: str) -> None:
    with sdk(gateway) as client:
        assert ask(client, question, model="careful")[0] == "bypass"
        assert ask(client, question, model="careful", temperature=0.5)[0] == "miss"
        assert ask(client, question, model="careful", temperature=0.5)[0] == "hit"


def test_callers_may_ask_past_the_cache(gateway: Gateway, question: str) -> None:
    with sdk(gateway) as client:
        assert ask(client, question, extra_headers={"cache-control": "no-store"})[0] == "bypass"
        assert ask(client, question)[0] == "miss"
        assert ask(client, question, extra_headers={"cache-control": "no-cache"})[0] == "miss"
        assert ask(client, question, extra_headers={"cache-control": "max-age=0"})[0] in ("miss", "hit")
        assert ask(client, question, extra_headers={"cache-control": "only-if-cached"})[0] == "hit"
        with pytest.raises(openai.InternalServerError) as caught:
            ask(client, question + "?", extra_headers={"cache-control": "only-if-cached"})
    assert caught.value.status_code == 504
    assert caught.value.code == "not_cached"


def test_only_if_cached_asks_nobody_where_nothing_is_kept(gateway: Gateway, question: str) -> None:
    only = {"cache-control": "only-if-cached"}
    cases: list[tuple[str, dict[str, Any]]] = [("azure-gpt", {}), ("gpt-4o-mini", {"n": 2}), ("careful", {})]
    with sdk(gateway) as client:
        for model, more in cases:
            with pytest.raises(openai.InternalServerError) as caught:
                ask(client, question, model=model, extra_headers=only, **more)
            assert (caught.value.status_code, caught.value.code) == (504, "not_cached")
    assert asked(gateway) == asked(gateway, "azure") == 0


def test_a_model_without_a_route_has_no_cache(gateway: Gateway, question: str) -> None:
    with sdk(gateway) as client:
        answer = client.chat.completions.with_raw_response.create(
            model="azure-gpt", messages=[{"role": "user", "content": question}]
        )
    assert "x-gateway-cache" not in answer.headers


# -- at the same time -------------------------------------------------------------------------------------------------


async def test_a_hundred_who_ask_at_once_cost_one_question(gateway: Gateway, question: str) -> None:
    slow = f"[[slow_headers=1]] {question[24:]}"
    async with openai.AsyncOpenAI(base_url=gateway.base_url, api_key="sk-one", max_retries=0) as client:

        async def one() -> tuple[str, str]:
            answer = await client.chat.completions.with_raw_response.create(
                model="gpt-4o-mini", messages=[{"role": "user", "content": slow}]
            )
            return answer.headers["x-gateway-cache"], answer.parse().choices[0].message.content or ""

        answers = await asyncio.gather(*(one() for _ in range(100)))
    assert asked(gateway) == 1
    assert len({text for _, text in answers}) == 1
    states = [state for state, _ in answers]
    assert states.count("miss") == 1
    assert states.count("coalesced") >= 50


async def test_those_who_wait_for_one_that_fails_ask_themselves(gateway: Gateway, question: str) -> None:
    failing = f"[[slow_headers=0.5 status=503]] {question[24:]}"
    async with openai.AsyncOpenAI(base_url=gateway.base_url, api_key="sk-one", max_retries=0) as client:

        async def one() -> int:
            try:
                await client.chat.completions.create(
                    model="gpt-4o-mini", messages=[{"role": "user", "content": failing}]
                )
            except openai.APIStatusError as error:
                return error.status_code
            return 200

        assert set(await asyncio.gather(*(one() for _ in range(4)))) == {503}


async def test_a_leader_who_leaves_lets_the_next_one_lead(gateway: Gateway, question: str) -> None:
    slow = f"[[slow_headers=1]] {question[24:]}"
    async with openai.AsyncOpenAI(base_url=gateway.base_url, api_key="sk-one", max_retries=0) as client:

        async def one() -> str:
            answer = await client.chat.completions.create(
                model="gpt-4o-mini", messages=[{"role": "user", "content": slow}]
            )
            return answer.choices[0].message.content or ""

        leader = asyncio.create_task(one())
        await asyncio.sleep(0.3)
        followers = [asyncio.create_task(one()) for _ in range(3)]
        await asyncio.sleep(0.3)
        leader.cancel()
        answers = await asyncio.gather(*followers)
    assert len(set(answers)) == 1
    assert asked(gateway) == 2


# -- in Redis ---------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    server = data_server(tmp_path_factory.mktemp("cache"))
    yield server
    server.kill()


def test_workers_share_and_a_bad_entry_or_a_dead_store_is_a_miss(redis: Server) -> None:
    made = cached(store={"redis": {"url": f"redis://127.0.0.1:{redis.port}/0", "timeout_ms": 2000}})
    made["budgets"][0]["store_away"] = "allow"
    made["admin"] = {"tokens": [{"value": TOKEN}]}
    with running_gateway(made, SIMULATORS, workers=2) as gateway, sdk(gateway) as client:
        for number in range(6):
            ask(client, f"[[tokens=5]] warm {number}", temperature=0.1)  # both workers are connected then
        before = {*_entries(redis)}
        question = "[[tokens=5 rate=2000]] shared?"
        states = []
        for _ in range(8):
            states.append(ask(client, question)[0])
        assert states[0] == "miss"
        assert set(states[1:]) <= {"hit", "coalesced"}  # the other worker may ask before the first has kept it
        with redis.client() as server:
            (entry,) = {*_entries(redis)} - before
            stamp, _, sealed = server.get(entry).partition(b"\n")
            assert b"shared" not in sealed
            server.set(entry, stamp + b"\n" + sealed[:-1] + bytes([sealed[-1] ^ 1]))
        assert ask(client, question)[0] == "miss"
        assert gateway.metric("llm_gateway_cache_events_total", event="corrupt") >= 1
        assert ask(client, question)[0] == "hit"
        for scope, name in (("tenant", "one"), ("key", _key(client, question))):
            purged = httpx.post(
                f"http://127.0.0.1:{gateway.admin_port}/cache/purge",
                json={"scope": scope, "name": name},
                headers={"authorization": f"Bearer {TOKEN}"},
            )
            assert purged.status_code == 200
            assert ask(client, question)[0] == "miss"
        redis.kill()
        assert ask(client, question)[0] == "miss"


def _key(client: openai.OpenAI, question: str) -> str:
    """What the answer is kept under, as it is told with it."""
    answer = client.chat.completions.with_raw_response.create(
        model="gpt-4o-mini", messages=[{"role": "user", "content": question}]
    )
    return str(answer.headers["x-gateway-cache-key"])


def _entries(redis: Server) -> list[bytes]:
    with redis.client() as server:
        return list(server.scan_iter("llm:c:*:entry"))


def _budget(gateway: Gateway) -> dict[str, Any]:
    answer = httpx.get(f"{gateway.base_url}/quota", headers={"authorization": "Bearer sk-one"})
    found: dict[str, Any] = answer.json()["budgets"][0]
    return found
