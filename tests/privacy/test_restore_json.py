"""Restoring whole answers."""

import json
from typing import Any

import pytest

from extproc.privacy.restore import Escaping, Tokens
from extproc.privacy.restore_json import restore_document
from extproc.privacy.restore_stream import RestoredWhole, text_escaping
from extproc.privacy.vault import Vault
from extproc.wire.json_object import parse_object
from tests.privacy.redaction_fakes import ANN, ANN_TOKEN, BOB, Unchanged, vault


def filled() -> Vault:
    one = vault()
    one.placeholder(ANN, "EMAIL_ADDRESS")
    one.placeholder(BOB, "PERSON")
    return one


VAULT = filled()
BOB_TOKEN = list(VAULT.values)[1]
TEXT = f"{ANN_TOKEN} and {BOB_TOKEN}"
RESTORED = f"{ANN} and {BOB}"
ARGS, RESTORED_ARGS = json.dumps({"to": TEXT, BOB_TOKEN: 1}), {"to": RESTORED, BOB: 1}


def restored(document: Any) -> Any:
    return json.loads(restore_document(json.dumps(document).encode(), Tokens(VAULT)))


@pytest.mark.parametrize(
    "document",
    [
        {
            "choices": [
                {"message": {"content": TEXT, "refusal": TEXT, "reasoning_content": TEXT}},
                {"message": {"content": TEXT}},
            ]
        },
        {"choices": [{"message": {"thinking_blocks": [{"type": "thinking", "thinking": TEXT, "signature": "c2ln"}]}}]},
        {"choices": [{"message": {"annotations": [{"url_citation": {"title": TEXT, "url": TEXT}}]}}]},
        {"choices": [{"text": TEXT}]},
        {
            "content": [
                {"type": "text", "text": TEXT, "citations": [{"cited_text": TEXT}]},
                {"type": "thinking", "thinking": TEXT},
            ]
        },
        {"content": [{"type": "tool_use", "input": {"to": [TEXT, {"arguments": TEXT}], BOB_TOKEN: TEXT}}]},
        {
            "output": [
                {
                    "type": "message",
                    "content": [{"type": "output_text", "text": TEXT}, {"type": "refusal", "refusal": TEXT}],
                }
            ]
        },
        {"output": [{"type": "reasoning", "summary": [{"text": TEXT}], "content": [{"text": TEXT}]}]},
        {"output": [{"type": "custom_tool_call", "input": TEXT}], "instructions": TEXT, "metadata": {"x": TEXT}},
    ],
)
def test_every_text_is_restored(document: Any) -> None:
    text = json.dumps(document).replace(json.dumps(TEXT), json.dumps(RESTORED))
    assert restored(document) == json.loads(text.replace(json.dumps(BOB_TOKEN), json.dumps(BOB)))


@pytest.mark.parametrize(
    ("document", "path"),
    [
        ({"choices": [{"message": {"tool_calls": [{"function": {"arguments": ARGS}}]}}]}, "chat"),
        ({"choices": [{"message": {"function_call": {"arguments": ARGS}}}]}, "legacy"),
        ({"output": [{"type": "function_call", "arguments": ARGS}]}, "responses"),
    ],
)
def test_arguments_stay_json(document: Any, path: str) -> None:
    found: list[Any] = []
    text = restore_document(json.dumps(document).encode(), Tokens(VAULT))
    json.loads(text, object_hook=lambda fields: found.append(fields.get("arguments")))
    assert [json.loads(one) for one in found if one is not None] == [RESTORED_ARGS]


def test_signatures_and_log_probabilities_stay() -> None:
    document = {"signature": ANN_TOKEN, "logprobs": {"content": [{"token": ANN_TOKEN}]}}
    assert restored(document) == document


def test_only_the_strings_concerned_are_other_bytes() -> None:
    document = b'{ "a": 1.0, "b":1e400, "c": "%b", "d":"\\/" }'
    assert restore_document(document % ANN_TOKEN.encode(), Tokens(VAULT)) == document % ANN.encode()


@pytest.mark.parametrize(
    "document", [b"", b"null", b'{"a":"hello"}', b'{"a":"EMAILADDRESS0000000000"}', b"EMAIL]]", b'"EM\\q"']
)
def test_what_holds_no_token_is_the_very_bytes_given(document: bytes) -> None:
    assert restore_document(document, Tokens(VAULT)) is document


def test_an_answer_asked_for_in_json_stays_json() -> None:
    document = json.dumps({"choices": [{"message": {"content": json.dumps({"to": BOB_TOKEN})}}]}).encode()
    response = RestoredWhole(Unchanged(), Tokens(VAULT), Escaping.JSON)
    assert response.feed(document[:40]) == response.feed(document[40:]) == b""
    assert json.loads(json.loads(response.finish())["choices"][0]["message"]["content"]) == {"to": BOB}
    assert response.outcome == "its outcome"


@pytest.mark.parametrize(
    ("fields", "escaping"),
    [
        ({}, Escaping.NONE),
        (
            {"response_format": {"type": "text"}, "text": {"format": {"type": "text"}}, "output_config": {}},
            Escaping.NONE,
        ),
        ({"response_format": None, "text": None}, Escaping.NONE),
        ({"response_format": "nonsense"}, Escaping.NONE),
        ({"response_format": {"type": "json_object"}}, Escaping.JSON),
        ({"response_format": {"type": "json_schema", "json_schema": {}}}, Escaping.JSON),
        ({"text": {"format": {"type": "json_schema"}, "verbosity": "low"}}, Escaping.JSON),
        ({"output_config": {"format": {"type": "json_schema"}}}, Escaping.JSON),
    ],
)
def test_when_an_answer_is_to_be_json(fields: Any, escaping: Escaping) -> None:
    assert text_escaping(parse_object(json.dumps(fields).encode())) is escaping


def test_halves_of_surrogates_do_not_stop_anything() -> None:
    tokens = Tokens(VAULT)
    answer = f'{{"choices":[{{"message":{{"content":"\\ud83d then {ANN_TOKEN}","refusal":"{ANN_TOKEN}"}}}}]}}'
    after = restore_document(answer.encode(), tokens)
    assert after == answer.replace(ANN_TOKEN, ANN).encode()
    assert tokens.found.restored == 2


def test_a_string_that_cannot_be_read_stops_only_itself_and_is_counted() -> None:
    tokens = Tokens(VAULT)
    answer = b'{"a":"\xff %b","b":"\\q %b","c":"%b"}' % ((ANN_TOKEN.encode(),) * 3)
    after = b'{"a":"\xff %b","b":"\\q %b","c":"%b"}' % (ANN_TOKEN.encode(), ANN_TOKEN.encode(), ANN.encode())
    assert restore_document(answer, tokens) == after
    assert (tokens.found.restored, tokens.found.cut_off) == (1, 2)
