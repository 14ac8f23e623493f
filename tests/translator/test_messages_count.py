"""What is counted of a Messages request where no provider counts it."""

from typing import Any

import msgspec
import pytest
from msgspec import Raw

from extproc.errors import InvalidRequest
from extproc.genai.tokenizer import Tokenizers
from extproc.translator.messages_count import count_answer, count_request

HELLO = {"role": "user", "content": "Hello"}


def counted(**fields: Any) -> Any:
    return msgspec.json.decode(count_request({name: Raw(msgspec.json.encode(value)) for name, value in fields.items()}))


def test_each_message_is_one_object() -> None:
    assert counted(messages=[HELLO, {"role": "assistant", "content": [{"type": "text", "text": "Hi"}]}]) == [
        {"role": "user", "content": "Hello"},
        {"role": "assistant", "content": [{"type": "text", "text": "Hi"}]},
    ]


@pytest.mark.parametrize("system", ["Be brief.", [{"type": "text", "text": "Be brief."}]])
def test_the_system_prompt_comes_first(system: Any) -> None:
    assert counted(messages=[HELLO], system=system) == [{"content": system}, HELLO]


def test_tools_are_counted_with_the_names_in_their_schemas() -> None:
    tool = {"name": "f", "description": "d", "input_schema": {"type": "object"}, "cache_control": {"type": "ephemeral"}}
    text = {"name": "f", "description": "d", "input_schema": '{"type":"object"}'}
    assert counted(messages=[HELLO], tools=[tool]) == [HELLO, {"text": [[text]]}]


def test_calls_and_results_are_counted_without_their_ids() -> None:
    use = {"type": "tool_use", "id": "toolu_1", "name": "f", "input": {"city": "Paris"}}
    result = {"type": "tool_result", "tool_use_id": "toolu_1", "content": [{"type": "text", "text": "Sunny"}]}
    assert counted(messages=[{"role": "assistant", "content": [use]}, {"role": "user", "content": [result]}]) == [
        {"role": "assistant", "content": [{"type": "tool_use", "name": "f", "input": '{"city":"Paris"}'}]},
        {"role": "user", "content": [{"type": "tool_result", "content": [{"type": "text", "text": "Sunny"}]}]},
    ]


def test_media_and_earlier_reasoning_are_no_text() -> None:
    image = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "iVBOR"}}
    plain = {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "Hello"}}
    thinking = {"type": "thinking", "thinking": "Hm.", "signature": "EqQB"}
    content = counted(messages=[{"role": "user", "content": [image, plain, thinking]}])[0]["content"]
    assert [block.get("source", {}).get("data") for block in content] == [None, "Hello", None]
    assert content[2] == {"type": "thinking"}


def test_the_tokenizer_counts_it() -> None:
    raw = count_request({"messages": Raw(b'[{"role":"user","content":"Hello"}]'), "top_k": Raw(b"1e400")})
    assert Tokenizers().count_json_text("gpt-4o", raw) == 8  # Hello, user, 3 a message, 3 for the reply


def test_the_answer() -> None:
    assert count_answer(2095) == b'{"input_tokens":2095}'


@pytest.mark.parametrize("fields", [{}, {"messages": Raw(b"[")}])
def test_a_request_without_messages_is_refused(fields: dict[str, Raw]) -> None:
    with pytest.raises(InvalidRequest) as refused:
        count_request(fields)
    assert refused.value.param == "messages"
