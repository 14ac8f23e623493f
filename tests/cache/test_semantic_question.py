"""Which part of a request is a question, and what it stands in."""

from typing import Any

import msgspec
import pytest

from extproc.apischema import endpoints
from extproc.apischema.endpoints import Endpoint
from extproc.cache.semantic.question import Question, question_of
from extproc.wire.json_object import encode_object, parse_object


def _question(endpoint: Endpoint, body: dict[str, Any]) -> Question | None:
    return question_of(endpoint, parse_object(msgspec.json.encode(body)))


def _user(content: object) -> dict[str, Any]:
    return {"role": "user", "content": content}


SYSTEM = {"role": "system", "content": "Be brief."}


@pytest.mark.parametrize(
    ("endpoint", "body", "text", "context"),
    [
        (
            endpoints.CHAT,
            {"model": "m", "messages": [SYSTEM, _user("Who?")], "n": 1},
            "Who?",
            b'{"model":"m","messages":[{"role":"system","content":"Be brief."},{"role":"user","content":""}],"n":1}',
        ),
        (
            endpoints.MESSAGES,
            {"system": "Be brief.", "messages": [_user([{"type": "text", "text": "Who?"}])]},
            "Who?",
            b'{"system":"Be brief.","messages":[{"role":"user","content":[{"type":"text","text":""}]}]}',
        ),
        (endpoints.RESPONSES, {"input": "Who?", "store": False}, "Who?", b'{"input":"","store":false}'),
        (
            endpoints.RESPONSES,
            {"input": [_user([{"type": "input_text", "text": "Who?"}])]},
            "Who?",
            b'{"input":[{"role":"user","content":[{"type":"input_text","text":""}]}]}',
        ),
    ],
)
def test_the_last_text_of_the_user_is_the_question(
    endpoint: Endpoint, body: dict[str, Any], text: str, context: bytes
) -> None:
    question = _question(endpoint, body)
    assert question is not None
    assert (question.text, encode_object(question.context)) == (text, context)


IMAGE = {"type": "image_url", "image_url": {"url": "https://a.example/i"}}


@pytest.mark.parametrize(
    ("endpoint", "body"),
    [
        (endpoints.CHAT, {"model": "m"}),
        (endpoints.CHAT, {"messages": []}),
        (endpoints.CHAT, {"messages": None, "input": "Who?"}),
        (endpoints.CHAT, {"messages": [_user("Who?"), {"role": "assistant", "content": "It is"}]}),
        (endpoints.CHAT, {"messages": [{"role": "tool", "tool_call_id": "c", "content": "4"}]}),
        (endpoints.CHAT, {"messages": [_user(None)]}),
        (endpoints.CHAT, {"messages": [_user([IMAGE])]}),
        (endpoints.CHAT, {"messages": [_user([{"type": "text", "text": "Who?"}, IMAGE])]}),
        (endpoints.CHAT, {"messages": ["Who?"]}),
        (endpoints.MESSAGES, {"messages": [_user([{"type": "tool_result", "tool_use_id": "t", "content": "4"}])]}),
        (endpoints.RESPONSES, {"input": [{"type": "function_call_output", "call_id": "c", "output": "4"}]}),
        (endpoints.RESPONSES, {"input": "Who?", "conversation": "conv_1"}),
        (endpoints.COMPLETIONS, {"prompt": "Who?"}),
        (endpoints.EMBEDDINGS, {"input": "Who?"}),
    ],
)
def test_what_ends_in_something_else_has_no_question(endpoint: Endpoint, body: dict[str, Any]) -> None:
    assert _question(endpoint, body) is None


def test_a_message_that_can_be_read_in_two_ways_has_no_question() -> None:
    """A field given twice: the provider might read the first."""
    fields = parse_object(b'{"messages":[{"role":"user","content":"Who?","content":"When?"}]}')
    assert question_of(endpoints.CHAT, fields) is None


@pytest.mark.parametrize(
    "other",
    [
        {"model": "m", "messages": [{"role": "system", "content": "Be long."}, _user("Who?")]},
        {"model": "n", "messages": [SYSTEM, _user("Who?")]},
        {"model": "m", "messages": [SYSTEM, _user("Before"), {"role": "assistant", "content": "b"}, _user("Who?")]},
        {"model": "m", "messages": [SYSTEM, _user("Who?")], "tools": []},
        {"model": "m", "messages": [SYSTEM, _user([{"type": "text", "text": "Who?"}])]},
        {"model": "m", "messages": [SYSTEM, _user("Who?") | {"name": "ann"}]},
    ],
)
def test_everything_else_is_the_context(other: dict[str, Any]) -> None:
    first = _question(endpoints.CHAT, {"model": "m", "messages": [SYSTEM, _user("Who?")]})
    second = _question(endpoints.CHAT, other)
    assert first is not None
    assert second is not None
    assert first.context != second.context


def test_a_question_does_not_show_itself() -> None:
    assert "Who" not in repr(_question(endpoints.RESPONSES, {"input": "Who?"}))
