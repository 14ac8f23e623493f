"""Gemini's format, seen through Google's own client."""

import json
from typing import Any

import httpx2
import pytest
from google import genai
from google.genai import errors, types
from google.oauth2.credentials import Credentials

from extproc.simulator import gemini_checks
from extproc.simulator.directives import Directives
from extproc.simulator.format import Call, Rejected
from extproc.simulator.gemini import FORMAT
from extproc.simulator.server import Running, running
from extproc.simulator.settings import Settings

ANSWER = "You said: hello This is a simulated answer, and I am happy to help."
WEATHER: dict[str, Any] = {
    "name": "get_weather",
    "parametersJsonSchema": {"type": "object", "properties": {"city": {"type": "string"}}},
}
TOOLS = [{"functionDeclarations": [WEATHER]}]
PRO, FLASH, OLDER = "gemini-3.1-pro-preview", "gemini-3.8-flash", "gemini-2.5-flash"


@pytest.fixture
def studio(simulator: Running) -> genai.client.AsyncClient:
    return genai.Client(api_key="key", http_options=types.HttpOptions(base_url=simulator.url)).aio


@pytest.fixture
def vertex(simulator: Running) -> genai.client.AsyncClient:
    options = types.HttpOptions(base_url=simulator.url, api_version="v1")
    credentials = Credentials(token="token")  # type: ignore[no-untyped-call]
    return genai.Client(
        vertexai=True, project="acme", location="europe-west4", credentials=credentials, http_options=options
    ).aio


async def generate(client: Any, contents: Any = "hello", model: str = PRO, **config: Any) -> Any:
    return await client.models.generate_content(
        model=model, contents=contents, config=types.GenerateContentConfig(**config)
    )


async def chunks(client: Any, contents: Any = "hello", model: str = PRO, **config: Any) -> list[Any]:
    stream = await client.models.generate_content_stream(
        model=model, contents=contents, config=types.GenerateContentConfig(**config)
    )
    return [chunk async for chunk in stream]


async def test_a_plain_answer(studio: Any) -> None:
    found = await generate(studio)
    assert found.text == ANSWER
    assert found.candidates[0].finish_reason == types.FinishReason.STOP
    assert (found.usage_metadata.prompt_token_count, found.usage_metadata.candidates_token_count) == (1, 14)


async def test_a_plain_answer_of_vertex(vertex: Any) -> None:
    assert (await generate(vertex)).text == ANSWER


async def test_a_streamed_answer(studio: Any) -> None:
    found = await chunks(studio)
    assert "".join(chunk.text or "" for chunk in found) == ANSWER
    assert [chunk.candidates[0].finish_reason for chunk in found[-2:]] == [None, types.FinishReason.STOP]
    assert found[-1].usage_metadata.candidates_token_count == 14
    assert len({chunk.response_id for chunk in found}) == 1


async def test_a_stream_without_sse_is_an_array(simulator: Running) -> None:
    body = {"contents": [{"parts": [{"text": "hello"}]}]}
    async with httpx2.AsyncClient(headers={"x-goog-api-key": "key"}) as client:
        found = await client.post(f"{simulator.url}/v1beta/models/{PRO}:streamGenerateContent", json=body)
    assert found.headers["content-type"] == "application/json"
    assert found.json()[-1]["candidates"][0]["finishReason"] == "STOP"


async def test_thoughts_and_their_signature(studio: Any) -> None:
    thinking = types.ThinkingConfig(include_thoughts=True, thinking_level=types.ThinkingLevel.LOW)
    found = await generate(studio, thinking_config=thinking)
    thought, said = found.candidates[0].content.parts
    assert (thought.thought, thought.text) == (True, "The question is simple, so a simulated answer will do.")
    assert (said.text, said.thought_signature is not None) == (ANSWER, True)
    assert found.usage_metadata.thoughts_token_count == 16


async def test_a_tool_call_and_its_result(studio: Any) -> None:
    first = await generate(studio, "weather in Paris", tools=TOOLS)
    called = first.function_calls[0]
    assert (called.name, called.args) == ("get_weather", {"city": "weather in Paris"})
    result = types.FunctionResponse(id=called.id, name=called.name, response={"output": "22 C"})
    contents = [
        types.UserContent("weather in Paris"),
        first.candidates[0].content,
        types.Content(role="user", parts=[types.Part(function_response=result)]),
    ]
    second = await generate(studio, contents, tools=TOOLS)
    assert second.text == "The tool says: 22 C"


async def test_parallel_calls_of_which_the_first_is_signed(studio: Any) -> None:
    parts = [part for chunk in await chunks(studio, "go [[tool_calls=2]]", tools=TOOLS) for part in parts_of(chunk)]
    assert [part.function_call.args for part in parts] == [{"city": "go"}, {"city": "go (2)"}]
    assert [part.thought_signature is not None for part in parts] == [True, False]


def parts_of(chunk: Any) -> list[Any]:
    content = chunk.candidates[0].content
    return content.parts or [] if content is not None else []


async def test_a_function_that_must_be_called(studio: Any) -> None:
    calling = types.FunctionCallingConfig(mode=types.FunctionCallingConfigMode.ANY)
    config = types.ToolConfig(function_calling_config=calling)
    assert (await generate(studio, tools=TOOLS, tool_config=config)).function_calls[0].args == {"city": "hello"}


async def test_a_structured_answer(studio: Any) -> None:
    schema = {"type": "object", "properties": {"name": {"type": "string"}}}
    found = await generate(studio, "Ann", response_mime_type="application/json", response_json_schema=schema)
    assert json.loads(found.text) == {"name": "Ann"}


async def test_alternatives(studio: Any) -> None:
    found = await generate(studio, model=OLDER, candidate_count=2)
    assert [candidate.index for candidate in found.candidates] == [0, 1]
    assert found.candidates[1].content.parts[0].text.startswith("(alternative 2)")


async def test_logprobs(studio: Any) -> None:
    found = await generate(studio, "[[tokens=2]]", model=OLDER, response_logprobs=True, logprobs=1)
    result = found.candidates[0].logprobs_result
    assert [(one.token, one.log_probability) for one in result.chosen_candidates] == [("these", -0.25), (" are", -0.25)]
    assert result.top_candidates[0].candidates[0].token == "these"


async def test_limit_stop_sequence_and_system_instruction(studio: Any) -> None:
    cut = await generate(studio, max_output_tokens=3, system_instruction="be brief")
    assert (cut.text, cut.candidates[0].finish_reason) == ("You said: hello", types.FinishReason.MAX_TOKENS)
    assert cut.usage_metadata.prompt_token_count == 3
    assert (await generate(studio, stop_sequences=[" This"])).text == "You said: hello"


async def test_cached_tokens(studio: Any) -> None:
    usage = (await generate(studio, "one two [[cached_tokens=2]]")).usage_metadata
    assert (usage.prompt_token_count, usage.cached_content_token_count) == (3, 2)


async def test_directives_of_the_answer(studio: Any) -> None:
    refused = await generate(studio, "x [[refusal]]")
    assert (refused.text, refused.candidates[0].finish_reason) == (None, types.FinishReason.SAFETY)
    assert (await generate(studio, "x [[no_usage]]")).usage_metadata is None
    assert (await generate(studio, "x [[empty_choices]]")).candidates == []
    assert (await chunks(studio, "x [[empty_choices]]"))[0].candidates is None


async def test_counting_tokens(studio: Any) -> None:
    assert (await studio.models.count_tokens(model=PRO, contents="one two three")).total_tokens == 3


async def test_models(studio: Any) -> None:
    assert "models/gpt-4o-mini" in [model.name async for model in await studio.models.list()]


async def test_embeddings(studio: Any, vertex: Any) -> None:
    config = types.EmbedContentConfig(output_dimensionality=4)
    for client, model in (
        (studio, "gemini-embedding-001"),
        (vertex, "text-embedding-005"),
        (vertex, "gemini-embedding-001"),
    ):
        found = await client.models.embed_content(model=model, contents=["one", "two"], config=config)
        assert [len(embedding.values) for embedding in found.embeddings] == [4, 4]
    counted = await vertex.models.embed_content(model="text-embedding-005", contents="one two")
    assert counted.embeddings[0].statistics.token_count == 2
    single = await vertex.models.embed_content(model="gemini-embedding-001", contents="one")
    assert len(single.embeddings[0].values) == 8


@pytest.mark.parametrize(
    ("text", "status", "kind"),
    [
        ("[[status=429]]", 429, "RESOURCE_EXHAUSTED"),
        ("[[status=503]]", 503, "UNAVAILABLE"),
        ("[[status=500]]", 500, "INTERNAL"),
    ],
)
async def test_faults(studio: Any, text: str, status: int, kind: str) -> None:
    with pytest.raises(errors.APIError) as failed:
        await generate(studio, text)
    assert (failed.value.code, failed.value.status) == (status, kind)


async def test_an_error_in_a_stream(studio: Any) -> None:
    with pytest.raises(errors.ServerError) as failed:
        await chunks(studio, "hello [[error_in_stream_after=2]]")
    assert failed.value.status == "UNAVAILABLE"


async def test_fixed_answers() -> None:
    body = {"contents": [{"parts": [{"text": "anything"}]}]}
    async with running(Settings(fixed=True, tokens=3)) as port, httpx2.AsyncClient() as client:
        whole = await client.post(f"{port.url}/v1beta/models/m:generateContent", json=body)
        assert "these are simulated" in whole.text
        streamed = await client.post(f"{port.url}/v1beta/models/m:streamGenerateContent?alt=sse", json=body)
    assert streamed.headers["content-type"].startswith("text/event-stream")
    assert b'"finishReason":"STOP"' in streamed.content


async def test_credentials(simulator: Running) -> None:
    url = f"{simulator.url}/v1beta/models/{PRO}:generateContent"
    vertex = f"{simulator.url}/v1/publishers/google/models/{PRO}:generateContent"
    async with httpx2.AsyncClient() as client:
        assert (await client.post(url, json={})).json()["error"]["status"] == "PERMISSION_DENIED"
        assert (await client.post(vertex, json={})).json()["error"]["status"] == "UNAUTHENTICATED"
        body = {"contents": [{"parts": [{"text": "hello"}]}]}
        assert (await client.post(f"{url}?key=k", json=body)).status_code == 200


def test_a_key_that_is_not_known_is_a_bad_request() -> None:
    call = Call("POST", f"/v1beta/models/{PRO}:generateContent", {}, {"x-goog-api-key": "no"}, b"{}", "t", 0, ("k",))
    with pytest.raises(Rejected) as refused:
        FORMAT.answer(call, Directives())
    error = json.loads(FORMAT.failure(call, refused.value).body)["error"]
    assert (error["status"], error["details"][0]["reason"]) == ("INVALID_ARGUMENT", "API_KEY_INVALID")


@pytest.mark.parametrize("path", ["/v1beta/models/x", "/v1beta/models/x:sing", "/v1beta/files"])
def test_unknown_paths(path: str) -> None:
    with pytest.raises(Rejected) as refused:
        FORMAT.answer(Call("POST", path, {}, {"x-goog-api-key": "k"}, b"{}", "t", 0), Directives())
    assert refused.value.status == 404


CALL = {"functionCall": {"id": "c1", "name": "get_weather", "args": {}}}
SIGNED = CALL | {"thoughtSignature": gemini_checks.signature("get_weather")}
STAND_IN = CALL | {"thoughtSignature": "skip_thought_signature_validator"}


def content(role: str, *parts: Any) -> dict[str, Any]:
    return {"role": role, "parts": list(parts)}


def result(id: str = "c1", name: str = "get_weather") -> dict[str, Any]:
    return {"functionResponse": {"id": id, "name": name, "response": {"output": "22"}}}


HELLO = content("user", {"text": "hello"})


def turn(call: Any, answer: Any) -> dict[str, Any]:
    return {"contents": [HELLO, content("model", call), content("user", answer)]}


@pytest.mark.parametrize("call", [SIGNED, STAND_IN])
def test_signatures_that_are_accepted(call: Any) -> None:
    gemini_checks.generate(turn(call, result()), PRO, streamed=False)


def test_calls_of_earlier_turns_need_no_signature() -> None:
    request = turn(CALL, result())
    request["contents"] += [content("model", {"text": "22"}), HELLO]
    gemini_checks.generate(request, PRO, streamed=False)


def config(**fields: Any) -> dict[str, Any]:
    return {"contents": [HELLO], "generationConfig": fields}


def thinking(**fields: Any) -> dict[str, Any]:
    return config(thinkingConfig=fields)


@pytest.mark.parametrize(
    ("model", "request_", "message"),
    [
        (PRO, {}, "contents is not specified"),
        (PRO, {"contents": [HELLO], "colour": "blue"}, 'Unknown name "colour": Cannot find field'),
        (PRO, config(colour="blue"), "Unknown name \"colour\" at 'generation_config'"),
        (PRO, {"contents": [content("assistant", {"text": "x"})]}, "Please use a valid role"),
        (PRO, {"contents": [content("user")]}, "parts must not be empty"),
        (PRO, {"contents": [content("user", {"text": ""})]}, "required oneof field 'data'"),
        (PRO, {"contents": [content("user", {"text": "x", "fileData": {}})]}, "required oneof field 'data'"),
        (PRO, {"contents": [content("user", {"text": 1})]}, "TYPE_STRING"),
        (PRO, {"contents": [content("user", {"inlineData": {"mimeType": "image/png", "data": "?"}})]}, "Base64"),
        (PRO, {"contents": [content("user", {"inlineData": {"data": ""}})]}, "mime_type: must be specified"),
        (PRO, {"contents": [HELLO], "systemInstruction": "x"}, "system_instruction"),
        (PRO, turn(CALL, result()), "missing a thought_signature"),
        (PRO, turn(CALL | {"thoughtSignature": "eA=="}, result()), "Thought signature is not valid"),
        (OLDER, turn(CALL, {"text": "x"}), "number of function response parts is equal"),
        (OLDER, {"contents": [content("user", result())]}, "immediately after a function call turn"),
        (OLDER, turn(CALL, result(name="get_time")), "must match those of the function call"),
        (FLASH, turn(SIGNED, result(id="c2")), "must match those of the function call"),
        (FLASH, {"contents": [HELLO, content("model", {"text": "x"})]}, "ending with a model turn"),
        (PRO, {"contents": [HELLO], "tools": [{"functionDeclarations": [{"name": "1"}]}]}, "Invalid function name"),
        (PRO, {"contents": [HELLO], "tools": [{"functionDeclarations": [WEATHER, WEATHER]}]}, "Duplicate function"),
        (PRO, {"contents": [HELLO], "tools": [{"functionDeclarations": [WEATHER | {"strict": True}]}]}, "strict"),
        (PRO, {"contents": [HELLO], "toolConfig": {"functionCallingConfig": {"mode": "ANY"}}}, "without function_decl"),
        (PRO, {"contents": [HELLO], "toolConfig": {"functionCallingConfig": {"mode": "SOME"}}}, "TYPE_ENUM"),
        (
            PRO,
            {
                "contents": [HELLO],
                "tools": TOOLS,
                "toolConfig": {"functionCallingConfig": {"mode": "ANY", "allowedFunctionNames": ["f"]}},
            },
            "not declared: f",
        ),
        (PRO, config(temperature=3), "must be in the range [0, 2]"),
        (PRO, config(temperature="warm"), "TYPE_FLOAT"),
        (PRO, config(candidateCount=2), "Multiple candidates is not enabled"),
        (PRO, config(stopSequences=["a"] * 6), "stop_sequences"),
        (PRO, config(logprobs=2), "response_logprobs"),
        (PRO, config(responseJsonSchema={}), "response_mime_type"),
        (PRO, config(responseMimeType="application/json", responseJsonSchema={}, responseSchema={}), "Only one of"),
        (
            OLDER,
            config(responseMimeType="application/json") | {"tools": TOOLS},
            "Function calling with a response mime",
        ),
        (OLDER, thinking(thinkingLevel="LOW"), "Thinking level LOW is not supported"),
        (FLASH, thinking(thinkingLevel="MINIMAL"), "Thinking level MINIMAL is not supported"),
        (PRO, thinking(thinkingLevel="LOW", thinkingBudget=1), "only one of thinking budget and thinking level"),
        ("gemini-2.5-pro", thinking(thinkingBudget=0), "between 128 and 32768"),
        ("gemini-2.0-flash", thinking(includeThoughts=True), "Thinking is not enabled"),
    ],
)
def test_what_is_refused(model: str, request_: dict[str, Any], message: str) -> None:
    with pytest.raises(Rejected) as refused:
        gemini_checks.generate(request_, model, streamed=False)
    assert refused.value.status == 400
    assert message in refused.value.message
