"""Every fault, as the official clients meet it."""

import json
from typing import Any

import anthropic as anthropic_sdk
import httpx2
import openai as sdk
import pytest
from anthropic import AsyncAnthropic
from openai import AsyncOpenAI

from extproc.simulator.server import Running


async def chat(client: AsyncOpenAI, directive: str, **more: Any) -> Any:
    messages = [{"role": "user", "content": f"[[{directive}]]"}]
    return await client.chat.completions.create(model="m", messages=messages, **more)


async def stream(client: AsyncOpenAI, directive: str, contents: list[str] | None = None) -> list[str]:
    """Contents of the chunks; a list given is filled as they come, for a stream that breaks."""
    contents = [] if contents is None else contents
    async for chunk in await chat(client, directive, stream=True):
        contents.extend(choice.delta.content or "" for choice in chunk.choices)
    return contents


async def raw(port: Running, directive: str, *, streamed: bool = True) -> httpx2.Response:
    body = {"model": "m", "stream": streamed, "messages": [{"role": "user", "content": f"[[{directive}]]"}]}
    async with httpx2.AsyncClient() as client:
        url, headers = f"{port.url}/v1/chat/completions", {"authorization": "Bearer k"}
        return await client.post(url, content=json.dumps(body), headers=headers)


@pytest.mark.parametrize(
    ("status", "raised", "kind", "code"),
    [
        (400, sdk.BadRequestError, "invalid_request_error", None),
        (401, sdk.AuthenticationError, "invalid_request_error", "invalid_api_key"),
        (404, sdk.NotFoundError, "invalid_request_error", "model_not_found"),
        (429, sdk.RateLimitError, "requests", "rate_limit_exceeded"),
        (500, sdk.InternalServerError, "server_error", None),
        (503, sdk.InternalServerError, "server_error", None),
    ],
)
async def test_a_status_of_openai(openai: AsyncOpenAI, status: int, raised: Any, kind: str, code: str | None) -> None:
    with pytest.raises(raised) as refused:
        await chat(openai, f"status={status}")
    assert (refused.value.status_code, refused.value.type, refused.value.code) == (status, kind, code)


@pytest.mark.parametrize(
    ("status", "raised", "kind"),
    [
        (400, anthropic_sdk.BadRequestError, "invalid_request_error"),
        (403, anthropic_sdk.PermissionDeniedError, "permission_error"),
        (429, anthropic_sdk.RateLimitError, "rate_limit_error"),
        (500, anthropic_sdk.InternalServerError, "api_error"),
        (529, anthropic_sdk.OverloadedError, "overloaded_error"),
    ],
)
async def test_a_status_of_anthropic(anthropic: AsyncAnthropic, status: int, raised: Any, kind: str) -> None:
    with pytest.raises(raised) as refused:
        await message(anthropic, f"status={status}")
    assert refused.value.status_code == status
    assert isinstance(refused.value.body, dict)
    assert refused.value.body["error"]["type"] == kind


async def message(client: AsyncAnthropic, directive: str, **more: Any) -> Any:
    messages: list[Any] = [{"role": "user", "content": f"[[{directive}]]"}]
    return await client.messages.create(model="c", max_tokens=99, messages=messages, **more)


async def test_retry_after(openai: AsyncOpenAI) -> None:
    with pytest.raises(sdk.RateLimitError) as refused:
        await chat(openai, "status=429 retry_after=7")
    assert refused.value.response.headers["retry-after"] == "7"


async def test_a_page_of_some_proxy(openai: AsyncOpenAI) -> None:
    with pytest.raises(sdk.InternalServerError) as refused:
        await chat(openai, "html_error=502")
    assert refused.value.status_code == 502
    assert refused.value.response.headers["content-type"] == "text/html"
    assert "<h1>502</h1>" in refused.value.response.text


async def test_a_stall_sends_nothing(openai: AsyncOpenAI) -> None:
    with pytest.raises(sdk.APITimeoutError):
        await chat(openai.with_options(timeout=0.2), "stall=30")


async def test_a_stall_ends_without_an_answer(openai: AsyncOpenAI) -> None:
    with pytest.raises(sdk.APIConnectionError):
        await chat(openai, "stall=0.01")


async def test_slow_headers_are_answered(openai: AsyncOpenAI) -> None:
    assert (await chat(openai, "slow_headers=0.05 tokens=1")).choices[0].message.content == "these"


async def test_a_reset_before_anything(openai: AsyncOpenAI) -> None:
    with pytest.raises(sdk.APIConnectionError):
        await chat(openai, "reset")


@pytest.mark.parametrize("fault", ["cut_after", "reset_after"])
async def test_a_stream_that_breaks(openai: AsyncOpenAI, fault: str) -> None:
    contents: list[str] = []
    with pytest.raises(sdk.APIConnectionError):
        await stream(openai, f"{fault}=3 rate=100 tokens=9", contents)
    assert contents == ["", "these", " are"]


@pytest.mark.parametrize("fault", ["cut_after", "reset_after"])
async def test_a_body_that_breaks(simulator: Running, fault: str) -> None:
    with pytest.raises((httpx2.RemoteProtocolError, httpx2.ReadError)):
        await raw(simulator, f"{fault}=0", streamed=False)


async def test_a_cut_after_the_end_of_the_stream_is_none(openai: AsyncOpenAI) -> None:
    assert await stream(openai, "cut_after=99 tokens=1") == ["", "these", ""]


async def test_a_malformed_event(openai: AsyncOpenAI) -> None:
    with pytest.raises(json.JSONDecodeError):
        await stream(openai, "malformed_after=2 tokens=5")


async def test_an_error_in_a_stream_of_openai(openai: AsyncOpenAI) -> None:
    with pytest.raises(sdk.APIError, match="The server had an error") as broken:
        await stream(openai, "error_in_stream_after=2 tokens=5")
    assert broken.value.type == "server_error"


async def test_an_error_in_a_stream_of_anthropic(anthropic: AsyncAnthropic) -> None:
    with pytest.raises(anthropic_sdk.APIStatusError) as broken:
        async for _ in await message(anthropic, "error_in_stream_after=2", stream=True):
            pass
    assert isinstance(broken.value.body, dict)
    assert broken.value.body["error"] == {"type": "overloaded_error", "message": "Overloaded"}


@pytest.mark.parametrize("directive", ["gzip", "crlf", "split=1", "split=7", "gzip split=3 crlf"])
async def test_a_stream_in_unusual_bytes(openai: AsyncOpenAI, directive: str) -> None:
    assert await stream(openai, f"{directive} tokens=3") == ["", "these", " are", " simulated", ""]


@pytest.mark.parametrize("directive", ["gzip", "split=1", "gzip split=3"])
async def test_a_body_in_unusual_bytes(openai: AsyncOpenAI, directive: str) -> None:
    assert (await chat(openai, f"{directive} tokens=2")).choices[0].message.content == "these are"


async def test_crlf_and_gzip_are_on_the_wire(simulator: Running) -> None:
    found = await raw(simulator, "gzip crlf tokens=1")
    assert found.headers["content-encoding"] == "gzip"
    assert found.content.endswith(b"data: [DONE]\r\n\r\n")


async def test_a_directive_that_cannot_be_read(openai: AsyncOpenAI) -> None:
    with pytest.raises(sdk.BadRequestError, match="'status=abc' has a value that cannot be used"):
        await chat(openai, "status=abc")


async def test_only_the_last_user_text_counts(openai: AsyncOpenAI) -> None:
    found = await openai.chat.completions.create(
        model="m",
        messages=[
            {"role": "user", "content": "[[status=500]]"},
            {"role": "assistant", "content": "[[status=501]]"},
            {"role": "user", "content": [{"type": "text", "text": "[[tokens=1]]"}]},
        ],
    )
    assert found.choices[0].message.content == "these"


async def test_other_endpoints_take_directives_too(openai: AsyncOpenAI) -> None:
    with pytest.raises(sdk.RateLimitError):
        await openai.embeddings.create(model="e", input=["a", "[[status=429]]"])
    with pytest.raises(sdk.InternalServerError):
        await openai.completions.create(model="m", prompt="[[status=500]]")
    with pytest.raises(sdk.InternalServerError):
        await openai.audio.transcriptions.create(model="w", file=("a.wav", b"x"), prompt="[[status=503]]")
