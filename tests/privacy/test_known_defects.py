"""Defects that gateways are known for, each from the caller's request to what the caller gets back."""

import json
from typing import Any

from extproc.apischema.endpoints import CHAT, MESSAGES, RESPONSES
from extproc.privacy.apply import Policy
from extproc.privacy.restore import Escaping, Tokens
from extproc.privacy.restore_stream import restored
from extproc.privacy.vault import Vault
from extproc.privacy.walk import redact_body
from tests.privacy.redaction_fakes import Unchanged, find, vault
from tests.privacy.restored_streams import DIALECTS, chunk, documents, event, restore

ALICE, BOB = "alice@example.org", "bob@example.org"


def exchange(*contents: str) -> tuple[list[str], Vault]:
    """What the model gets to read of each message, and the vault."""
    one = vault()
    body = json.dumps({"messages": [{"role": "user", "content": content} for content in contents]}).encode()
    messages = json.loads(redact_body(body, find, Policy(), one).body)["messages"]
    return [message["content"] for message in messages], one


def test_two_messages_do_not_share_placeholders() -> None:
    (alice, bob), one = exchange(ALICE, BOB)
    assert alice != bob
    assert Tokens(one).restore(f"{alice}, {bob}") == f"{ALICE}, {BOB}"


def test_a_placeholder_split_over_two_messages_events_is_restored() -> None:
    (bob,), one = exchange(BOB)
    pieces = [("1", f"Hi {bob[:5]}"), ("1", f"{bob[5:]}!")]
    out = restore(MESSAGES, [DIALECTS["messages"].stream(pieces)], Tokens(one))
    assert DIALECTS["messages"].read(documents(out)) == {"1": f"Hi {BOB}!"}


def test_restored_tool_arguments_are_json() -> None:
    value = 'C:\\new "x"\n\t☃ ' + "\x01"
    one = vault()
    token = one.placeholder(value, "PERSON")
    arguments = f'{{"path": "{token}"}}'
    answer = json.dumps({"choices": [{"message": {"tool_calls": [{"function": {"arguments": arguments}}]}}]}).encode()
    response = restored(Unchanged(), Tokens(one), CHAT, Escaping.NONE, streamed=False)
    whole = json.loads(response.feed(answer) + response.finish())
    assert json.loads(whole["choices"][0]["message"]["tool_calls"][0]["function"]["arguments"]) == {"path": value}
    for name, channel in (("chat", "0 call 0"), ("messages", "2"), ("responses", "2")):
        dialect = DIALECTS[name]
        stream = dialect.stream((channel, char) for char in arguments)
        texts = dialect.read(documents(restore(dialect.endpoint, [stream], Tokens(one))))
        assert json.loads(texts[channel]) == {"path": value}


def test_a_placeholder_cut_off_is_nobodys_address() -> None:
    (alice, _), one = exchange(ALICE, BOB)
    tokens = Tokens(one)
    stream = chunk(0, {"content": f"to {alice[:-1]}"}) + chunk(0, {}, "length")
    assert DIALECTS["chat"].read(documents(restore(CHAT, [stream], tokens))) == {"0 content": f"to {alice[:-1]}"}
    assert (tokens.found.restored, tokens.found.cut_off) == (0, 1)


def test_a_stream_stays_a_stream() -> None:
    (alice,), one = exchange(ALICE)
    response = restored(Unchanged(), Tokens(one), CHAT, Escaping.NONE, streamed=True)
    texts = ["Hello, ", "this ", "is ", f"{alice[:4]}", f"{alice[4:]} ", "speaking"]
    frames = [response.feed(chunk(0, {"content": text})) for text in texts]
    got = [documents(frame)[0]["choices"][0]["delta"]["content"] for frame in frames]
    assert got == ["Hello, ", "this ", "is ", "", f"{ALICE} ", "speaking"]


def test_every_delta_is_restored_and_not_the_last_event_alone() -> None:
    (alice,), one = exchange(ALICE)
    for name, channels in (("responses", ("0", "1", "2", "3", "4")), ("messages", ("0", "1", "2"))):
        dialect = DIALECTS[name]
        stream = dialect.stream([(channel, f'"{alice}"') for channel in channels])
        out = documents(restore(dialect.endpoint, [stream], Tokens(one)))
        assert dialect.read(out) == dict.fromkeys(channels, f'"{ALICE}"')
        assert alice not in json.dumps(out)


def test_tool_input_and_thinking_of_a_whole_message_are_restored() -> None:
    (alice,), one = exchange(ALICE)
    blocks: list[dict[str, Any]] = [
        {"type": "thinking", "thinking": alice, "signature": "c2ln"},
        {"type": "tool_use", "id": "t", "name": "mail", "input": {"to": [alice]}},
    ]
    response = restored(Unchanged(), Tokens(one), MESSAGES, Escaping.NONE, streamed=False)
    whole = json.loads(response.feed(json.dumps({"content": blocks}).encode()) + response.finish())
    assert whole["content"][0] == {**blocks[0], "thinking": ALICE}
    assert whole["content"][1]["input"] == {"to": [ALICE]}


def test_a_conversation_keeps_its_placeholders_from_turn_to_turn() -> None:
    (first,), one = exchange(f"I am {ALICE}")
    answer = Tokens(one).restore(f"Hello {first[5:]}")
    again = exchange(f"I am {ALICE}", answer, "and now?")[0]
    assert again == [first, f"Hello {first[5:]}", "and now?"]


def test_tool_results_are_redacted() -> None:
    body = b'{"messages":[{"role":"tool","content":"alice@example.org"}]}'
    assert ALICE.encode() not in redact_body(body, find, Policy(), vault()).body


def test_another_exchange_restores_nothing_of_this_one() -> None:
    (alice,), _ = exchange(ALICE)
    _, other = exchange(BOB)
    out = restore(RESPONSES, [event("response.output_text.delta", output_index=0, delta=alice)], Tokens(other))
    assert documents(out)[0]["delta"] == alice


def test_a_prompt_made_of_placeholders_comes_back_as_it_was() -> None:
    (alice,), _ = exchange(ALICE)
    written = f"{alice} {alice.lower()} EMAILADDRESS0000000000 <PERSON_1> {ALICE}"
    (sent,), one = exchange(written)
    assert sent.startswith(written[: -len(ALICE)])
    assert sent.count(alice) == 1
    assert Tokens(one).restore(sent) == written
