"""Names that a service finds, through the real Envoy with the official SDK: no provider sees them, callers do."""

import json
from collections.abc import Iterator
from typing import Any

import httpx2 as httpx
import pytest
from aiohttp import web
from openai import BadRequestError, InternalServerError, OpenAI

from extproc.simulator.settings import Settings
from tests.integration.documents import document, key, keys
from tests.integration.gateway import Gateway, running_gateway, wait_until
from tests.integration.services import Handler, Service
from tests.ports import free_port

NAMES = ("Ann Lee", 'Zoë "Z" Ødegård')
EMAIL = "ann.lee@corp.example.org"
PROMPT = f"😀 Write to {NAMES[0]} ({EMAIL}) and to {NAMES[1]}."
TOOL_SCHEMA = {"type": "object", "properties": {"note": {"type": "string"}}, "required": ["note"]}


class Analyzer(Service):
    """Presidio's API, for a few names; beside it one that answers nonsense, and one that does not."""

    def handlers(self) -> dict[str, Handler]:
        return {"/analyze": self._analyze, "/wrong/analyze": self._wrong, "/slow/analyze": self.never}

    async def _analyze(self, request: web.Request) -> web.Response:
        text = (await self.note(request))["text"]
        places = [(text.find(name), name) for name in NAMES]
        found = [{"entity_type": "PERSON", "start": at, "end": at + len(name)} for at, name in places if at >= 0]
        return web.json_response([{**one, "score": 0.85} for one in found])

    async def _wrong(self, request: web.Request) -> web.Response:
        await self.note(request)
        return web.json_response([{"entity_type": "PERSON", "start": 0, "end": 10**6, "score": 1}])


def recogniser(name: str, url: str, entity: str, **changes: object) -> dict[str, object]:
    return {"name": name, "service": {"url": url}, "entities": [entity], **changes}


def privacy(url: str, away: int) -> dict[str, Any]:
    """A policy for each key of the same name. Each recogniser has an entity of its own, so that policies choose."""
    of_names = recogniser("names", url, "PERSON", timeout_ms=2000)
    of_names["service"] = {"url": url, "credential": {"value": "sk-analyzer"}}
    policies = {
        "replace": {"PERSON": "replace", "EMAIL_ADDRESS": "replace"},
        "mask": {"PERSON": "mask"},
        "block": {"PERSON": "block"},
        "shadow": {"PERSON": "block"},
        "away": {"AWAY": "replace", "EMAIL_ADDRESS": "replace"},
        "away-allowed": {"AWAY_ALLOWED": "replace", "EMAIL_ADDRESS": "replace"},
        "wrong": {"WRONG": "replace"},
        "slow": {"SLOW": "replace"},
    }
    return {
        "key": {"value": "5f" * 32},
        "recognisers": [
            of_names,
            recogniser("away", f"http://127.0.0.1:{away}", "AWAY"),
            recogniser("away-allowed", f"http://127.0.0.1:{away}", "AWAY_ALLOWED", on_failure="allow"),
            recogniser("wrong", f"{url}/wrong", "WRONG"),
            recogniser("slow", f"{url}/slow", "SLOW", timeout_ms=100),
        ],
        "policies": [
            {"name": name, "entities": entities, "mode": "shadow" if name == "shadow" else "enforce"}
            for name, entities in policies.items()
        ],
        "apply": [{"policy": name, "keys": [name]} for name in policies],
    }


@pytest.fixture(scope="module")
def analyzer() -> Iterator[Analyzer]:
    analyzer = Analyzer()
    with analyzer.serving():
        yield analyzer


@pytest.fixture(scope="module")
def running(analyzer: Analyzer) -> Iterator[Gateway]:
    section = privacy(analyzer.url, free_port())
    made = document(keys=keys(*(key(policy["name"], f"sk-{policy['name']}") for policy in section["policies"])))
    names = ("openai", "anthropic", "azure", "down")
    formats = {"openai": "openai", "anthropic": "anthropic", "azure": "azure", "down": "openai"}
    simulators = {name: Settings(formats=(formats[name],), log_size=100) for name in names}
    with running_gateway({**made, "privacy": section}, simulators) as gateway:
        yield gateway


@pytest.fixture
def gateway(running: Gateway, analyzer: Analyzer) -> Gateway:
    running.clear()
    analyzer.asked.clear()
    return running


def sdk(gateway: Gateway, alias: str) -> OpenAI:
    return OpenAI(base_url=gateway.base_url, api_key=f"sk-{alias}", max_retries=0)


def messages(text: str = PROMPT) -> Any:
    return [{"role": "user", "content": text}]


def ask(gateway: Gateway, alias: str, text: str = PROMPT, model: str = "gpt-4o-mini") -> str:
    with sdk(gateway, alias) as client:
        return client.chat.completions.create(model=model, messages=messages(text)).choices[0].message.content or ""


def received(gateway: Gateway) -> str:
    """All that providers received, unescaped where it is JSON."""
    bodies = [one.body for name in gateway.simulators.by_name for one in gateway.simulator(name).log]
    return "\n".join(json.dumps(json.loads(body), ensure_ascii=False) for body in bodies)


def assert_nothing_left(gateway: Gateway) -> None:
    text = received(gateway)
    assert text.count("PERSON") >= 2
    assert [name for name in (*NAMES, "Ødegård", EMAIL) if name in text] == []


@pytest.mark.parametrize("model", ["gpt-4o-mini", "claude-sonnet-4-6"])
def test_an_answer(gateway: Gateway, analyzer: Analyzer, model: str) -> None:
    assert PROMPT in ask(gateway, "replace", model=model)
    assert_nothing_left(gateway)
    assert analyzer.asked == [
        {"text": PROMPT, "language": "en", "entities": ["PERSON"], "score_threshold": 0.5},
    ]


@pytest.mark.parametrize("directive", ["", "[[split=1]]", "[[split=7 crlf]]"])
@pytest.mark.parametrize("model", ["gpt-4o-mini", "claude-sonnet-4-6"])
def test_a_stream(gateway: Gateway, model: str, directive: str) -> None:
    with sdk(gateway, "replace") as client:
        stream = client.chat.completions.create(model=model, messages=messages(PROMPT + directive), stream=True)
        text = "".join(choice.delta.content or "" for chunk in stream for choice in chunk.choices)
    assert PROMPT in text
    assert_nothing_left(gateway)


@pytest.mark.parametrize("stream", [False, True])
def test_a_response(gateway: Gateway, stream: bool) -> None:
    with sdk(gateway, "replace") as client:
        asked: Any = {"model": "gpt-4o-mini", "input": PROMPT}
        if stream:
            events = list(client.responses.create(**asked, stream=True))
            text = "".join(event.delta for event in events if event.type == "response.output_text.delta")
        else:
            text = client.responses.create(**asked).output_text
    assert PROMPT in text
    assert_nothing_left(gateway)


def test_arguments_of_tools(gateway: Gateway) -> None:
    function = {"name": "note", "description": f"Notes for {NAMES[0]}", "parameters": TOOL_SCHEMA}
    tools: Any = [{"type": "function", "function": function}]
    with sdk(gateway, "replace") as client:
        answer = client.chat.completions.create(
            model="gpt-4o-mini", messages=messages(), tools=tools, tool_choice="required"
        )
    (call,) = answer.choices[0].message.tool_calls or []
    assert call.type == "function"
    assert PROMPT in json.loads(call.function.arguments)["note"]
    assert_nothing_left(gateway)


def test_a_mask_is_for_good(gateway: Gateway) -> None:
    assert f"😀 Write to <PERSON> ({EMAIL}) and to <PERSON>." in ask(gateway, "mask")
    assert received(gateway).count("<PERSON>") == 2


def test_a_name_that_blocks(gateway: Gateway) -> None:
    with pytest.raises(BadRequestError, match=r"The privacy policy 'block' refuses requests with PERSON\."):
        ask(gateway, "block")
    assert received(gateway) == ""


def test_in_shadow_it_is_counted_and_left(gateway: Gateway) -> None:
    labels = {"entity": "PERSON", "action": "block", "policy": "shadow", "mode": "shadow"}
    before = gateway.metric("llm_gateway_redactions_total", **labels)
    assert PROMPT in ask(gateway, "shadow")
    assert NAMES[0] in received(gateway)
    wait_until(lambda: gateway.metric("llm_gateway_redactions_total", **labels) == before + 2, 5, "the count")


# -- failures ---------------------------------------------------------------------------------------------------------


def failures(gateway: Gateway, name: str) -> float:
    return gateway.metric("llm_gateway_recogniser_failures_total", recogniser=name)


@pytest.mark.parametrize("name", ["away", "wrong", "slow"])
def test_without_an_answer_the_request_is_refused(gateway: Gateway, name: str) -> None:
    before = failures(gateway, name)
    with pytest.raises(InternalServerError) as caught:
        ask(gateway, name)
    assert (caught.value.status_code, caught.value.response.headers["retry-after"]) == (503, "1")
    assert caught.value.body == {
        "message": "The gateway cannot look for personal data in the request now.",
        "type": "api_error",
        "param": None,
        "code": "recogniser_unavailable",
    }
    assert received(gateway) == ""
    wait_until(lambda: failures(gateway, name) == before + 1, 5, "the count")


def test_where_that_is_allowed_it_goes_on_with_what_else_is_found(gateway: Gateway) -> None:
    before = failures(gateway, "away-allowed")
    assert PROMPT in ask(gateway, "away-allowed")
    assert (EMAIL in received(gateway), NAMES[0] in received(gateway)) == (False, True)
    wait_until(lambda: failures(gateway, "away-allowed") == before + 1, 5, "the count")


def test_too_much_text_is_refused(gateway: Gateway, analyzer: Analyzer) -> None:
    asked = {"model": "gpt-4o-mini", "messages": messages("x" * 200_001)}
    answer = httpx.post(
        f"{gateway.base_url}/chat/completions", headers={"authorization": "Bearer sk-replace"}, json=asked
    )
    assert (answer.status_code, answer.json()["error"]["code"]) == (413, "request_too_large")
    assert analyzer.asked == []


def test_no_name_and_no_secret_is_in_a_log(gateway: Gateway) -> None:
    lines = [line for line in gateway.server_log() if line.get("event") == "recogniser failed"]
    assert {line["recogniser"] for line in lines} == {"away", "wrong", "slow", "names", "away-allowed"}
    for name in ("serve.log", "access.log", "envoy.log"):
        text = (gateway.directory / name).read_text()
        assert [hidden for hidden in (*NAMES, "Ødegård", EMAIL, "sk-analyzer") if hidden in text] == []
