"""Services on answers: in every dialect, whole and in windows of a stream, for every way a stream is cut."""

import asyncio
import json
from typing import Any

import pytest

from extproc.apischema.endpoints import CHAT, EMBEDDINGS, MESSAGES, RESPONSES, Endpoint
from extproc.clients.judge import Replacement
from extproc.errors import UpstreamError
from extproc.guardrails.engine import Guardrails
from extproc.guardrails.judged import JudgedStream, JudgedWhole
from extproc.guardrails.judged_texts import Windows
from extproc.guardrails.remote import Inquiry, OnFailure, RemoteRule, Said, Service
from extproc.guardrails.rule import Action, Mode, Phase, WordRule
from extproc.guardrails.stream import GuardedStream, guarded
from extproc.guardrails.verdict import ContentFiltered, Count, Tally
from extproc.privacy.restore import Escaping
from tests.guardrails.judges import FakeJudge, settled
from tests.privacy.redaction_fakes import Unchanged
from tests.privacy.restored_streams import DIALECTS, Dialect, chunk, documents, event

BLOCK = RemoteRule(name="judge", phase=Phase.RESPONSE)
REDACT = RemoteRule(name="judge", phase=Phase.RESPONSE, action=Action.REDACT)
FALCON = Replacement("Falcon", "PROJECT")
TEXT = "All is well with Falcon and so on, and it will be."
WINDOWS = Windows(20, 8)

each_dialect = pytest.mark.parametrize("dialect", DIALECTS.values(), ids=DIALECTS.keys())


def inquiry(*services: Service, tally: Tally | None = None) -> Inquiry:
    def hear(rule: RemoteRule, said: Said) -> None:
        if tally is not None and said.verdict is not None:
            tally.add([said.verdict])

    return Inquiry(services, Phase.RESPONSE, {"model": "m"}, hear)


class Stream:
    """A stream past one service; `out` is what has gone."""

    def __init__(
        self,
        endpoint: Endpoint,
        judge: FakeJudge,
        rule: RemoteRule = BLOCK,
        windows: Windows = WINDOWS,
        by: float | None = None,
        local: GuardedStream[Any] | None = None,
    ) -> None:
        self.tally = Tally()
        self.inquiry = inquiry(Service(rule, judge), tally=self.tally)
        self.local = local
        self.judged = JudgedStream(
            self.inquiry, endpoint, Escaping.NONE, windows, lambda: local is not None and local.refused, by
        )
        self.out = b""

    async def feed(self, data: bytes, *, last: bool = False) -> bytes:
        came = data if self.local is None else self.local.feed(data)
        went = await self.judged.feed(came, last=last)
        self.out += went
        await settled()
        return went

    async def all(self, stream: bytes, size: int = 0) -> bytes:
        size = size or len(stream)
        for at in range(0, len(stream), size):
            await self.feed(stream[at : at + size])
        await self.feed(b"", last=True)
        return self.out


def pieces_of(text: str, dialect: Dialect, size: int = 5) -> list[tuple[str, str]]:
    """The text in every channel, one after the other, as models write."""
    return [(channel, text[at : at + size]) for channel in dialect.channels for at in range(0, len(text), size)]


PIECES = ("All is well ", "so far, is it", " not?")


def short(dialect: Dialect) -> bytes:
    """A stream that is cut everywhere."""
    first, second = list(dialect.channels)[:2]
    return dialect.stream([*((first, text) for text in PIECES), (second, "Yes.")])


def says(text: str, finish: str | None = None) -> bytes:
    return chunk(0, {"content": text}, finish)


def content(stream: bytes) -> str:
    return "".join(choice["delta"].get("content", "") for one in documents(stream) for choice in one.get("choices", ()))


@each_dialect
class TestEveryDialect:
    async def test_what_is_allowed_is_the_same_bytes(self, dialect: Dialect) -> None:
        stream = dialect.stream(pieces_of(TEXT, dialect))
        for size in (0, 97, 1000):
            assert await Stream(dialect.endpoint, FakeJudge()).all(stream, size) == stream

    async def test_wherever_it_is_cut_nothing_goes_before_its_verdict(self, dialect: Dialect) -> None:
        stream = short(dialect)
        for cut in range(len(stream) + 1):
            judge = FakeJudge()
            judge.hold()
            made = Stream(dialect.endpoint, judge)
            await made.feed(stream[:cut])
            await made.feed(stream[cut:])
            assert dialect.read(documents(made.out)) == {}
            await judge.answer(99)
            await made.feed(b"", last=True)
            assert made.out == stream

    async def test_byte_by_byte_only_what_was_judged_goes(self, dialect: Dialect) -> None:
        stream, judge = short(dialect), FakeJudge()
        made = Stream(dialect.endpoint, judge)
        for at in range(len(stream)):
            if await made.feed(stream[at : at + 1]):
                judged = {text for texts in judge.texts[: judge.answered] for text in texts}
                gone = [piece for piece in PIECES if json.dumps(piece).encode()[1:-1] in made.out]
                assert all(any(piece in text for text in judged) for piece in gone)
        await made.feed(b"", last=True)
        assert made.out == stream

    async def test_what_is_refused_ends_the_stream_in_its_dialect(self, dialect: Dialect) -> None:
        for channel in dialect.channels:
            made = Stream(dialect.endpoint, FakeJudge(bad="Falcon"))
            stream = dialect.stream([(channel, "All is well with us, and with "), (channel, "Fal"), (channel, "con.")])
            await made.all(stream)
            error = documents(made.out)[-1]["error"]
            assert (error["code"], error["rule"]) == ("content_filter", "judge")
            assert b"Fal" not in made.out
            assert made.out.endswith(dialect.endpoint.dialect.event(ContentFiltered("judge", "answer"))[-20:])
            assert made.judged.refused
            assert await made.feed(stream, last=True) == b""

    async def test_what_is_to_be_redacted_is_masked_everywhere(self, dialect: Dialect) -> None:
        stream = dialect.stream(pieces_of(TEXT, dialect))
        masked = "All is well with <PROJECT> and so on, and it will be."
        for size in (0, 97):
            made = Stream(dialect.endpoint, FakeJudge(redacts=(FALCON,)), REDACT)
            out = await made.all(stream, size)
            assert dialect.read(documents(out)) == dict.fromkeys(dialect.channels, masked)
            assert b"Falcon" not in out

    async def test_a_stream_that_is_cut_off_is_judged_to_its_end(self, dialect: Dialect) -> None:
        stream = b"".join(dialect.piece(channel, "so far") for channel in dialect.channels)
        judge = FakeJudge()
        assert await Stream(dialect.endpoint, judge).all(stream) == stream
        assert judge.texts == [("so far",) * len(dialect.channels)]


class TestWindows:
    async def test_they_overlap(self) -> None:
        made = Stream(CHAT, judge := FakeJudge(), windows=Windows(20, 5))
        assert await made.feed(says("abcdefghij")) == b""
        assert await made.feed(says("klmnopqrst")) == b""
        assert judge.texts == [("abcdefghijklmnopqrst",)]
        assert await made.feed(says("uvwxyz0123")) == says("abcdefghij")
        assert await made.feed(says("456789ABCD")) == b""
        assert judge.texts[1:] == [("pqrstuvwxyz0123456789ABCD",)]
        assert await made.feed(says("!", "stop")) == says("klmnopqrst") + says("uvwxyz0123")
        assert judge.texts[2:] == [("9ABCD!",)]
        assert await made.feed(b"", last=True) == says("456789ABCD") + says("!", "stop")
        assert [(one.phase, one.metadata) for one in judge.asked[:1]] == [("response", {"model": "m"})]

    async def test_a_word_across_two_is_seen_whole_before_any_of_it_has_gone(self) -> None:
        text = f"{'x' * 30}Falcon{'y' * 30}"
        for start in range(10, 31):
            made = Stream(CHAT, judge := FakeJudge(bad="Falcon"), windows=Windows(16, 6))
            for at in range(start, len(text)):
                await made.feed(says(text[at]))
            assert any("Falcon" in one for (one,) in judge.texts)
            assert "F" not in content(made.out)
            assert content(made.out) == "x" * len(content(made.out))

    async def test_services_are_asked_while_the_stream_goes_on(self) -> None:
        judge = FakeJudge()
        judge.hold()
        made = Stream(CHAT, judge, windows=Windows(4, 1))
        for number in range(5):
            assert await made.feed(says(f"abc{number}")) == b""
        assert judge.texts == [("abc0",), ("0abc1",), ("1abc2",), ("2abc3",), ("3abc4",)]
        await judge.answer(2)
        assert await made.feed(b"") == says("abc0")
        await judge.answer(4)
        assert await made.feed(says("d")) == says("abc1") + says("abc2")

    async def test_a_verdict_waits_for_those_before_it(self) -> None:
        first, second = FakeJudge(), FakeJudge()
        first.hold()
        asking = inquiry(Service(BLOCK, first), Service(BLOCK, second))
        judged = JudgedStream(asking, CHAT, Escaping.NONE, Windows(4, 0), lambda: False)
        await judged.feed(says("abcd"), last=False)
        await settled()
        assert second.answered == 1
        assert await judged.feed(says("efgh"), last=False) == b""
        await first.answer(1)
        assert await judged.feed(b"", last=False) == says("abcd")
        asking.close()

    async def test_too_much_that_waits_makes_the_stream_wait(self) -> None:
        judge = FakeJudge()
        judge.hold()
        made = Stream(CHAT, judge, windows=Windows(4, 2, most_held=400))
        await made.feed(says("abcd"))
        await made.feed(says("ef"))
        waiting = asyncio.create_task(made.feed(says("g")))
        await settled()
        assert not waiting.done()
        assert judge.texts == [("abcd",), ("cdef",), ("efg",)]
        await judge.answer(1)
        assert not waiting.done()
        await judge.answer(2)
        assert await waiting == says("abcd")
        await judge.answer(3)
        assert await made.feed(b"") == says("ef") + says("g")

    async def test_a_text_that_goes_on_no_more_holds_nothing_up(self) -> None:
        made = Stream(CHAT, FakeJudge(), windows=Windows(8, 4))
        thought = chunk(0, {"reasoning_content": "thinking"})
        assert await made.feed(thought) == b""
        assert await made.feed(says("an answer")) == b""
        assert await made.feed(says(", yes.")) == thought
        assert await made.feed(b"") == says("an answer")

    async def test_nobody_is_asked_about_nothing(self) -> None:
        judge = FakeJudge()
        stream = chunk(0, {"role": "assistant", "content": ""}) + says(" \n ") + says("", "stop") + b"data: [DONE]\n\n"
        assert await Stream(CHAT, judge).all(stream) == stream
        assert judge.asked == []

    async def test_what_is_repeated_is_not_asked_about_again(self) -> None:
        dialect, judge = DIALECTS["responses"], FakeJudge()
        begins = event("response.created", sequence_number=0, response={"instructions": "Be bad.", "output": []})
        stream = begins + dialect.stream([("1", "All is well.")])
        assert await Stream(RESPONSES, judge).all(stream) == stream
        assert judge.texts == [("All is well.",)]

    async def test_what_no_model_wrote_is_not_asked_about(self) -> None:
        usage = {"input_tokens": 1, "inference_geo": "not_available"}
        begins = event("message_start", message={"id": "msg_1", "content": [], "usage": usage})
        chat = b'data: {"choices":[],"system_fingerprint":"fp_1"}\n\n'
        for endpoint, stream in ((MESSAGES, begins), (CHAT, chat)):
            assert await Stream(endpoint, judge := FakeJudge()).all(stream) == stream
            assert judge.asked == []

    async def test_what_comes_whole_and_new_is_asked_about(self) -> None:
        judge = FakeJudge()
        note = {"type": "url_citation", "url_citation": {"url": "https://x.example", "title": "A title"}}
        stream = says("Yes") + chunk(0, {"annotations": [note]})
        assert await Stream(CHAT, judge).all(stream) == stream
        assert judge.texts == [("Yes", "A title")]

    async def test_an_error_of_the_provider_is_no_models(self) -> None:
        judge = FakeJudge()
        stream = says("so far") + b'data: {"error":{"message":"overloaded"}}\n\n'
        assert await Stream(CHAT, judge).all(stream) == stream
        assert judge.texts == [("so far",)]

    async def test_comments_pass_and_what_cannot_be_read_does_not(self) -> None:
        stream = says("Yes") + b": keep-alive\n\n" + b"data: {oops\n\n" + b'data: {"choices": 5, "error": 1\n\n'
        assert await Stream(CHAT, FakeJudge()).all(stream) == says("Yes") + b": keep-alive\n\n"

    def test_their_overlap_is_less_than_their_size(self) -> None:
        with pytest.raises(ValueError, match="less than"):
            Windows(10, 10)


class TestWhatIsSaid:
    @pytest.mark.parametrize("on_failure", OnFailure)
    async def test_silence_is_what_the_rule_says(self, on_failure: OnFailure) -> None:
        rule = RemoteRule(name="judge", on_failure=on_failure)
        made = Stream(CHAT, FakeJudge(fails="well"), rule)
        out = await made.all(says("All is well.", "stop"))
        assert (content(out), made.judged.refused) == (
            ("All is well.", False) if on_failure is OnFailure.ALLOW else ("", True)
        )

    async def test_there_is_no_time_without_end(self) -> None:
        judge = FakeJudge()
        judge.hold()
        made = Stream(CHAT, judge, by=0.0)
        await made.all(says("All is well.", "stop"))
        assert documents(made.out)[0]["error"]["rule"] == "judge"
        await settled()
        assert judge.cancelled == 1

    @pytest.mark.parametrize(
        ("rule", "count"),
        [
            (RemoteRule(name="judge", mode=Mode.SHADOW), Count("judge", Action.BLOCK, shadow=True)),
            (RemoteRule(name="judge", action=Action.OBSERVE), Count("judge", Action.OBSERVE, shadow=False)),
        ],
        ids=["shadow", "observe"],
    )
    async def test_what_is_only_counted_passes(self, rule: RemoteRule, count: Count) -> None:
        made = Stream(CHAT, FakeJudge(bad="Falcon"), rule)
        stream = says("All is well with Falcon.", "stop")
        assert await made.all(stream) == stream
        assert made.tally.counts == {count: 1}

    async def test_a_redaction_in_shadow_changes_nothing(self) -> None:
        rule = RemoteRule(name="judge", action=Action.REDACT, mode=Mode.SHADOW)
        made = Stream(CHAT, FakeJudge(redacts=(FALCON,)), rule)
        stream = says("All is well with Falcon.", "stop")
        assert await made.all(stream) == stream
        assert made.tally.counts == {Count("judge", Action.REDACT, shadow=True): 1}

    async def test_a_mask_across_events_goes_where_it_begins(self) -> None:
        made = Stream(CHAT, FakeJudge(redacts=(FALCON,)), REDACT)
        out = await made.all(says("Yes, Fa") + says("lc") + says("on. Falcon", "stop"))
        assert [one["choices"][0]["delta"].get("content") for one in documents(out)] == [
            "Yes, <PROJECT>",
            "",
            ". <PROJECT>",
            None,
        ]

    async def test_a_mask_that_would_break_json_is_a_refusal(self) -> None:
        made = Stream(CHAT, FakeJudge(redacts=(Replacement('"Ann"', "NAME"),)), REDACT)
        call = {"tool_calls": [{"index": 0, "function": {"arguments": '{"who": "Ann"}'}}]}
        assert documents(await made.all(chunk(0, call)))[0]["error"]["rule"] == "judge"

    async def test_log_probabilities_do_not_give_away_what_is_masked(self) -> None:
        data = {
            "choices": [{"index": 0, "delta": {"content": "Falcon"}, "logprobs": {"content": [{"token": "Falcon"}]}}]
        }
        made = Stream(CHAT, FakeJudge(redacts=(FALCON,)), REDACT)
        assert b"Falcon" not in await made.all(b"data: " + json.dumps(data).encode() + b"\n\n")

    async def test_the_error_of_responses_has_the_number_after_what_went(self) -> None:
        made = Stream(RESPONSES, FakeJudge(bad="Falcon"), windows=Windows(4, 0))
        stream = event("response.created", sequence_number=0, response={"output": []})
        for number, text in enumerate(("fine", "good", "Falcon", "more"), 1):
            delta = {"output_index": 0, "content_index": 0, "delta": text}
            await made.feed(stream + event("response.output_text.delta", sequence_number=number, **delta))
            stream = b""
        await made.feed(b"", last=True)
        assert [one["sequence_number"] for one in documents(made.out)] == [0, 1, 2, 3]


class TestLocalRules:
    def local(self, endpoint: Endpoint = CHAT) -> GuardedStream[Any]:
        rules = Guardrails([WordRule(name="words", denied=("heron",))]).answer({})
        made = guarded(Unchanged(), rules, Tally(), endpoint, streamed=True)
        assert isinstance(made, GuardedStream)
        return made

    async def test_what_they_let_go_before_they_refuse_is_judged_first(self) -> None:
        judge = FakeJudge()
        made = Stream(CHAT, judge, local=self.local(), windows=Windows(500, 100))
        await made.feed(says("All is well. " * 20) + says("A heron." + " And so on." * 20))
        assert judge.texts == [("All is well. " * 14 + "All is wel",)]
        assert content(made.out) == "All is well. " * 14 + "All is wel"
        assert documents(made.out)[-1]["error"]["rule"] == "words"
        assert made.judged.refused
        assert await made.feed(says("more")) == b""

    async def test_a_service_may_refuse_that_too(self) -> None:
        made = Stream(CHAT, FakeJudge(bad="well"), local=self.local())
        await made.feed(says("All is well. " * 20) + says("A heron." + " And so on." * 20))
        assert [one["error"]["rule"] for one in documents(made.out)] == ["judge"]


class TestLeaving:
    async def test_nobody_is_asked_any_more(self) -> None:
        judge = FakeJudge()
        judge.hold()
        made = Stream(CHAT, judge, windows=Windows(4, 1))
        await made.feed(says("abcd"))
        await made.feed(says("efgh"))
        waiting = asyncio.create_task(made.feed(b"", last=True))
        await settled()
        waiting.cancel()
        made.inquiry.close()
        await settled()
        assert judge.cancelled == 2
        assert asyncio.all_tasks() == {asyncio.current_task()}

    async def test_nor_after_a_refusal(self) -> None:
        judge = FakeJudge(bad="abcd")
        judge.hold()
        made = Stream(CHAT, judge, windows=Windows(4, 1))
        await made.feed(says("abcd"))
        await made.feed(says("efgh"))
        await judge.answer(1)
        await made.feed(b"")
        assert documents(made.out)[0]["error"]["rule"] == "judge"
        assert judge.cancelled == 1
        assert asyncio.all_tasks() == {asyncio.current_task()}


class TestWholeAnswers:
    async def whole(self, body: Any, judge: FakeJudge, rule: RemoteRule = BLOCK, endpoint: Endpoint = CHAT) -> bytes:
        judged = JudgedWhole(inquiry(Service(rule, judge)), endpoint)
        document = body if isinstance(body, bytes) else json.dumps(body).encode()
        assert await judged.feed(document[:5], last=False) == b""
        return await judged.feed(document[5:], last=True)

    async def test_what_is_allowed_is_the_same_bytes(self) -> None:
        body = b'{"system_fingerprint": "fp", "choices": [{"message": {"content": "ok"}, "x": 1.0}]}'
        assert await self.whole(body, judge := FakeJudge()) == body
        assert judge.texts == [("ok",)]

    async def test_what_is_refused_is_raised(self) -> None:
        with pytest.raises(ContentFiltered, match="The answer was refused by the guardrail 'judge'"):
            await self.whole(
                {"content": [{"type": "text", "text": "Falcon"}]}, FakeJudge(bad="Falcon"), BLOCK, MESSAGES
            )

    async def test_what_is_redacted(self) -> None:
        call = {"id": "c", "type": "function", "function": {"name": "f", "arguments": '{"q": "Falcon"}'}}
        body = {"choices": [{"message": {"content": TEXT, "tool_calls": [call]}, "logprobs": {"content": []}}]}
        answer = json.loads(await self.whole(body, FakeJudge(redacts=(FALCON,)), REDACT))
        message = answer["choices"][0]["message"]
        assert message["content"] == "All is well with <PROJECT> and so on, and it will be."
        assert json.loads(message["tool_calls"][0]["function"]["arguments"]) == {"q": "<PROJECT>"}
        assert "logprobs" not in answer["choices"][0]

    async def test_what_lies_across_two_texts_cannot_be_replaced(self) -> None:
        across = Replacement("Ann\nBob", "NAMES")
        body = {"content": [{"type": "text", "text": "Ann"}, {"type": "text", "text": "Bob"}]}
        with pytest.raises(ContentFiltered):
            await self.whole(body, FakeJudge(redacts=(across,)), REDACT, MESSAGES)

    async def test_what_is_the_requests_is_not_asked_about(self) -> None:
        item = {"type": "message", "content": [{"type": "output_text", "text": "Yes."}]}
        body = {"object": "response", "instructions": "Be brief.", "tools": [{"description": "t"}], "output": [item]}
        await self.whole(body, judge := FakeJudge(), BLOCK, RESPONSES)
        assert judge.texts == [("Yes.",)]

    async def test_an_answer_without_text(self) -> None:
        await self.whole({"data": [{"embedding": [0.5]}]}, judge := FakeJudge(), BLOCK, EMBEDDINGS)
        assert judge.asked == []

    @pytest.mark.parametrize("body", [b"<html>", b'{"choices', b""])
    async def test_what_cannot_be_read_is_not_passed(self, body: bytes) -> None:
        with pytest.raises(UpstreamError):
            await self.whole(body, FakeJudge())
