"""Guarding answers: in every dialect, whole and streamed, for every way a stream is cut."""

import json
import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from extproc.apischema.endpoints import CHAT, EMBEDDINGS, MESSAGES, RESPONSES, Endpoint
from extproc.errors import UpstreamError
from extproc.guardrails.channel import Channel, Pace
from extproc.guardrails.engine import AnswerRules, Guardrails
from extproc.guardrails.rule import Action, Mode, PatternRule, Rule, SchemaRule, SecretRule, ToolRule, WordRule
from extproc.guardrails.stream import GuardedStream, guarded
from extproc.guardrails.verdict import ContentFiltered, Count, Tally
from extproc.privacy.detect.span import Span
from extproc.privacy.restore import Escaping, Tokens
from extproc.privacy.restore_stream import restored
from extproc.wire.json_object import parse_object
from tests.privacy.redaction_fakes import ANN, ANN_TOKEN, Unchanged, vault
from tests.privacy.restored_streams import DIALECTS, Dialect, chunk, documents, event

REDACT = WordRule(name="falcon", denied=("project falcon",), action=Action.REDACT)
BLOCK = PatternRule(name="case", pattern="CASE-[0-9]{4}", length=12)
RULES = Guardrails([REDACT, BLOCK, ToolRule(name="tools", allowed=frozenset({"get_*"}))]).answer({})
PACE = Pace(8)
TEXT = 'Well, {"a": 1}, the Project  Falcon and the projected falcon are late.'
MASKED = 'Well, {"a": 1}, the <falcon> and the projected falcon are late.'

each_dialect = pytest.mark.parametrize("dialect", DIALECTS.values(), ids=DIALECTS.keys())


def rules(*given: Rule, **fields: Any) -> AnswerRules:
    return Guardrails(given).answer(parse_object(json.dumps(fields).encode()))


def guard(
    stream: bytes, endpoint: Endpoint, given: AnswerRules = RULES, size: int = 0, tally: Tally | None = None
) -> bytes:
    response = guarded(Unchanged(), given, tally or Tally(), endpoint, pace=PACE, streamed=True)
    size = size or len(stream)
    pieces = [stream[at : at + size] for at in range(0, len(stream), size)]
    return b"".join([response.feed(piece) for piece in pieces] + [response.finish()])


def whole(body: Any, endpoint: Endpoint = CHAT, given: AnswerRules = RULES) -> bytes:
    response = guarded(Unchanged(), given, Tally(), endpoint, streamed=False)
    return response.feed(json.dumps(body).encode()) + response.finish()


def pieces_of(text: str, dialect: Dialect, size: int = 5) -> list[tuple[str, str]]:
    return [(channel, text[at : at + size]) for at in range(0, len(text), size) for channel in dialect.channels]


@each_dialect
class TestEveryChannel:
    def test_what_is_to_be_redacted_is_masked(self, dialect: Dialect) -> None:
        stream = dialect.stream(pieces_of(TEXT, dialect))
        assert dialect.read(documents(guard(stream, dialect.endpoint))) == dict.fromkeys(dialect.channels, MASKED)

    def test_the_bytes_may_be_cut_anywhere(self, dialect: Dialect) -> None:
        stream = dialect.stream(pieces_of(TEXT, dialect, 20))
        expected = guard(stream, dialect.endpoint)
        for size in (1, 2, 7, 100):
            assert guard(stream, dialect.endpoint, size=size) == expected
        for line_end in (b"\r\n", b"\r"):
            other = stream.replace(b"\n", line_end)
            for size in (1, 7, len(other)):
                out = guard(other, dialect.endpoint, size=size)
                assert dialect.read(documents(out)) == dict.fromkeys(dialect.channels, MASKED)

    def test_what_is_to_be_blocked_ends_the_stream(self, dialect: Dialect) -> None:
        for channel in dialect.channels:
            stream = dialect.stream([(channel, "a long beginning that is harmless, CA"), (channel, "SE-1234 end")])
            out = guard(stream, dialect.endpoint)
            error = documents(out)[-1]["error"]
            assert (error["code"], error["rule"]) == ("content_filter", "case")
            assert b"CA" not in out.partition(b'"error"')[0]
            assert b'finish_reason":"stop' not in out
            assert out.endswith(dialect.endpoint.dialect.event(ContentFiltered("case", "answer"))[-20:])

    def test_nothing_follows_a_refusal(self, dialect: Dialect) -> None:
        channel = next(iter(dialect.channels))
        response = guarded(Unchanged(b"rest"), RULES, Tally(), dialect.endpoint, pace=PACE, streamed=True)
        first = response.feed(dialect.piece(channel, "CASE-1234 and more than a window of text"))
        assert b"content_filter" in first
        assert response.feed(dialect.piece(channel, "harmless")) == b""
        assert response.finish() == b""
        assert isinstance(response, GuardedStream)
        assert response.refused

    def test_a_stream_that_is_cut_off_loses_nothing(self, dialect: Dialect) -> None:
        stream = b"".join(dialect.piece(*piece) for piece in pieces_of(TEXT, dialect))
        texts = dialect.read(documents(guard(stream, dialect.endpoint)))
        assert texts == dict.fromkeys(dialect.channels, MASKED)

    def test_without_rules_for_texts_events_stay_the_same_bytes(self, dialect: Dialect) -> None:
        stream = dialect.stream(pieces_of(TEXT, dialect))
        assert guard(stream, dialect.endpoint, rules(ToolRule(name="t", allowed=frozenset()))) == stream

    def test_values_of_the_callers_own_set_nothing_off(self, dialect: Dialect) -> None:
        kept = vault()
        kept.placeholder(ANN, "EMAIL_ADDRESS")
        leaks = SecretRule(name="s", find=lambda text: [Span(text.find(ANN), 99, "S")] if ANN in text else [])
        inner = guarded(Unchanged(), rules(leaks), Tally(), dialect.endpoint, pace=PACE, streamed=True)
        outer = restored(inner, Tokens(kept), dialect.endpoint, Escaping.NONE, streamed=True)
        stream = dialect.stream([(channel, f"to {ANN_TOKEN}!") for channel in dialect.channels])
        out = outer.feed(stream) + outer.finish()
        assert dialect.read(documents(out)) == dict.fromkeys(dialect.channels, f"to {ANN}!")


class TestChannel:
    def channel(self, given: AnswerRules = RULES, *, is_json: bool = False) -> Channel:
        return Channel(given, Tally(), PACE, is_json=is_json, is_answer=True)

    @settings(max_examples=60, deadline=None)
    @given(
        st.lists(
            st.sampled_from(["project falcon", "project ", "falcon", " x ", "CASE-12", "CASE-1", "34", "é\u200b"]),
            max_size=30,
        ),
        st.integers(1, 40),
    )
    def test_however_a_text_is_cut_it_is_treated_the_same(self, pieces: list[str], size: int) -> None:
        text = "".join(pieces)
        cut, at_once = self.outcome(text, size), self.outcome(text, max(1, len(text)))
        assert cut == at_once

    def outcome(self, text: str, size: int) -> tuple[str, bool]:
        """What went, and whether the rest was refused."""
        channel = self.channel()
        out = ""
        try:
            for at in range(0, len(text), size):
                out += channel.feed(text[at : at + size])
                assert channel.held < PACE.window + RULES.reach
            return out + channel.finish(), False
        except ContentFiltered:
            # What went before in the same piece of text depends on the piece; that nothing bad went does not.
            assert "CASE-12341" not in out
            return "", True

    @settings(max_examples=80, deadline=None)
    @given(
        st.lists(
            st.sampled_from(["project falcon", "Project ", "falcon", " x", "projectfalcon", ", ", "ö"]), max_size=40
        ),
        st.integers(1, 40),
        st.integers(1, 30),
    )
    def test_in_windows_the_same_is_masked_as_in_the_whole(self, pieces: list[str], size: int, window: int) -> None:
        text = "".join(pieces)
        channel = Channel(rules(REDACT), Tally(), Pace(window), is_json=False, is_answer=False)
        out = "".join(channel.feed(text[at : at + size]) for at in range(0, len(text), size)) + channel.finish()
        assert out == re.sub(r"(?i)(?<![a-zö])project\s+falcon(?![a-zö])", "<falcon>", text)

    def test_what_cannot_be_a_part_of_anything_goes(self) -> None:
        channel = self.channel()
        assert channel.feed("x" * (PACE.window + RULES.reach - 1)) == ""
        assert channel.feed("x") == "x" * PACE.window

    def test_what_was_let_go_is_context(self) -> None:
        channel = self.channel(rules(WordRule(name="w", denied=("cat",), action=Action.REDACT)))
        assert channel.feed("con") + channel.feed("cat" * 20) + channel.finish() == "con" + "cat" * 20

    def test_a_mask_that_would_break_json_is_a_refusal(self) -> None:
        given = rules(PatternRule(name="p", pattern='"key": *"[a-z]+', action=Action.REDACT))
        channel = self.channel(given, is_json=True)
        with pytest.raises(ContentFiltered):
            channel.feed('{"key": "abc"}') + channel.finish()
        plain = self.channel(given)
        assert plain.feed('{"key": "abc"}') + plain.finish() == '{<p>"}'

    def test_shadow_is_counted_and_does_nothing(self) -> None:
        tally = Tally()
        given = rules(WordRule(name="w", denied=("cat",), mode=Mode.SHADOW))
        channel = Channel(given, tally, PACE, is_json=False, is_answer=True)
        assert channel.feed("a cat and a cat") + channel.finish() == "a cat and a cat"
        assert tally.counts == {Count("w", Action.BLOCK, True): 2}

    def test_what_lies_across_windows_is_counted_once(self) -> None:
        tally = Tally()
        given = rules(WordRule(name="w", denied=("cat",), action=Action.OBSERVE))
        channel = Channel(given, tally, Pace(2), is_json=False, is_answer=True)
        assert channel.feed("a cat, one cat" + " " * 40) + channel.finish() == "a cat, one cat" + " " * 40
        assert tally.counts == {Count("w", Action.OBSERVE, False): 2}

    def test_a_window_has_a_size(self) -> None:
        with pytest.raises(ValueError, match="at least one"):
            Pace(0)


class TestTools:
    def test_a_tool_that_is_not_allowed_is_refused_when_it_is_named(self) -> None:
        call = {"index": 0, "id": "c", "type": "function", "function": {"name": "drop", "arguments": ""}}
        item = {"type": "function_call", "name": "drop", "arguments": ""}
        block = {"type": "tool_use", "id": "t", "name": "drop", "input": {}}
        for endpoint, stream in (
            (CHAT, chunk(0, {"tool_calls": [call]})),
            (MESSAGES, event("content_block_start", index=0, content_block=block)),
            (RESPONSES, event("response.output_item.added", output_index=0, item=item)),
        ):
            assert documents(guard(stream, endpoint))[0]["error"]["rule"] == "tools"
            allowed = stream.replace(b"drop", b"get_x")
            assert guard(allowed, endpoint) == allowed

    def test_a_chunk_that_names_none_is_no_call(self) -> None:
        stream = chunk(0, {"tool_calls": [{"index": 0, "function": {"name": "", "arguments": ""}}]})
        assert guard(stream, CHAT) == stream

    def test_in_whole_answers(self) -> None:
        call = {"id": "c", "type": "function", "function": {"name": "drop", "arguments": "{}"}}
        for endpoint, body in (
            (CHAT, {"choices": [{"message": {"content": None, "tool_calls": [call]}}]}),
            (MESSAGES, {"content": [{"type": "tool_use", "name": "drop", "input": {}}]}),
            (RESPONSES, {"output": [{"type": "function_call", "name": "drop", "arguments": "{}"}]}),
            (RESPONSES, {"output": [{"type": "web_search_call"}]}),
        ):
            with pytest.raises(ContentFiltered):
                whole(body, endpoint)


class TestWholeAnswers:
    def test_a_mask_in_the_text_and_in_arguments(self) -> None:
        call = {"id": "c", "type": "function", "function": {"name": "get_x", "arguments": '{"q": "project falcon"}'}}
        body = {"choices": [{"message": {"content": TEXT, "tool_calls": [call]}, "logprobs": {"content": []}}]}
        answer = json.loads(whole(body))
        message = answer["choices"][0]["message"]
        assert message["content"] == MASKED
        assert json.loads(message["tool_calls"][0]["function"]["arguments"]) == {"q": "<falcon>"}
        assert "logprobs" not in answer["choices"][0]

    def test_what_is_harmless_is_the_same_bytes(self) -> None:
        assert whole({"choices": [{"message": {"content": "ok"}, "x": 1.0}]}) == (
            b'{"choices": [{"message": {"content": "ok"}, "x": 1.0}]}'
        )

    def test_what_is_to_be_blocked_is_raised(self) -> None:
        with pytest.raises(ContentFiltered, match="'case'"):
            whole({"content": [{"type": "text", "text": "CASE-1234"}]}, MESSAGES)

    def test_endpoints_that_do_not_speak(self) -> None:
        assert whole({"output": 5, "data": []}, EMBEDDINGS) == b'{"output": 5, "data": []}'

    @pytest.mark.parametrize("body", [b"<html>", b'{"choices": 5}', b""])
    def test_what_cannot_be_read_is_not_passed(self, body: bytes) -> None:
        response = guarded(Unchanged(body), RULES, Tally(), CHAT, streamed=False)
        with pytest.raises(UpstreamError):
            response.finish()

    def test_without_rules_there_is_no_guard(self) -> None:
        inner = Unchanged()
        assert guarded(inner, rules(), Tally(), CHAT, streamed=False) is inner


SCHEMA = {"type": "object", "required": ["a"]}


class TestSchemas:
    ASKED = (
        (CHAT, {"response_format": {"type": "json_schema", "json_schema": {"name": "x", "schema": SCHEMA}}}),
        (MESSAGES, {"output_config": {"format": {"type": "json_schema", "schema": SCHEMA}}}),
        (RESPONSES, {"text": {"format": {"type": "json_schema", "name": "x", "schema": SCHEMA}}}),
    )

    @pytest.mark.parametrize(("endpoint", "fields"), ASKED)
    def test_what_the_request_asked_for(self, endpoint: Endpoint, fields: dict[str, Any]) -> None:
        given = rules(SchemaRule(name="form"), **fields)
        for text, refused in (('{"a": 1}', False), ('{"b": 1}', True), ("no JSON", True)):
            body = {
                CHAT: {"choices": [{"message": {"content": text}}]},
                MESSAGES: {"content": [{"type": "thinking", "thinking": "hm"}, {"type": "text", "text": text}]},
                RESPONSES: {"output": [{"type": "message", "content": [{"type": "output_text", "text": text}]}]},
            }[endpoint]
            if refused:
                with pytest.raises(ContentFiltered, match="'form'"):
                    whole(body, endpoint, given)
            else:
                assert json.loads(whole(body, endpoint, given)) == body

    def test_in_a_stream_the_verdict_comes_at_the_end(self) -> None:
        given = rules(SchemaRule(name="form", schema=SCHEMA))
        good = chunk(0, {"content": '{"a"'}) + chunk(0, {"content": ": 1}"}) + chunk(0, {}, "stop")
        assert guard(good, CHAT, given) == good
        bad = documents(guard(good.replace(b": 1}", b": 1]"), CHAT, given))
        assert bad[-1]["error"]["rule"] == "form"
        assert len(bad) == 3

    def test_json_that_is_not_asked_for_is_not_checked(self) -> None:
        body = {"choices": [{"message": {"content": "hello"}}]}
        assert json.loads(whole(body, CHAT, rules(SchemaRule(name="form")))) == body
        asked = {"response_format": {"type": "json_object"}}
        with pytest.raises(ContentFiltered):
            whole(body, CHAT, rules(SchemaRule(name="form"), **asked))

    def test_a_configured_schema_that_is_none(self) -> None:
        with pytest.raises(ValueError, match="'form'"):
            Guardrails([SchemaRule(name="form", schema={"type": "nothing"})])


class TestEvents:
    def test_the_chunk_that_ends_a_choice_keeps_texts_in_order(self) -> None:
        stream = chunk(0, {"content": "the project "}) + chunk(0, {"content": "falcon!"}, "stop")
        found = documents(guard(stream, CHAT))
        assert "".join(one["choices"][0]["delta"].get("content", "") for one in found) == "the <falcon>!"
        assert [one["choices"][0]["finish_reason"] for one in found] == [None, None, None, "stop"]

    def test_log_probabilities_do_not_give_away_what_is_held_back(self) -> None:
        data = {
            "id": "c",
            "choices": [{"index": 0, "delta": {"content": "x"}, "logprobs": {"content": [{"token": "x"}]}}],
        }
        (found, *_) = documents(guard(b"data: " + json.dumps(data).encode() + b"\n\n", CHAT))
        assert found["choices"][0]["logprobs"] is None

    def test_annotations_and_signed_thoughts_come_whole(self) -> None:
        note = {"type": "url_citation", "url_citation": {"url": "https://x.example", "title": "Project Falcon"}}
        signed = {"type": "thinking", "thinking": "hm", "signature": "s"}
        stream = chunk(0, {"annotations": [note]}) + chunk(0, {"thinking_blocks": [signed]})
        first, second = documents(guard(stream, CHAT))
        assert first["choices"][0]["delta"]["annotations"][0]["url_citation"]["title"] == "<falcon>"
        assert second["choices"][0]["delta"]["thinking_blocks"] == [signed]

    def test_comments_and_pings_pass(self) -> None:
        stream = b": keep-alive\n\n" + event("ping")
        assert guard(stream, MESSAGES) == stream

    def test_what_cannot_be_read_is_left_out(self) -> None:
        good = chunk(0, {"role": "assistant"})
        assert guard(b"data: {oops CASE-1234\n\n" + good, CHAT) == good

    def test_the_error_of_responses_has_the_next_number(self) -> None:
        stream = event("response.created", sequence_number=0, response={"output": []})
        stream += event("response.output_text.delta", sequence_number=1, output_index=0, delta="CASE-1234" + " " * 30)
        assert documents(guard(stream, RESPONSES))[-1]["sequence_number"] == 1

    def test_what_repeats_is_counted_once(self) -> None:
        dialect, tally = DIALECTS["responses"], Tally()
        guard(dialect.stream([("1", TEXT)]), dialect.endpoint, tally=tally)
        assert tally.counts == {Count("falcon", Action.REDACT, False): 1}
