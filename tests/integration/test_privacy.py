"""Privacy policies through the real Envoy, with the official SDKs: what providers get, and what callers get back."""

import json
import re
from collections.abc import Iterator
from typing import Any

import httpx2 as httpx
import pytest
from aiohttp import web
from anthropic import Anthropic
from openai import BadRequestError, OpenAI

from extproc.simulator.settings import Settings
from tests.integration.documents import backend, document, key, keys
from tests.integration.gateway import Gateway, running_gateway, wait_until
from tests.integration.services import Handler, Service

EMAIL, CARD, PHONE = "ann.lee@corp.example.org", "4111 1111 1111 1111", "+44 20 7946 0958"
PROJECT = 'Heron "B"'  # its quotes must be escaped in the arguments of tools
SSN = "536-90-4399"
AWS_KEY = "AKIA" + "QX5ZKVXWNCU7MR2D"
VALUES = (EMAIL, CARD, PHONE, PROJECT)
PROMPT = f"Write to {EMAIL} or {PHONE}, pay with {CARD} for {PROJECT}."
FOUND = "CREDIT_CARD=1,EMAIL_ADDRESS=1,PHONE_NUMBER=1,PROJECT=1"

PRIVACY = {
    "key": {"value": "5f" * 32},
    "words": [{"name": "PROJECT", "words": [PROJECT]}],
    "policies": [
        {
            "name": "strict",
            "entities": {
                "EMAIL_ADDRESS": "replace",
                "PHONE_NUMBER": "replace",
                "PROJECT": "replace",
                "CREDIT_CARD": "surrogate",
                "US_SSN": "mask",
                "SECRET": "block",
            },
            "allow": {"EMAIL_ADDRESS": ["*@public.example.com"]},
        },
        {"name": "trial", "entities": {"all": "replace", "SECRET": "block"}, "mode": "shadow"},
        {"name": "one-way", "entities": {"EMAIL_ADDRESS": "replace"}, "restore": False, "unreadable": "allow"},
        {"name": "keeping", "entities": {"EMAIL_ADDRESS": "replace"}, "keep_mapping": "1h"},
    ],
    "apply": [
        {"policy": "trial", "keys": ["trying"]},
        {"policy": "one-way", "keys": ["batch"]},
        {"policy": "keeping", "models": ["remembering"]},
        {"policy": "strict", "teams": ["legal"]},
    ],
}
KEYS = keys(
    key("lawyer", "sk-lawyer", team="legal"),
    key("clerk", "sk-clerk", team="legal"),
    key("trying", "sk-trying", team="legal"),
    key("batch", "sk-batch"),
    key("free", "sk-free", team="lab"),
)
MODELS = ["gpt-4o-mini", "claude-sonnet-4-6"]
TOOL_SCHEMA = {"type": "object", "properties": {"note": {"type": "string"}}, "required": ["note"]}


class Remembering(Service):
    """A provider of OpenAI's Responses API that keeps conversations, and says all that it was told in one."""

    def __init__(self) -> None:
        super().__init__()
        self._told: dict[str, str] = {}

    def handlers(self) -> dict[str, Handler]:
        return {"/v1/responses": self._respond}

    async def _respond(self, request: web.Request) -> web.StreamResponse:
        asked = await self.note(request)
        before = self._told.get(asked.get("previous_response_id") or asked.get("conversation"), "")
        text, name = f"{before}{asked['input']};", f"resp_{len(self._told)}"
        self._told[name] = self._told[asked.get("conversation", name)] = text
        if not asked.get("stream"):
            return web.json_response(_response(name, text))
        delta = {"type": "response.output_text.delta", "item_id": "msg", "output_index": 0, "content_index": 0}
        events = [
            {"type": "response.created", "response": _response(name, None)},
            *({**delta, "delta": text[at : at + 5]} for at in range(0, len(text), 5)),
            {"type": "response.completed", "response": _response(name, text)},
        ]
        lines = [f"event: {event['type']}\ndata: {json.dumps(event)}\n\n" for event in events]
        return web.Response(text="".join(lines), content_type="text/event-stream")


def _response(name: str, text: str | None) -> dict[str, Any]:
    content = [{"type": "output_text", "text": text, "annotations": []}]
    message = {"type": "message", "id": "msg", "role": "assistant", "status": "completed", "content": content}
    state = {"status": "in_progress", "output": []} if text is None else {"status": "completed", "output": [message]}
    return {"id": name, "object": "response", "created_at": 1, "model": "remembering", **state}


@pytest.fixture(scope="module")
def remembering() -> Iterator[Remembering]:
    provider = Remembering()
    with provider.serving():
        yield provider


@pytest.fixture(scope="module")
def running(remembering: Remembering) -> Iterator[Gateway]:
    simulators = {
        "openai": Settings(formats=("openai",), log_size=100),
        "anthropic": Settings(formats=("anthropic",), log_size=100),
        "azure": Settings(formats=("azure",), log_size=100),
        "down": Settings(formats=("openai",), always="status=503", log_size=100),
        "chat-only": Settings(formats=("openai",), log_size=100),
    }
    made = document(keys=KEYS, privacy=PRIVACY)
    made["backends"].append(backend("chat-only", "openai", provider="vllm"))
    made["models"].append({"name": "local", "targets": [{"backend": "chat-only", "model": "gpt-4o-mini"}]})
    made["backends"].append(backend("remembering", "openai"))
    made["models"].append({"name": "remembering", "targets": ["remembering"]})
    with running_gateway(made, simulators, ports={"remembering": remembering.port}) as gateway:
        yield gateway


@pytest.fixture
def gateway(running: Gateway) -> Gateway:
    running.clear()
    return running


@pytest.fixture
def openai(gateway: Gateway) -> Iterator[OpenAI]:
    with OpenAI(base_url=gateway.base_url, api_key="sk-lawyer", max_retries=0) as sdk:
        yield sdk


@pytest.fixture
def anthropic(gateway: Gateway) -> Iterator[Anthropic]:
    with Anthropic(base_url=gateway.url, api_key="sk-lawyer", max_retries=0) as sdk:
        yield sdk


def bodies(gateway: Gateway) -> list[bytes]:
    return [one.body for name in gateway.simulators.by_name for one in gateway.simulator(name).log]


def assert_nothing_left(gateway: Gateway) -> None:
    """No provider received an original value, in whatever spelling of JSON."""
    received = bodies(gateway)
    assert received
    for body in received:
        for value in VALUES:
            assert value.encode() not in body
            assert json.dumps(value)[1:-1].encode() not in body


def assert_all_back(text: str) -> None:
    assert [value for value in VALUES if value not in text] == []


def messages(text: str = PROMPT) -> Any:
    return [{"role": "user", "content": text}]


# -- text, whole and streamed, in each dialect ------------------------------------------------------------------------


@pytest.mark.parametrize("model", [*MODELS, "azure-gpt", "resilient"])
def test_a_chat_answer(gateway: Gateway, openai: OpenAI, model: str) -> None:
    answer = openai.chat.completions.with_raw_response.create(model=model, messages=messages())
    assert answer.headers["x-gateway-redactions"] == FOUND
    assert_all_back(answer.parse().choices[0].message.content or "")
    assert_nothing_left(gateway)


@pytest.mark.parametrize("directive", ["", "[[split=1]]", "[[split=7 crlf]]", "[[gzip]]"])
@pytest.mark.parametrize("model", [*MODELS, "resilient"])
def test_a_chat_stream(gateway: Gateway, openai: OpenAI, model: str, directive: str) -> None:
    stream = openai.chat.completions.create(model=model, messages=messages(PROMPT + directive), stream=True)
    assert_all_back("".join(choice.delta.content or "" for chunk in stream for choice in chunk.choices))
    assert_nothing_left(gateway)


@pytest.mark.parametrize("model", MODELS)
def test_a_message(gateway: Gateway, anthropic: Anthropic, model: str) -> None:
    answer = anthropic.messages.create(model=model, max_tokens=500, system=f"Ask {EMAIL}", messages=messages())
    assert_all_back("".join(block.text for block in answer.content if block.type == "text"))
    assert_nothing_left(gateway)


@pytest.mark.parametrize("model", MODELS)
def test_a_message_stream(gateway: Gateway, anthropic: Anthropic, model: str) -> None:
    with anthropic.messages.stream(model=model, max_tokens=500, messages=messages(PROMPT + "[[split=5]]")) as stream:
        assert_all_back("".join(stream.text_stream))
    assert_nothing_left(gateway)


@pytest.mark.parametrize("model", [*MODELS, "local"])
def test_a_response(gateway: Gateway, openai: OpenAI, model: str) -> None:
    answer = openai.responses.create(model=model, input=PROMPT, instructions=f"You work for {EMAIL}")
    assert_all_back(answer.output_text)
    assert_nothing_left(gateway)


@pytest.mark.parametrize("model", [*MODELS, "local"])
def test_a_response_stream(gateway: Gateway, openai: OpenAI, model: str) -> None:
    events = list(openai.responses.create(model=model, input=PROMPT, stream=True))
    assert_all_back("".join(event.delta for event in events if event.type == "response.output_text.delta"))
    (completed,) = [event for event in events if event.type == "response.completed"]
    assert_all_back(completed.response.output_text)
    assert_nothing_left(gateway)


# -- the arguments of tools -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("model", MODELS)
def test_arguments_of_chat_tools(gateway: Gateway, openai: OpenAI, model: str, stream: bool) -> None:
    tool = {"type": "function", "function": {"name": "note", "description": EMAIL, "parameters": TOOL_SCHEMA}}
    asked: Any = {"model": model, "messages": messages(), "tools": [tool], "tool_choice": "required"}
    if stream:
        chunks = [chunk for chunk in openai.chat.completions.create(**asked, stream=True) if chunk.choices]
        calls = [call for chunk in chunks for call in chunk.choices[0].delta.tool_calls or []]
        arguments = "".join(call.function.arguments or "" for call in calls if call.function)
    else:
        (call,) = openai.chat.completions.create(**asked).choices[0].message.tool_calls or []
        arguments = call.function.arguments
    assert_all_back(json.loads(arguments)["note"])
    assert_nothing_left(gateway)


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("model", MODELS)
def test_the_input_of_message_tools(gateway: Gateway, anthropic: Anthropic, model: str, stream: bool) -> None:
    tool = {"name": "note", "description": EMAIL, "input_schema": TOOL_SCHEMA}
    asked: Any = {"model": model, "max_tokens": 500, "messages": messages(), "tools": [tool]}
    asked["tool_choice"] = {"type": "any"}
    if stream:
        with anthropic.messages.stream(**asked) as events:
            answer = events.get_final_message()
    else:
        answer = anthropic.messages.create(**asked)
    (use,) = [block for block in answer.content if block.type == "tool_use"]
    assert_all_back(str(use.input["note"]))
    assert_nothing_left(gateway)


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("model", [*MODELS, "local"])
def test_arguments_of_response_tools(gateway: Gateway, openai: OpenAI, model: str, stream: bool) -> None:
    tool = {"type": "function", "name": "note", "parameters": TOOL_SCHEMA, "strict": False}
    asked: Any = {"model": model, "input": PROMPT, "tools": [tool], "tool_choice": "required"}
    if stream:
        events = list(openai.responses.create(**asked, stream=True))
        whole = [event.arguments for event in events if event.type == "response.function_call_arguments.done"]
        pieces = [event.delta for event in events if event.type == "response.function_call_arguments.delta"]
        assert "".join(pieces) == "".join(whole)
        arguments = whole[0]
    else:
        (call,) = [item for item in openai.responses.create(**asked).output if item.type == "function_call"]
        arguments = call.arguments
    assert_all_back(json.loads(arguments)["note"])
    assert_nothing_left(gateway)


def test_results_of_tools_and_earlier_turns(gateway: Gateway, openai: OpenAI) -> None:
    arguments = json.dumps({"note": PROJECT})
    call: Any = {"id": "call_1", "type": "function", "function": {"name": "note", "arguments": arguments}}
    history: Any = [
        *messages(),
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "call_1", "content": json.dumps({"written": PROMPT})},
    ]
    answer = openai.chat.completions.create(model="gpt-4o-mini", messages=history, user=EMAIL, metadata={"by": EMAIL})
    assert EMAIL in (answer.choices[0].message.content or "")
    assert_nothing_left(gateway)


# -- placeholders -----------------------------------------------------------------------------------------------------


def sent_text(gateway: Gateway) -> str:
    return str(json.loads(bodies(gateway)[-1])["messages"][0]["content"])


def test_a_tenant_has_one_placeholder_for_a_value(gateway: Gateway) -> None:
    seen = []
    for secret in ("sk-lawyer", "sk-clerk", "sk-batch"):
        with OpenAI(base_url=gateway.base_url, api_key=secret, max_retries=0) as sdk:
            sdk.chat.completions.create(model="gpt-4o-mini", messages=messages(EMAIL))
        seen.append(sent_text(gateway))
    assert seen[0] == seen[1] != seen[2]
    assert all(text.startswith("EMAILADDRESS") for text in seen)


def test_what_is_masked_stays_masked(gateway: Gateway, openai: OpenAI) -> None:
    answer = openai.chat.completions.create(model="gpt-4o-mini", messages=messages(f"My SSN is {SSN}."))
    assert sent_text(gateway) == "My SSN is <US_SSN>."
    assert SSN not in (answer.choices[0].message.content or "")


def test_what_is_allowed_is_left(gateway: Gateway, openai: OpenAI) -> None:
    openai.chat.completions.create(model="gpt-4o-mini", messages=messages("Ask press@public.example.com"))
    assert sent_text(gateway) == "Ask press@public.example.com"


def test_nothing_comes_back_where_it_is_one_way(gateway: Gateway) -> None:
    with OpenAI(base_url=gateway.base_url, api_key="sk-batch", max_retries=0) as sdk:
        answer = sdk.chat.completions.create(model="gpt-4o-mini", messages=messages(EMAIL))
    assert EMAIL not in (answer.choices[0].message.content or "")
    assert_nothing_left(gateway)


# -- who and what a policy is for -------------------------------------------------------------------------------------


def test_a_caller_without_a_policy_is_left_alone(gateway: Gateway) -> None:
    with OpenAI(base_url=gateway.base_url, api_key="sk-free", max_retries=0) as sdk:
        raw = sdk.chat.completions.with_raw_response.create(model="gpt-4o-mini", messages=messages())
    assert "x-gateway-redactions" not in raw.headers
    assert sent_text(gateway) == PROMPT


def shadow_count(gateway: Gateway) -> float:
    return gateway.metric("llm_gateway_redactions_total", policy="trial", mode="shadow")


def test_a_shadow_policy_counts_and_changes_nothing(gateway: Gateway) -> None:
    before = shadow_count(gateway)
    with OpenAI(base_url=gateway.base_url, api_key="sk-trying", max_retries=0) as sdk:
        raw = sdk.chat.completions.with_raw_response.create(
            model="gpt-4o-mini", messages=messages(f"{PROMPT} {AWS_KEY}")
        )
    assert "x-gateway-redactions" not in raw.headers
    assert sent_text(gateway) == f"{PROMPT} {AWS_KEY}"
    wait_until(lambda: shadow_count(gateway) == before + 5, 5, "the count")


def test_a_secret_blocks_the_request(gateway: Gateway, openai: OpenAI) -> None:
    with pytest.raises(BadRequestError) as caught:
        openai.chat.completions.create(model="gpt-4o-mini", messages=messages(f"My key is {AWS_KEY}"))
    assert caught.value.code == "content_filter"
    assert caught.value.body == {
        "message": "The privacy policy 'strict' refuses requests with API_KEY.",
        "type": "invalid_request_error",
        "param": None,
        "code": "content_filter",
    }
    assert bodies(gateway) == []


def test_embeddings(gateway: Gateway, openai: OpenAI) -> None:
    openai.embeddings.create(model="text-embedding-3-small", input=[PROMPT, EMAIL])
    assert_nothing_left(gateway)


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/completions", {"prompt": PROMPT}),
        ("/completions", {"prompt": [PROMPT, EMAIL], "stream": True}),
        ("/moderations", {"input": PROMPT}),
        ("/images/generations", {"prompt": PROMPT}),
        ("/audio/speech", {"input": PROMPT, "voice": "alloy"}),
        ("/rerank", {"query": PROMPT, "documents": [PROMPT, {"text": EMAIL}]}),
        ("/a/path/of/tomorrow", {"wish": {"text": [PROMPT]}}),
    ],
)
def test_every_other_endpoint(gateway: Gateway, path: str, body: dict[str, Any]) -> None:
    asked = {"model": "gpt-4o-mini", **body}
    answer = httpx.post(f"{gateway.base_url}{path}", headers={"authorization": "Bearer sk-lawyer"}, json=asked)
    if bodies(gateway):
        assert_nothing_left(gateway)
    else:
        assert answer.status_code == 404  # it is not served at all


def test_a_body_that_is_no_json_is_refused(gateway: Gateway) -> None:
    upload: Any = {"files": {"file": ("a.jsonl", PROMPT)}, "data": {"purpose": "batch"}}
    for secret, status in (("sk-lawyer", 400), ("sk-batch", 200), ("sk-free", 200)):
        answer = httpx.post(f"{gateway.base_url}/files", headers={"authorization": f"Bearer {secret}"}, **upload)
        assert answer.status_code == status, answer.text
    assert len(bodies(gateway)) == 2


def test_a_large_prompt_does_not_hold_others_up(gateway: Gateway, openai: OpenAI) -> None:
    text = f"{'lorem ipsum dolor sit amet ' * 40_000}{EMAIL}"
    openai.chat.completions.create(model="gpt-4o-mini", messages=messages(text))
    assert_nothing_left(gateway)


# -- conversations that the provider keeps ----------------------------------------------------------------------------


class Conversation:
    """Turns with the provider that remembers, by one caller."""

    def __init__(self, gateway: Gateway, secret: str = "sk-lawyer") -> None:
        self._sdk = OpenAI(base_url=gateway.base_url, api_key=secret, max_retries=0)

    def turn(self, text: str, **more: Any) -> tuple[str, str]:
        """The response's id, and what the caller gets."""
        answer = self._sdk.responses.create(model="remembering", input=text, **more)
        return answer.id, answer.output_text

    def streamed(self, text: str, **more: Any) -> str:
        events = list(self._sdk.responses.create(model="remembering", input=text, stream=True, **more))
        pieces = "".join(event.delta for event in events if event.type == "response.output_text.delta")
        (completed,) = [event for event in events if event.type == "response.completed"]
        assert completed.response.output_text == pieces
        return pieces


@pytest.mark.parametrize("field", ["previous_response_id", "conversation"])
def test_values_of_earlier_turns_come_back(gateway: Gateway, remembering: Remembering, field: str) -> None:
    talk, known = Conversation(gateway), {"conversation": "conv_1"} if field == "conversation" else {}
    first, said = talk.turn(f"I am {EMAIL}", **known)
    assert said == f"I am {EMAIL};"
    named: dict[str, Any] = known or {"previous_response_id": first}
    second, said = talk.turn("and bob@corp.example.org", **named)
    assert said == f"I am {EMAIL};and bob@corp.example.org;"
    named = known or {"previous_response_id": second}
    assert talk.streamed("Who?", **named) == f"I am {EMAIL};and bob@corp.example.org;Who?;"
    assert "corp.example.org" not in json.dumps(remembering.asked)


def test_after_a_stream_they_come_back_as_well(gateway: Gateway) -> None:
    talk = Conversation(gateway)
    talk.streamed(EMAIL, conversation="conv_2")
    assert talk.turn("Who?", conversation="conv_2")[1] == f"{EMAIL};Who?;"


def test_another_tenant_gets_placeholders(gateway: Gateway) -> None:
    first, _ = Conversation(gateway).turn(EMAIL)
    _, said = Conversation(gateway, "sk-free").turn("Who?", previous_response_id=first)
    assert re.fullmatch(r"EMAILADDRESS[0-9a-f]{10};Who\?;", said)


# -- what is told of it -----------------------------------------------------------------------------------------------


def test_metrics_the_access_log_and_the_audit_log(gateway: Gateway, openai: OpenAI) -> None:
    name = "llm_gateway_redactions_total"
    labels = {"entity": "EMAIL_ADDRESS", "action": "replace", "policy": "strict", "team": "legal", "mode": "enforce"}
    found, back = gateway.metric(name, **labels), gateway.metric("llm_gateway_restored_total", outcome="restored")
    raw = openai.chat.completions.with_raw_response.create(model="gpt-4o-mini", messages=messages(f"{EMAIL} {EMAIL}"))
    wait_until(lambda: gateway.metric(name, **labels) == found + 2, 5, "the count")
    assert gateway.metric("llm_gateway_restored_total", outcome="restored") == back + 2
    request_id = raw.headers["x-request-id"]
    wait_until(lambda: any(line.get("request_id") == request_id for line in gateway.access_log()), 5, "the line")
    (line,) = [one for one in gateway.server_log() if one.get("request_id") == request_id]
    assert line["event"] == "redactions"
    assert line["found"] == [{"entity": "EMAIL_ADDRESS", "action": "replace", "count": 2}]
    assert (line["policy"], line["key"], line["restored"]) == ("strict", "lawyer", 2)


def test_no_value_is_in_a_log(gateway: Gateway) -> None:
    for name in ("serve.log", "access.log", "envoy.log"):
        text = (gateway.directory / name).read_text()
        assert [value for value in (*VALUES, SSN, AWS_KEY) if value in text] == []
