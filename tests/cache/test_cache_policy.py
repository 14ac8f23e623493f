"""What is looked up, what is kept, and what never is."""

from dataclasses import replace
from typing import Any

import msgspec
import pytest

from extproc.apischema.endpoints import CHAT, COMPLETIONS, EMBEDDINGS, MESSAGES, RESPONSES, Endpoint
from extproc.cache.policy import Directive, Rules, answer_refusal, directive, not_cached, request_refusal
from extproc.cache.reading import reading_of
from extproc.wire.json_object import parse_object

RULES = Rules()


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("", Directive()),
        ("no-cache", Directive(lookup=False)),
        ("No-Store", Directive(lookup=False, keep=False)),
        ("max-age=60", Directive(most_age=60)),
        ('max-age="60", only-if-cached', Directive(most_age=60, only_if_cached=True)),
        (" max-age = 5 ,max-age=9", Directive(most_age=5)),
        ("max-age=-1", Directive(most_age=0)),
        ("max-age=1e9", Directive(most_age=0)),
        ("max-age=" + "9" * 500, Directive(most_age=0)),
        ("max-age", Directive(most_age=0)),
        ("max-stale=100, public, x-tenant=other, ,=,", Directive()),
        ("private" + " " * 5000 + ", no-store", Directive()),
    ],
)
def test_what_a_caller_asks_for(header: str, expected: Directive) -> None:
    assert directive(header) == expected


def test_only_if_cached_is_answered_504_and_not_tried_again() -> None:
    error = not_cached()
    assert (error.status, error.code, error.headers["x-should-retry"]) == (504, "not_cached", "false")


def of_request(body: bytes, endpoint: Endpoint = CHAT, rules: Rules = RULES) -> str:
    reading = reading_of(endpoint)
    assert reading is not None
    return request_refusal(parse_object(body), len(body), reading, rules)


@pytest.mark.parametrize(
    ("body", "endpoint", "expected"),
    [
        (b'{"model":"m"}', CHAT, ""),
        (b'{"temperature":1.0,"n":1}', CHAT, ""),
        (b'{"temperature":null,"n":null,"store":false}', CHAT, ""),
        (b'{"temperature":1.01}', CHAT, "temperature"),
        (b'{"temperature":"hot"}', CHAT, "temperature"),
        (b'{"n":2}', CHAT, "alternatives"),
        (b'{"store":true}', CHAT, "stateful"),
        (b'{"web_search_options":{}}', CHAT, "stateful"),
        (b'{"previous_response_id":"resp_1"}', RESPONSES, "stateful"),
        (b'{"conversation":"conv_1"}', RESPONSES, "stateful"),
        (b'{"background":true}', RESPONSES, "stateful"),
        (b'{"background":false,"store":true}', RESPONSES, ""),
        (b'{"container":"c"}', MESSAGES, "stateful"),
    ],
)
def test_requests_whose_answers_are_not_kept(body: bytes, endpoint: Endpoint, expected: str) -> None:
    assert of_request(body, endpoint) == expected


def test_bounds_of_a_route() -> None:
    assert of_request(b'{"model":"m"}', rules=replace(RULES, most_temperature=0.0)) == "temperature"
    assert of_request(b'{"temperature":0}', rules=replace(RULES, most_temperature=0.0)) == ""
    assert of_request(b'{"n":2}', rules=replace(RULES, alternatives=True)) == ""
    assert of_request(b'{"model":"m"}', rules=replace(RULES, most_request_bytes=5)) == "request_too_large"


def chat(**choice: Any) -> dict[str, Any]:
    return {"choices": [{"index": 0, "message": {"content": "x"}, "finish_reason": "stop", **choice}]}


def response(*output: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return {"status": "completed", "output": list(output), **fields}


CALL = {"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}
TEXT = {"type": "message", "status": "completed", "content": [{"type": "output_text", "text": "x"}]}


@pytest.mark.parametrize(
    ("endpoint", "document", "expected"),
    [
        (CHAT, chat(), ""),
        (CHAT, chat(finish_reason="length"), "finish_reason"),
        (CHAT, chat(finish_reason="content_filter"), "finish_reason"),
        (CHAT, chat(finish_reason=None), "finish_reason"),
        (CHAT, chat(message={"refusal": "no"}), "refused"),
        (CHAT, chat(message={"tool_calls": [CALL]}, finish_reason="tool_calls"), "tool_calls"),
        (CHAT, chat(message={"function_call": {"name": "f", "arguments": "{}"}}), "tool_calls"),
        (CHAT, chat(message={"content": "x", "function_call": None}), ""),
        (CHAT, {"choices": []}, "unknown_shape"),
        (CHAT, {"choices": 1}, "unknown_shape"),
        (CHAT, {**chat(), "error": {"message": "x"}}, "error"),
        (COMPLETIONS, {"choices": [{"text": "x", "finish_reason": "stop"}]}, ""),
        (COMPLETIONS, {"choices": [{"text": "x", "finish_reason": "length"}]}, "finish_reason"),
        (MESSAGES, {"content": [{"type": "text"}], "stop_reason": "end_turn"}, ""),
        (MESSAGES, {"content": [{"type": "text"}], "stop_reason": "max_tokens"}, "finish_reason"),
        (MESSAGES, {"content": [], "stop_reason": "refusal"}, "finish_reason"),
        (MESSAGES, {"content": [], "stop_reason": "pause_turn"}, "finish_reason"),
        (MESSAGES, {"content": [{"type": "tool_use"}], "stop_reason": "tool_use"}, "tool_calls"),
        (MESSAGES, {"content": [{"type": "web_search_tool_result"}], "stop_reason": "end_turn"}, "hosted_tools"),
        (RESPONSES, response(TEXT), ""),
        (RESPONSES, response(TEXT, store=False), ""),
        (RESPONSES, response(TEXT, store=True), "kept_by_provider"),
        (RESPONSES, response({**TEXT, "status": "incomplete"}), "finish_reason"),
        (RESPONSES, response(TEXT, status="incomplete"), "finish_reason"),
        (RESPONSES, response({**TEXT, "content": [{"type": "refusal"}]}), "refused"),
        (RESPONSES, response({"type": "function_call"}), "tool_calls"),
        (RESPONSES, response({"type": "web_search_call"}, TEXT), "hosted_tools"),
        (EMBEDDINGS, {"data": []}, ""),
        (EMBEDDINGS, {"error": {"message": "x"}}, "error"),
    ],
)
def test_answers_that_are_not_kept(endpoint: Endpoint, document: dict[str, Any], expected: str) -> None:
    assert answer_refusal(endpoint, msgspec.json.encode(document), RULES) == expected


@pytest.mark.parametrize(
    ("endpoint", "document"),
    [
        (CHAT, chat(message={"tool_calls": [CALL]}, finish_reason="tool_calls")),
        (MESSAGES, {"content": [{"type": "tool_use"}], "stop_reason": "tool_use"}),
        (RESPONSES, response({"type": "function_call", "status": "completed"})),
    ],
)
def test_tool_calls_are_kept_where_that_is_allowed(endpoint: Endpoint, document: dict[str, Any]) -> None:
    assert answer_refusal(endpoint, msgspec.json.encode(document), replace(RULES, tool_calls=True)) == ""


def test_an_answer_over_the_bound_or_that_is_no_json_is_not_kept() -> None:
    assert answer_refusal(CHAT, b" " * 20, replace(RULES, most_answer_bytes=10)) == "answer_too_large"
    assert answer_refusal(CHAT, b"<html>", RULES) == "unknown_shape"
