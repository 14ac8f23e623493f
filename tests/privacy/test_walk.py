"""Redacting a request: everywhere somebody's words may be, nowhere else, and byte for byte where nothing is found."""

import base64
import json
from collections.abc import Sequence
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from extproc.errors import InvalidRequest
from extproc.privacy.apply import Action, Find, Finding, Policy
from extproc.privacy.detect.span import Span
from extproc.privacy.restore import Tokens
from extproc.privacy.restore_json import restore_document
from extproc.privacy.walk import redact_body
from tests.privacy.redaction_fakes import ANN, ANN_TOKEN, find, vault

SECRET = "s@e.cret"


def redact(body: bytes, policy: Policy = Policy()) -> bytes:  # noqa: B008
    return redact_body(body, find, policy, vault()).body


def redacted(document: Any) -> Any:
    return json.loads(redact(json.dumps(document).encode()))


REDACTED = {
    "chat, a string": {"messages": [{"role": "user", "content": ANN}]},
    "chat, a part": {"messages": [{"role": "user", "content": [{"type": "text", "text": ANN}]}]},
    "chat, every role": {
        "messages": [{"role": r, "content": ANN} for r in ("system", "developer", "tool", "assistant")]
    },
    "chat, a participant's name": {"messages": [{"role": "user", "name": ANN}]},
    "chat, what the assistant refused": {"messages": [{"role": "assistant", "refusal": ANN, "reasoning_content": ANN}]},
    "chat, a custom tool's input": {"messages": [{"tool_calls": [{"type": "custom", "custom": {"input": ANN}}]}]},
    "chat, a tool's description": {"tools": [{"type": "function", "function": {"description": ANN}}]},
    "chat, texts of a schema": {
        "tools": [{"function": {"parameters": {"title": ANN, "properties": {"to": {"enum": [ANN], "default": ANN}}}}}]
    },
    "chat, a schema of the answer": {"response_format": {"json_schema": {"schema": {"description": ANN}}}},
    "chat, a predicted answer": {"prediction": {"type": "content", "content": ANN}},
    "chat, a file's name": {"messages": [{"content": [{"type": "file", "file": {"filename": ANN}}]}]},
    "who asks": {"user": ANN, "safety_identifier": ANN, "prompt_cache_key": ANN, "metadata": {"id": ANN, "type": ANN}},
    "stop words": {"stop": [ANN, "x"]},
    "completions": {"prompt": [ANN, "x"], "suffix": ANN},
    "embeddings": {"input": [ANN, "x"]},
    "moderations": {"input": [{"type": "text", "text": ANN}]},
    "rerank": {"query": ANN, "documents": [ANN, {"text": ANN, "id": ANN}]},
    "responses": {"instructions": ANN, "input": [{"role": "user", "content": [{"type": "input_text", "text": ANN}]}]},
    "responses, tools": {
        "input": [
            {"type": "function_call_output", "call_id": "c", "output": ANN},
            {"type": "custom_tool_call", "input": ANN},
            {"type": "reasoning", "summary": [{"type": "summary_text", "text": ANN}]},
            {"type": "web_search_call", "action": {"type": "search", "query": ANN}},
        ]
    },
    "responses, a prompt's variables": {"prompt": {"id": "p", "variables": {"type": ANN}}},
    "messages": {"system": [{"type": "text", "text": ANN}], "metadata": {"user_id": ANN}},
    "messages, tools": {
        "messages": [
            {"role": "assistant", "content": [{"type": "tool_use", "id": "t", "name": "f", "input": {"type": ANN}}]},
            {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t", "content": ANN}]},
        ]
    },
    "messages, names in a tool's input": {"messages": [{"content": [{"type": "tool_use", "input": {ANN: {ANN: 1}}}]}]},
    "messages, a document": {
        "messages": [{"content": [{"type": "document", "title": ANN, "source": {"type": "text", "data": ANN}}]}]
    },
    "messages, citations": {
        "messages": [{"content": [{"type": "text", "citations": [{"cited_text": ANN, "document_title": ANN}]}]}]
    },
    "ids that the caller has made": {
        "messages": [{"tool_calls": [{"id": ANN}]}, {"role": "tool", "tool_call_id": ANN}]
    },
    "addresses of media": {"messages": [{"content": [{"type": "image_url", "image_url": {"url": f"https://{ANN}/"}}]}]},
    "a query of an address": {"input": [{"content": [{"type": "input_image", "image_url": f"https://x.y/?u={ANN}"}]}]},
    "what is no word of structure": {"messages": [{"status": ANN, "role": ANN, "headers": {"x": ANN}}]},
    "names of tools": {"tools": [{"type": ANN, "name": ANN}], "tool_choice": {"name": ANN}},
    "names in a schema": {
        "tools": [{"input_schema": {"required": [ANN], "properties": {ANN: {"type": "string", "pattern": ANN}}}}]
    },
    "a document in a data URL": {"messages": [{"content": [{"file": {"file_data": f"data:text/plain,{ANN}"}}]}]},
    "a document that begins like a data URL": {"messages": [{"content": [{"source": {"data": f"data: ask {ANN}"}}]}]},
    "data in somebody's own document": {"messages": [{"content": [{"input": {"data": f"data:{ANN}"}}]}]},
    "data in tool arguments": {"messages": [{"function_call": {"arguments": json.dumps({"data": f"data:{ANN}"})}}]},
    "what a provider gave to be sent back": {"messages": [{"tool_calls": [{"extra_content": {"google": {"s": ANN}}}]}]},
    "names of members": {"logit_bias": {ANN: 1}, "new": {f"of {ANN}": ANN}},
    "what nobody knows yet": {"new": {"newer": [[ANN]]}},
    "JSON in a string": {"messages": [{"role": "tool", "content": json.dumps({"a": [ANN], ANN: None})}]},
}


@pytest.mark.parametrize("document", REDACTED.values(), ids=REDACTED.keys())
def test_what_somebody_wrote_is_redacted(document: Any) -> None:
    assert redacted(document) == json.loads(json.dumps(document).replace(ANN, ANN_TOKEN))


BASE64 = "QUJD" * 100
CARD = "4111111111111111"
CARD_TOKEN = "CREDITCARD907daac544"
LEFT = {
    "a model": {"model": ANN, "tools": [{"model": ANN}]},
    "numbers in structure": {"tools": [{"type": CARD, "name": CARD}], "previous_response_id": CARD},
    "numbers in ids": {"messages": [{"role": "tool", "tool_call_id": CARD, "content": "x"}]},
    "numbers in addresses of media": {"messages": [{"content": [{"image_url": {"url": f"https://x.y/{CARD}.png"}}]}]},
    "a schema": {"tools": [{"input_schema": {"type": CARD, "properties": {CARD: {"format": CARD}}}}]},
    "a picture": {"messages": [{"content": [{"image_url": {"url": f"data:image/png;base64,{CARD}"}}]}]},
    "signatures": {"messages": [{"content": [{"type": "redacted_thinking", "data": BASE64}, {"signature": ANN}]}]},
    "what a provider is to sign in with": {"tools": [{"type": "mcp", "server_url": ANN, "headers": {"x": ANN}}]},
    "what a provider signed": {
        "messages": [{"tool_calls": [{"extra_content": {"google": {"thought_signature": ANN}}}]}]
    },
    "numbers of the API": {
        "seed": 4111111111111111,
        "logit_bias": {"4111": 1},
        "messages": [{"created": 4111111111111111}],
    },
}


@pytest.mark.parametrize("document", LEFT.values(), ids=LEFT.keys())
def test_structure_is_left(document: Any) -> None:
    body = json.dumps(document).encode()
    assert redact(body) is body


def test_media_are_not_even_searched() -> None:
    def refuse(text: str) -> list[Any]:
        raise AssertionError("searched")

    body = json.dumps({"messages": [{"content": [{"source": {"data": BASE64}}]}]}).encode()
    assert redact_body(body, refuse, Policy(), vault()).body is body


def test_escaped_slashes_do_not_make_a_picture_text() -> None:
    body = rb'{"messages":[{"content":[{"image_url":{"url":"data:image\/png;base64,QUJD\/4111111111111111"}}]}]}'
    assert redact(body) is body


@pytest.mark.parametrize("kind", ["text/plain", "text/csv;charset=utf-8", "application/json"])
def test_text_in_a_data_url_is_text(kind: str) -> None:
    before, after = (base64.b64encode(f"to {said}".encode()).decode() for said in (ANN, ANN_TOKEN))
    document = {"messages": [{"content": [{"file": {"file_data": f"data:{kind};base64,{before}"}}]}]}
    assert redacted(document) == json.loads(json.dumps(document).replace(before, after))


@pytest.mark.parametrize("data", ["", "////", "not base64", base64.b64encode(b"hello").decode()])
def test_a_data_url_without_anything_to_find_stays_as_it_is(data: str) -> None:
    body = json.dumps({"messages": [{"content": [{"file": {"file_data": f"data:text/plain;base64,{data}"}}]}]}).encode()
    assert redact(body) is body


def test_what_is_too_short_to_be_a_picture_is_searched() -> None:
    assert redacted({"x": {"data": "4111111111111111"}}) == {"x": {"data": "CREDITCARD907daac544"}}


@pytest.mark.parametrize(
    "body",
    [
        b'{"messages":[{"content":"hello"}],"temperature":1.0,"top_p":1e400,"seed":123456789012345678901234567890}',
        b' { "prompt" : "a\\u00e9\\/" , "prompt" : [ ] } ',
        b"{}",
    ],
)
def test_a_body_in_which_nothing_is_found_is_the_very_one_given(body: bytes) -> None:
    assert redact(body) is body


def test_only_the_strings_concerned_are_other_bytes() -> None:
    body = b'{ "temperature": 1.0,\n"top_p":1e400, "seed":12345678901234567890123, "prompt" : "%b", "x":"\\/\\u00e9" }'
    assert redact(body % ANN.encode()) == body % ANN_TOKEN.encode()


def test_observing_changes_nothing_and_counts() -> None:
    body = b'{"prompt":"a@b.cc","messages":[{"content":[{"text":"a@b"},{"text":".cc"}]}]}'
    found = redact_body(body, find, Policy(default=Action.OBSERVE), vault())
    assert found.body is body
    assert found.counts == {Finding("EMAIL_ADDRESS", Action.OBSERVE): 2}


def test_what_blocks_is_named() -> None:
    found = redact_body(b'{"prompt":"a@b.cc"}', find, Policy(default=Action.BLOCK), vault())
    assert found.blocked == {"EMAIL_ADDRESS"}
    assert b"a@b.cc" not in found.body


def test_a_member_that_is_given_twice_hides_nothing() -> None:
    body = b'{"messages":[{"content":"ann@example.org","content":"hello"}]}'
    assert redact(body) == body.replace(ANN.encode(), ANN_TOKEN.encode())


def test_escaped_text_is_found() -> None:
    assert redact(b'{"prompt":"ann\\u0040example.org"}') == b'{"prompt":"%b"}' % ANN_TOKEN.encode()


def test_a_name_that_is_escaped_is_no_structure() -> None:
    assert redact(b'{"mod\\u0065l":"ann@example.org"}') == b'{"mod\\u0065l":"%b"}' % ANN_TOKEN.encode()


def test_tool_arguments_stay_json_and_their_numbers_as_written() -> None:
    arguments = '{"to": "ann@example.org", "n": 1.0, "text": "line\\nann@example.org \\"\\u00e9\\"", "big": 1e400}'
    body = json.dumps({"messages": [{"tool_calls": [{"function": {"name": "f", "arguments": arguments}}]}]}).encode()
    after = json.loads(redact(body))["messages"][0]["tool_calls"][0]["function"]["arguments"]
    assert after == (f'{{"to": "{ANN_TOKEN}", "n": 1.0, "text": "line\\n{ANN_TOKEN} \\"é\\"", "big": 1e400}}')


def test_arguments_that_are_no_json_are_text() -> None:
    assert redacted({"x": '{"to": "ann@example.org", '}) == {"x": f'{{"to": "{ANN_TOKEN}", '}


def test_json_in_json_in_json_is_read_until_it_is_too_deep() -> None:
    text = ANN
    for _ in range(8):
        text = json.dumps([text])
    assert ANN not in json.dumps(redacted({"prompt": text}))


NUMBERS = {
    "tool arguments": {"messages": [{"tool_calls": [{"function": {"arguments": '{"card": CARD}'}}]}]},
    "a text that is JSON": {"messages": [{"role": "user", "content": '{"card": [1, CARD]}'}]},
    "a text that is a list": {"prompt": "[CARD]"},
    "JSON in JSON": {"prompt": json.dumps({"a": json.dumps({"b": "CARD"}).replace('"CARD"', "CARD")})},
}


@pytest.mark.parametrize("document", NUMBERS.values(), ids=NUMBERS.keys())
def test_a_number_in_which_something_is_found_becomes_a_string(document: Any) -> None:
    before, after = (json.dumps(document).replace("CARD", to) for to in (CARD, "TOKEN"))
    quoted = json.dumps(redacted(json.loads(before))).replace(f'"{CARD_TOKEN}"', "TOKEN")
    for depth in (1, 3):
        quote = "\\" * depth + '"'
        quoted = quoted.replace(f"{quote}{CARD_TOKEN}{quote}", "TOKEN")
    assert quoted == after


def test_numbers_in_data_are_searched_with_their_names() -> None:
    body = b'{"metadata":{"card":4111111111111111,"ssn":-123456789,"count":123456789,"n":[4111111111111111.0]}}'
    ssn, card = vault().placeholder("-123456789", "US_SSN"), vault().placeholder("4111111111111111.0", "CREDIT_CARD")
    after = f'{{"metadata":{{"card":"{CARD_TOKEN}","ssn":"{ssn}","count":123456789,"n":["{card}"]}}}}'
    assert redact(body) == after.encode()


@pytest.mark.parametrize("number", ["4.111111111111111e15", "-4111111111111111", "41111111111111110e-1"])
def test_a_number_is_an_integer_however_it_is_written(number: str) -> None:
    token = vault().placeholder(number, "CREDIT_CARD")
    assert redact(b'{"metadata":{"a":%b}}' % number.encode()) == f'{{"metadata":{{"a":"{token}"}}}}'.encode()


@pytest.mark.parametrize("number", ["0.4111111111111111", "4111111111111111.5", "1e999999999", "4111111111111111e30"])
def test_measures_and_huge_numbers_are_left(number: str) -> None:
    body = b'{"metadata":{"a":%b}}' % number.encode()
    assert redact(body) is body


def test_a_number_comes_back_as_a_string() -> None:
    one = vault()
    sent = redact_body(b'{"metadata":{"a":4111111111111111}}', find, Policy(), one).body
    assert restore_document(sent, Tokens(one)) == b'{"metadata":{"a":"4111111111111111"}}'


def test_ids_stay_apart_whatever_is_done_about_text() -> None:
    body = b'{"messages":[{"id":"ann@example.org"},{"id":"bob@example.org"},{"content":"ann@example.org"}]}'
    bob = vault().placeholder("bob@example.org", "EMAIL_ADDRESS")
    after = f'{{"messages":[{{"id":"{ANN_TOKEN}"}},{{"id":"{bob}"}},{{"content":"<EMAIL_ADDRESS>"}}]}}'
    assert redact(body, Policy(default=Action.MASK)) == after.encode()


def test_an_id_blocks_as_text_does() -> None:
    found = redact_body(b'{"messages":[{"id":"ann@example.org"}]}', find, Policy(default=Action.BLOCK), vault())
    assert found.blocked == {"EMAIL_ADDRESS"}


def test_the_name_of_a_member_says_what_it_is() -> None:
    document = {"arguments": json.dumps({"ssn": "123456789", "count": "123456789"}), "ssn": "123456789"}
    token = vault().placeholder("123456789", "US_SSN")
    after = {"arguments": json.dumps({"ssn": token, "count": "123456789"}), "ssn": "123456789"}
    assert redacted(document) == after


@pytest.mark.parametrize(
    "pieces",
    [
        ["ann@exa", "mple.org!"],
        ["to: a", "nn", "@", "example.org", "!"],
        ["", ANN, ""],
        ["[note] ann@exa", "mple.org"],
        ["{ann@exa", "mple.org"],
    ],
)
def test_what_is_split_over_neighbouring_parts_is_found(pieces: list[str]) -> None:
    parts = [{"type": "text", "text": piece} for piece in pieces]
    after = redacted({"messages": [{"content": parts}]})["messages"][0]["content"]
    assert [part["type"] for part in after] == ["text"] * len(pieces)
    assert "".join(part["text"] for part in after) == "".join(pieces).replace(ANN, ANN_TOKEN)


def test_a_part_is_searched_for_itself_too() -> None:
    parts = [{"type": "text", "text": "4111111111111111"}, {"type": "text", "text": "0 items"}]
    after = redacted({"messages": [{"content": parts}]})["messages"][0]["content"]
    assert [part["text"] for part in after] == ["CREDITCARD907daac544", "0 items"]


def test_a_name_says_what_it_is_however_it_is_escaped() -> None:
    token = vault().placeholder("123456789", "US_SSN")
    assert redact(b'{"metadata":{"s\\u0073n":"123456789"}}') == f'{{"metadata":{{"s\\u0073n":"{token}"}}}}'.encode()


def test_a_long_name_is_not_searched_with_each_of_many_texts() -> None:
    searched = 0

    def spy(text: str) -> list[Any]:
        nonlocal searched
        searched += len(text)
        return find(text)

    name, ssn = "é" * 5_000 + " ssn", "123456789"
    body = json.dumps({"metadata": {name: [ssn] * 5_000, "ssn": ssn}}, ensure_ascii=False).encode()
    after = json.loads(redact_body(body, spy, Policy(), vault()).body)["metadata"]
    token = vault().placeholder(ssn, "US_SSN")
    assert [*after[name][:2], after["ssn"]] == [token] * 3
    assert searched < 2 * len(body)


@pytest.mark.parametrize("length", range(25, 35))
def test_a_long_name_may_be_cut_in_an_escape(length: int) -> None:
    name = r"\"\\\u0073" * 5 + "x" * length + " ssn"
    token = vault().placeholder("123456789", "US_SSN")
    body = f'{{"metadata":{{"{name}":"123456789"}}}}'
    assert redact(body.encode()) == body.replace("123456789", token).encode()


def test_parts_of_different_messages_are_not_joined() -> None:
    document = {"messages": [{"content": [{"text": "ann@exa"}]}, {"content": [{"text": "mple.org"}]}]}
    assert redacted(document) == document


def test_a_part_that_is_json_is_a_whole() -> None:
    parts = [{"type": "text", "text": text} for text in ("ann", '["@example.org"]', "@example.org")]
    after = redacted({"messages": [{"content": parts}]})["messages"][0]["content"]
    assert [part["text"] for part in after] == [ANN_TOKEN, '["@example.org"]', ""]


def test_long_parts_are_joined_only_around_their_seams() -> None:
    searched: list[int] = []

    def spy(text: str) -> list[Any]:
        searched.append(len(text))
        return find(text)

    long = "x " * 5_000
    document = {"messages": [{"content": [{"text": long + "ann@exa"}, {"text": "mple.org " + long}]}]}
    after = redact_body(json.dumps(document).encode(), spy, Policy(), vault()).body
    assert ANN_TOKEN.encode() in after
    assert sorted(searched) == [1024, 10_007, 10_009]


def thinking(signature: str) -> dict[str, Any]:
    block = {"type": "thinking", "thinking": f"{ANN} or {SECRET}", "signature": signature}
    return {"messages": [{"content": [block, {"type": "text", "text": ANN}]}]}


def test_signed_reasoning_is_what_it_was_before_it_was_restored() -> None:
    after = redacted(thinking("c2lnbmVk"))["messages"][0]["content"]
    assert [after[0]["thinking"], after[1]["text"]] == [f"{ANN_TOKEN} or {SECRET}", ANN_TOKEN]


def test_signed_reasoning_with_very_many_values_is_searched_as_text_is() -> None:
    values = " ".join(f"a{number}@example.org" for number in range(500))
    block = {"type": "thinking", "thinking": f"{values} {SECRET}", "signature": "c2lnbmVk"}
    content = redacted({"messages": [{"content": [block, {"type": "text", "text": values}]}]})["messages"][0]["content"]
    assert "a77@" not in content[1]["text"]
    assert content[0]["thinking"] == f"{content[1]['text']} {SECRET}"


def test_reasoning_without_a_signature_is_text() -> None:
    assert SECRET not in json.dumps(redacted(thinking("")))


@pytest.mark.parametrize("body", [b'{"a":"\\q"}', b'{"a":"\\ud83d"}', b'{"a":"\xff"}'])
def test_what_is_no_json_is_refused(body: bytes) -> None:
    with pytest.raises(InvalidRequest):
        redact(body)


def test_values_are_not_shown() -> None:
    assert "ann" not in repr(redact_body(b'{"model":"ann@example.org"}', find, Policy(), vault()))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text() | st.just(f"to {ANN}."),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)


@given(st.dictionaries(st.text(), JSON, max_size=5), st.booleans())
def test_whatever_is_redacted_is_restored(document: dict[str, Any], pretty: bool) -> None:
    body = json.dumps(document, ensure_ascii=not pretty, indent=1 if pretty else None).encode("utf-8", "replace")
    try:
        msgspec.json.decode(body, type=msgspec.Raw)
    except msgspec.DecodeError:
        return
    one = vault()
    sent = redact_body(body, find, Policy(), one).body
    assert json.loads(restore_document(sent, Tokens(one))) == json.loads(body)


def searched(body: bytes, find: Find) -> list[str]:
    """The texts that are searched, in order."""
    texts: list[str] = []

    def listening(text: str) -> Sequence[Span]:
        texts.append(text)
        return find(text)

    redact_body(body, listening, Policy(), vault())
    return texts


NAMES = st.sampled_from(["messages", "input", "content", "type", "thinking", "signature", "text"])


@settings(max_examples=30)
@given(st.dictionaries(NAMES, JSON))
def test_what_is_searched_does_not_depend_on_what_is_found(document: dict[str, Any]) -> None:
    parts = [{"type": "text", "text": f"to {ANN}"}, {"type": "thinking", "thinking": ANN, "signature": "s"}] * 2
    body = json.dumps({"messages": [{"content": parts}], "more": document}).encode()
    assert searched(body, find) == searched(body, lambda text: ())


def test_a_large_prompt_is_redacted_in_linear_time_and_memory() -> None:
    content = [{"type": "text", "text": "hello "}] * 10_000
    body = json.dumps({"messages": [{"content": content}], "prompt": "hello " * 200_000 + ANN}).encode()
    assert redact(body) == body.replace(ANN.encode(), ANN_TOKEN.encode())
