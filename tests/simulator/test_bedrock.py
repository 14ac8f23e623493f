"""Bedrock's formats, seen through AWS's own client, and Anthropic's for Bedrock."""

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import boto3
import httpx2
import pytest
from anthropic import AsyncAnthropicBedrock
from botocore.config import Config
from botocore.exceptions import ClientError, EventStreamError
from urllib3.exceptions import ProtocolError

from extproc.simulator import bedrock_checks
from extproc.simulator.anthropic import THOUGHT
from extproc.simulator.bedrock import FORMAT
from extproc.simulator.directives import Directives
from extproc.simulator.format import Call
from extproc.simulator.server import Running, running
from extproc.simulator.settings import Settings
from extproc.wire.aws_event_stream import Decoder

ANSWER = "You said: hello This is a simulated answer, and I am happy to help."
CLAUDE = "us.anthropic.claude-opus-4-6-v1"
ARN = "arn:aws:bedrock:us-east-1:123456789012:inference-profile/us.anthropic.claude-haiku-4-5-20251001-v1:0"
WEATHER = {
    "toolSpec": {
        "name": "get_weather",
        "inputSchema": {"json": {"type": "object", "properties": {"city": {"type": "string"}}}},
    }
}
TOOLS = {"tools": [WEATHER]}


def user(*content: Any) -> dict[str, Any]:
    return {"role": "user", "content": [{"text": each} if isinstance(each, str) else each for each in content]}


def assistant(*content: Any) -> dict[str, Any]:
    return user(*content) | {"role": "assistant"}


class Client:
    """boto3's client, whose calls block, on a thread of its own."""

    def __init__(self, url: str, key: str = "AKIATEST") -> None:
        self.raw = boto3.client(
            "bedrock-runtime",
            region_name="us-east-1",
            endpoint_url=url,
            aws_access_key_id=key,
            aws_secret_access_key="secret",
            aws_session_token="token",
            config=Config(retries={"total_max_attempts": 1}, read_timeout=5),
        )

    async def converse(self, *content: Any, model: str = CLAUDE, **more: Any) -> Any:
        messages = {"messages": [user(*content)]} if content else {}
        return await asyncio.to_thread(self.raw.converse, modelId=model, **messages, **more)

    async def events(self, *content: Any, model: str = CLAUDE, **more: Any) -> list[dict[str, Any]]:
        def read() -> list[dict[str, Any]]:
            messages = {"messages": [user(*content)]} if content else {}
            return list(self.raw.converse_stream(modelId=model, **messages, **more)["stream"])

        return await asyncio.to_thread(read)

    async def invoke(self, model: str, body: dict[str, Any]) -> Any:
        def call() -> Any:
            return json.loads(self.raw.invoke_model(modelId=model, body=json.dumps(body))["body"].read())

        return await asyncio.to_thread(call)

    async def invoke_stream(self, model: str, body: dict[str, Any]) -> list[dict[str, Any]]:
        def call() -> list[dict[str, Any]]:
            answer = self.raw.invoke_model_with_response_stream(modelId=model, body=json.dumps(body))
            return [json.loads(event["chunk"]["bytes"]) for event in answer["body"]]

        return await asyncio.to_thread(call)


@pytest.fixture
def client(simulator: Running) -> Iterator[Client]:
    client = Client(simulator.url)
    yield client
    client.raw.close()


def content(answer: Any) -> Any:
    return answer["output"]["message"]["content"]


def text(events: list[dict[str, Any]]) -> str:
    deltas = [event["contentBlockDelta"]["delta"] for event in events if "contentBlockDelta" in event]
    return "".join(delta.get("text", "") for delta in deltas)


async def test_a_plain_answer(client: Client) -> None:
    found = await client.converse("hello")
    assert content(found) == [{"text": ANSWER}]
    assert found["stopReason"] == "end_turn"
    usage = found["usage"]
    assert (usage["inputTokens"], usage["outputTokens"], usage["totalTokens"]) == (1, 14, 15)


async def test_a_streamed_answer(client: Client) -> None:
    found = await client.events("hello", model=ARN)
    assert [next(iter(event)) for event in found[:2]] == ["messageStart", "contentBlockDelta"]
    assert [next(iter(event)) for event in found[-3:]] == ["contentBlockStop", "messageStop", "metadata"]
    assert text(found) == ANSWER
    assert found[-1]["metadata"]["usage"]["outputTokens"] == 14


async def test_tool_calls(client: Client) -> None:
    found = await client.converse("weather?", toolConfig=TOOLS)
    said, call = content(found)
    assert said == {"text": "Let me look that up."}
    assert (call["toolUse"]["name"], call["toolUse"]["input"]) == ("get_weather", {"city": "weather?"})
    assert found["stopReason"] == "tool_use"


async def test_streamed_tool_calls(client: Client) -> None:
    found = await client.events("[[tool_calls=2]]", toolConfig=TOOLS)
    starts = [event["contentBlockStart"]["start"]["toolUse"] for event in found if "contentBlockStart" in event]
    assert [start["name"] for start in starts] == ["get_weather", "get_weather"]
    pieces = [event["contentBlockDelta"]["delta"] for event in found if "contentBlockDelta" in event]
    arguments = [piece["toolUse"]["input"] for piece in pieces if "toolUse" in piece]
    assert "".join(arguments) == '{"city": ""}{"city": " (2)"}'


async def test_results_of_tools(client: Client) -> None:
    call = {"toolUse": {"toolUseId": "t1", "name": "get_weather", "input": {}}}
    result = {"toolResult": {"toolUseId": "t1", "content": [{"text": "22 C"}]}}
    found = await client.converse(messages=[user("weather?"), assistant(call), user(result)], toolConfig=TOOLS)
    assert content(found) == [{"text": "The tool says: 22 C"}]


@pytest.mark.parametrize(
    ("choice", "own", "called"),
    [
        ({"any": {}}, {}, True),
        ({"tool": {"name": "get_weather"}}, {}, True),
        ({"auto": {}}, {}, False),
        (None, {"tool_choice": {"type": "any", "disable_parallel_tool_use": True}}, True),
        (None, {"tool_choice": {"type": "none"}}, False),
    ],
)
async def test_tool_choice(client: Client, choice: Any, own: dict[str, Any], called: bool) -> None:
    config = TOOLS if choice is None else TOOLS | {"toolChoice": choice}
    found = await client.converse("hello", toolConfig=config, additionalModelRequestFields=own)
    assert any("toolUse" in block for block in content(found)) is called


@pytest.mark.parametrize(
    "more",
    [
        {"additionalModelRequestFields": {"thinking": {"type": "enabled", "budget_tokens": 1024}}},
        {"additionalModelRequestFields": {"reasoningConfig": {"type": "enabled", "maxReasoningEffort": "low"}}},
        {"additionalModelRequestFields": {"reasoning_effort": "low"}},
        {"additionalModelRequestFields": {"reasoning": {"effort": "low"}}},
        {"outputConfig": {"effort": "low"}},
    ],
)
async def test_reasoning(client: Client, more: dict[str, Any]) -> None:
    reasoning = content(await client.converse("hello", **more))[0]["reasoningContent"]["reasoningText"]
    assert reasoning == {"text": THOUGHT, "signature": bedrock_checks.signature(THOUGHT)}


async def test_streamed_reasoning(client: Client) -> None:
    found = await client.events("[[redacted_thinking]]", outputConfig={"effort": "low"})
    deltas = [event["contentBlockDelta"]["delta"] for event in found if "contentBlockDelta" in event]
    reasoning = [delta["reasoningContent"] for delta in deltas if "reasoningContent" in delta]
    assert reasoning[0] == {"redactedContent": b"simulated redacted thinking"}
    assert "".join(each.get("text", "") for each in reasoning) == THOUGHT
    assert reasoning[-1] == {"signature": bedrock_checks.signature(THOUGHT)}


async def test_a_structured_answer(client: Client) -> None:
    schema = json.dumps({"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]})
    config = {"textFormat": {"type": "json_schema", "structure": {"jsonSchema": {"schema": schema, "name": "n"}}}}
    found = await client.converse("hello", outputConfig=config)
    assert isinstance(json.loads(content(found)[0]["text"])["n"], int)


async def test_limits_and_stop_sequences(client: Client) -> None:
    found = await client.converse("hello", inferenceConfig={"maxTokens": 2})
    assert (content(found), found["stopReason"]) == ([{"text": "You said:"}], "max_tokens")
    found = await client.converse("hello", inferenceConfig={"stopSequences": ["simulated"]})
    assert found["stopReason"] == "stop_sequence"
    assert (await client.converse("[[refusal]]"))["stopReason"] == "content_filtered"


async def test_cached_tokens_are_counted_apart(client: Client) -> None:
    mark = {"cachePoint": {"type": "default"}}
    usage = (await client.converse("one two three [[cached_tokens=2]]", mark, "four"))["usage"]
    assert usage["cacheReadInputTokens"] == 2
    assert usage["cacheWriteInputTokens"] == 2
    assert usage["inputTokens"] == 1
    assert "usage" not in await client.converse("[[no_usage]]")


async def test_images_and_documents(client: Client) -> None:
    image = {"image": {"format": "png", "source": {"bytes": b"\x89PNG"}}}
    paper = {"document": {"format": "pdf", "name": "paper (2)", "source": {"s3Location": {"uri": "s3://bucket/a"}}}}
    assert (await client.converse("hello", image, paper))["usage"]["inputTokens"] == 171


# Claude, Titan, Cohere


CLAUDE_BODY: dict[str, Any] = {
    "anthropic_version": "bedrock-2023-05-31",
    "max_tokens": 100,
    "messages": [{"role": "user", "content": "hello"}],
}


async def test_claude(client: Client) -> None:
    found = await client.invoke(CLAUDE, CLAUDE_BODY)
    assert found["content"] == [{"type": "text", "text": ANSWER}]
    assert found["model"] == CLAUDE


async def test_claude_streamed(client: Client) -> None:
    found = await client.invoke_stream(CLAUDE, CLAUDE_BODY)
    assert (found[0]["type"], found[-1]["type"]) == ("message_start", "message_stop")
    assert "".join(event["delta"]["text"] for event in found if event["type"] == "content_block_delta") == ANSWER


async def test_claude_through_anthropics_client(simulator: Running) -> None:
    async with AsyncAnthropicBedrock(
        base_url=simulator.url, aws_access_key="AKIATEST", aws_secret_key="s", aws_region="us-east-1", max_retries=0
    ) as client:
        asked: dict[str, Any] = {"model": CLAUDE, "max_tokens": 100, "messages": CLAUDE_BODY["messages"]}
        assert (await client.messages.create(**asked)).content[0].text == ANSWER
        stream = await client.messages.create(**asked, stream=True)
        assert [event.type async for event in stream][-1] == "message_stop"


async def test_embeddings(client: Client) -> None:
    found = await client.invoke("amazon.titan-embed-text-v2:0", {"inputText": "one two", "dimensions": 256})
    assert (len(found["embedding"]), found["inputTextTokenCount"]) == (256, 2)
    body = {"texts": ["a", "b"], "input_type": "search_document", "embedding_types": ["float"], "output_dimension": 512}
    found = await client.invoke("cohere.embed-v4:0", body)
    assert [len(vector) for vector in found["embeddings"]["float"]] == [512, 512]


# Faults


async def test_a_stream_that_is_cut(client: Client) -> None:
    with pytest.raises(ProtocolError):
        await client.events("[[cut_after=3]]")


async def test_faults_of_streams_as_bytes(simulator: Running) -> None:
    headers = {"authorization": "Bearer key"}
    path = f"{simulator.url}/model/m/converse-stream"
    async with httpx2.AsyncClient(headers=headers) as client:
        for fault, types in (
            ("malformed_after=1", ["messageStart", "contentBlockDelta", "contentBlockDelta"]),
            ("split=3", ["messageStart", "contentBlockDelta", "contentBlockDelta"]),
            ("gzip", ["messageStart", "contentBlockDelta", "contentBlockDelta"]),
            ("empty_choices", ["messageStart", "messageStop", "metadata"]),
        ):
            answer = await client.post(path, json={"messages": [user(f"[[tokens=9 {fault}]]")]})
            assert answer.headers["content-type"] == "application/vnd.amazon.eventstream"
            messages = list(Decoder().feed(answer.content))
            assert [message.text(":event-type") for message in messages[:3]] == types
            broken = [message for message in messages if not _is_json(message.payload)]
            assert len(broken) == (1 if fault.startswith("malformed") else 0)


def _is_json(data: bytes) -> bool:
    try:
        json.loads(data)
    except ValueError:
        return False
    return True


async def test_an_exception_in_a_stream(client: Client) -> None:
    with pytest.raises(EventStreamError, match="throttlingException"):
        await client.events("[[error_in_stream_after=2]]")


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (400, "ValidationException"),
        (403, "AccessDeniedException"),
        (404, "ResourceNotFoundException"),
        (424, "ModelErrorException"),
        (429, "ThrottlingException"),
        (500, "InternalServerException"),
        (503, "ServiceUnavailableException"),
        (418, "ValidationException"),
        (504, "InternalServerException"),
    ],
)
async def test_errors(client: Client, status: int, code: str) -> None:
    with pytest.raises(ClientError) as refused:
        await client.converse(f"[[status={status}]]")
    assert refused.value.response["Error"]["Code"] == code
    assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == status


# Refusals


def request(**fields: Any) -> dict[str, Any]:
    return {"messages": [user("hello")], **fields}


CALL = {"toolUse": {"toolUseId": "t1", "name": "get_weather", "input": {}}}
RESULT = {"toolResult": {"toolUseId": "t1", "content": [{"text": "22 C"}]}}


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"messages": []}, "messages field is empty"),
        ({}, "missing required field `messages`"),
        ({"messages": "hello"}, "Expected `array`"),
        ({"messages": [assistant("hello")]}, "must start with a user message"),
        ({"messages": [user("a"), user("b")]}, "must alternate"),
        ({"messages": [user()]}, "is empty"),
        ({"messages": [user(" ")]}, "is blank"),
        ({"messages": [{"role": "system", "content": [{"text": "a"}]}]}, "enum value set"),
        ({"messages": [user({"text": "a", "image": {"format": "png", "source": {"bytes": ""}}})]}, "is a union"),
        ({"messages": [user({"image": {"format": "bmp", "source": {"bytes": ""}}})]}, "image.format"),
        ({"messages": [user({"image": {"format": "png", "source": {"bytes": "?"}}})]}, "not base64"),
        ({"messages": [user({"image": {"format": "png", "source": {"s3Location": {"uri": "a"}}}})]}, "s3Location.uri"),
        ({"messages": [user({"document": {"format": "pdf", "name": "a.pdf", "source": {"bytes": ""}}})]}, "file name"),
        (
            {"messages": [user("a"), assistant({"image": {"format": "png", "source": {"bytes": ""}}})]},
            "messages of the user only",
        ),
        ({"messages": [user("a"), assistant(CALL)]}, "toolConfig field must be defined"),
        ({"messages": [user("a"), assistant(CALL), user("b")], "toolConfig": TOOLS}, "must match"),
        ({"messages": [user(RESULT)], "toolConfig": TOOLS}, "must match"),
        (
            {"messages": [user("a"), assistant({"toolUse": {**CALL["toolUse"], "name": "a b"}})], "toolConfig": TOOLS},
            "toolUse.name",
        ),
        (
            {
                "messages": [
                    user("a"),
                    assistant({"reasoningContent": {"reasoningText": {"text": "Hm", "signature": "x"}}}, "b"),
                    user("c"),
                ]
            },
            "Invalid `signature`",
        ),
        (
            {
                "messages": [
                    user("a"),
                    assistant({"reasoningContent": {"redactedContent": "YQ=="}}, {"cachePoint": {"type": "default"}}),
                    user("c"),
                ]
            },
            "cannot be inserted after a reasoning block",
        ),
        (request(system=[{"toolResult": {"toolUseId": "t", "content": []}}]), "system is a union"),
        (request(inferenceConfig={"maxTokens": 0}), "inferenceConfig.maxTokens"),
        (request(inferenceConfig={"temperature": 1.5}), "inferenceConfig.temperature"),
        (request(toolConfig={"tools": []}), "toolConfig.tools"),
        (request(toolConfig={"tools": [{"toolSpec": {"name": "f", "inputSchema": {"json": {}}}}]}), "json.type"),
        (request(toolConfig=TOOLS | {"toolChoice": {"none": {}}}), "is a union"),
        (request(toolConfig=TOOLS | {"toolChoice": {"tool": {"name": "other"}}}), "is not in toolConfig.tools"),
        (
            request(
                toolConfig=TOOLS | {"toolChoice": {"any": {}}},
                additionalModelRequestFields={"tool_choice": {"type": "any"}},
            ),
            "conflicts with an existing field",
        ),
        (request(additionalModelRequestFields={"thinking": "yes"}), "thinking: Input should be an object"),
        (
            request(outputConfig={"textFormat": {"type": "json_schema", "structure": {"jsonSchema": {"schema": "{"}}}}),
            "not a JSON schema",
        ),
    ],
)
async def test_what_converse_refuses(simulator: Running, body: dict[str, Any], words: str) -> None:
    await refused(simulator, "m/converse", body, words)


@pytest.mark.parametrize(
    ("path", "body", "words"),
    [
        (f"{CLAUDE}/invoke", {**CLAUDE_BODY, "anthropic_version": "2023-06-01"}, "anthropic_version"),
        (f"{CLAUDE}/invoke", {**CLAUDE_BODY, "anthropic_version": "2026-10-21", "top_k": 1}, "top_k: Extra inputs"),
        (f"{CLAUDE}/invoke", {**CLAUDE_BODY, "model": "m"}, "model: Extra inputs"),
        (f"{CLAUDE}/invoke", {**CLAUDE_BODY, "stream": True}, "stream: Extra inputs"),
        (f"{CLAUDE}/invoke-with-response-stream", {**CLAUDE_BODY, "messages": []}, "at least one message"),
        ("amazon.titan-embed-text-v2:0/invoke", {}, "#/inputText"),
        ("amazon.titan-embed-text-v2:0/invoke", {"inputText": "a", "dimensions": 7}, "#/dimensions"),
        ("amazon.titan-embed-text-v2:0/invoke", {"inputText": "a", "x": 7}, "[x] is not permitted"),
        ("cohere.embed-v4:0/invoke", {"texts": []}, "#/texts"),
        ("cohere.embed-v4:0/invoke", {"texts": ["a"]}, "#/input_type"),
        ("cohere.embed-v4:0/invoke", {"texts": ["a"], "output_dimension": "7"}, "#/output_dimension"),
    ],
)
async def test_what_invoke_refuses(simulator: Running, path: str, body: dict[str, Any], words: str) -> None:
    await refused(simulator, path, body, words)


async def refused(simulator: Running, path: str, body: dict[str, Any], words: str) -> None:
    async with httpx2.AsyncClient(headers={"authorization": "Bearer key"}) as client:
        answer = await client.post(f"{simulator.url}/model/{path}", content=json.dumps(body, separators=(",", ":")))
    assert answer.status_code == 400
    assert words in answer.json()["message"]
    assert "Exception:http://internal.amazon.com" in answer.headers["x-amzn-errortype"]


async def test_an_address_in_claudes_document_is_refused(simulator: Running) -> None:
    image = {"type": "image", "source": {"type": "url", "url": "https://example.com/a.png"}}
    body = {**CLAUDE_BODY, "messages": [{"role": "user", "content": [image]}]}
    await refused(simulator, f"{CLAUDE}/invoke", body, "URL sources")


@pytest.mark.parametrize("body", [b"", b"[]", b"\xff", b"[" * 10_000])
def test_what_is_no_document_is_refused(body: bytes) -> None:
    call = Call("POST", "/model/m/converse", {}, {"authorization": "Bearer k"}, body, token="t", now=0)
    assert FORMAT.subject(call) == ""
    with pytest.raises(bedrock_checks.Rejected, match="not valid JSON"):
        FORMAT.answer(call, Directives())


async def test_credentials() -> None:
    async with running(Settings(keys=("AKIAGOOD",))) as port:
        assert content(await Client(port.url, "AKIAGOOD").converse("hello")) == [{"text": ANSWER}]
        with pytest.raises(ClientError, match="UnrecognizedClientException"):
            await Client(port.url, "AKIABAD").converse("hello")
        async with httpx2.AsyncClient() as client:
            answer = await client.post(f"{port.url}/model/m/converse", json={})
            assert (answer.status_code, answer.json()) == (403, {"message": "Missing Authentication Token"})
            good = {"authorization": "Bearer AKIAGOOD"}
            answer = await client.post(f"{port.url}/model/m/rerank", json={}, headers=good)
            assert answer.status_code == 404


async def test_fixed_answers() -> None:
    async with running(Settings(fixed=True, tokens=3)) as port:
        client = Client(port.url)
        assert content(await client.converse("hello")) == [{"text": "these are simulated"}]
        assert text(await client.events("hello")) == "these are simulated"


async def test_converses_own_fields_are_known(client: Client) -> None:
    guard = {"guardrailIdentifier": "abc", "guardrailVersion": "1"}
    more = {"guardrailConfig": guard, "additionalModelResponseFieldPaths": ["/a"], "requestMetadata": {"team": "a"}}
    tools = {"tools": [{"systemTool": {"name": "nova_grounding"}}, WEATHER, {"cachePoint": {"type": "default"}}]}
    assert content(await client.converse("hello", toolConfig=tools, **more))[-1] == {"text": ANSWER}
