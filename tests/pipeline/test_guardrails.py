"""Guardrails in an exchange: what is refused, when, and what is recorded."""

import asyncio
import json
from collections.abc import Callable
from dataclasses import replace

import pytest

from extproc.clients.judge import JudgeError, Judgement, Question, Replacement, Ruling
from extproc.config.guardrails import Guardrails as Section
from extproc.config.guardrails import GuardrailUse
from extproc.config.model import Gateway
from extproc.config.privacy import Unreadable
from extproc.errors import GatewayError, InternalError
from extproc.exchange.actions import Cut, Upstream
from extproc.exchange.events import RequestBody, ResponseBody
from extproc.guardrails.engine import Guardrails
from extproc.guardrails.remote import OnFailure, RemoteRule, Service
from extproc.guardrails.rule import Action, Mode, Phase, Rule, WordRule
from extproc.pipeline.processor import Exchange
from extproc.pipeline.screening import Screens
from extproc.policy.guard import Guards, RuleSet, TwoEngines
from extproc.policy.redact import LARGE
from extproc.telemetry.record import DataPath, VerdictCount
from tests.guardrails.judges import FakeJudge, settled
from tests.pipeline.conftest import GATEWAY, Records
from tests.pipeline.test_privacy import admitted, answered, chat, headers, offload, privacy, screened
from tests.privacy.redaction_fakes import ANN

Begin = Callable[..., Exchange]
REFUSED = "heron"
BEFORE = WordRule(name="before", denied=(REFUSED,), phase=Phase.REQUEST)
AFTER = WordRule(name="after", denied=(REFUSED,), phase=Phase.RESPONSE)
JUDGE = RemoteRule(name="judge", phase=Phase.REQUEST)
ANSWERS = RemoteRule(name="judge", phase=Phase.RESPONSE)
REDACTS = RemoteRule(name="judge", phase=Phase.BOTH, action=Action.REDACT)
NAME = Replacement(REFUSED, "BIRD")
MASKS = WordRule(name="masks", denied=(REFUSED,), phase=Phase.REQUEST, action=Action.REDACT)


class Judge:
    """Says what it was made with, once `free` is set; and remembers what it was asked."""

    def __init__(self, ruling: Ruling | None = Ruling.ALLOW) -> None:
        self.free = asyncio.Event()
        self.free.set()
        self.asked: list[Question] = []
        self._ruling = ruling

    async def judge(self, question: Question) -> Judgement:
        self.asked.append(question)
        await self.free.wait()
        if self._ruling is None:
            raise JudgeError("the service did not answer in time")
        return Judgement(self._ruling)


def guarded(
    *rules: Rule, judge: FakeJudge | Judge | None = None, by: RemoteRule = JUDGE, **changes: object
) -> tuple[Gateway, Screens]:
    use = replace(GuardrailUse(tuple(rule.name for rule in rules)), **changes)  # type: ignore[arg-type]
    services = () if judge is None else (Service(by, judge),)
    section = Section((), (use,))
    sets = {use: RuleSet(use, TwoEngines(lambda: Guardrails(rules)), services)}
    return replace(GATEWAY, guardrails=section), Screens(guards=Guards(section, sets, offload))


async def refused(exchange: Exchange, body: RequestBody) -> GatewayError:
    await exchange.request_headers(headers())
    with pytest.raises(GatewayError) as caught:
        await exchange.request_body(body)
    assert caught.value.code == "content_filter"
    return caught.value


async def test_a_request_is_refused_by_name(begin: Begin, records: Records) -> None:
    exchange = begin(*guarded(BEFORE))
    error = await refused(exchange, chat(f"A {REFUSED}"))
    assert error.message == "The request was refused by the guardrail 'before'."
    exchange.refuse(error)
    exchange.close()
    assert records[0].verdicts == (VerdictCount("before", "block", "enforce", "request", 1),)
    assert records[0].error_type == "content_filter"


async def test_a_large_request_is_checked_too(begin: Begin) -> None:
    await refused(begin(*guarded(BEFORE)), chat(f"{'x ' * LARGE}{REFUSED}"))


async def test_what_is_redacted_does_not_leave(begin: Begin) -> None:
    action = await admitted(begin(*guarded(MASKS)), chat(f"A {REFUSED}"))
    assert json.loads(action.body or b"")["messages"][0]["content"] == "A <masks>"


async def test_a_request_for_another_model_is_not_looked_at(begin: Begin) -> None:
    assert (await admitted(begin(*guarded(BEFORE, models=("claude",))), chat(f"A {REFUSED}"))).body is None


@pytest.mark.parametrize("unreadable", Unreadable)
async def test_a_body_that_cannot_be_read(begin: Begin, unreadable: Unreadable) -> None:
    exchange = begin(*guarded(BEFORE, unreadable=unreadable))
    await exchange.request_headers(headers("/v1/files", **{"content-type": "multipart/form-data; boundary=x"}))
    upload = RequestBody(b"--x--\r\n")
    if unreadable is Unreadable.ALLOW:
        assert isinstance(await exchange.request_body(upload), Upstream)
        return
    with pytest.raises(GatewayError) as caught:
        await exchange.request_body(upload)
    assert caught.value.code == "content_filter"


@pytest.mark.parametrize("unreadable", Unreadable)
async def test_a_prompt_of_token_ids_cannot_be_read(begin: Begin, unreadable: Unreadable) -> None:
    exchange = begin(*guarded(BEFORE, unreadable=unreadable))
    await exchange.request_headers(headers("/v1/embeddings"))
    body = RequestBody(b'{"model":"gpt-4o","input":[1960,964]}')
    if unreadable is Unreadable.ALLOW:
        assert isinstance(await exchange.request_body(body), Upstream)
        return
    with pytest.raises(GatewayError) as caught:
        await exchange.request_body(body)
    assert caught.value.code == "content_filter"


async def test_a_whole_answer_is_refused_with_a_status(begin: Begin, records: Records) -> None:
    exchange = begin(*guarded(AFTER))
    await admitted(exchange, chat("Hi"))
    exchange.response_headers(answered(content_length="100"))
    choice = {"index": 0, "message": {"content": f"A {REFUSED}"}, "finish_reason": "stop"}
    answer = {"choices": [choice], "usage": {"prompt_tokens": 1000, "completion_tokens": 100}}
    delivered = await exchange.response_body(ResponseBody(json.dumps(answer).encode(), True))
    assert delivered.status == 400
    assert json.loads(delivered.body or b"")["error"]["code"] == "content_filter"
    exchange.close()
    assert records[0].verdicts == (VerdictCount("after", "block", "enforce", "response", 1),)
    assert (records[0].status, records[0].data_path) == (400, DataPath.TRANSFORM)
    assert records[0].cost == 3_500_000


async def test_a_stream_is_refused_and_cut(begin: Begin, records: Records) -> None:
    exchange = begin(*guarded(AFTER))
    await admitted(exchange, chat("Hi", stream=True))
    exchange.response_headers(answered(content_type="text/event-stream"))
    event = {"choices": [{"index": 0, "delta": {"content": f"A {REFUSED} {'flies ' * 40}"}}]}
    data = b"data: " + json.dumps(event).encode() + b"\n\n"
    delivered = await exchange.response_body(ResponseBody(data, False))
    assert REFUSED.encode() not in (delivered.body or b"")
    assert b'"content_filter"' in (delivered.body or b"")
    with pytest.raises(Cut):
        await exchange.response_body(ResponseBody(data, False))
    exchange.close()
    assert (records[0].status, records[0].error_type) == (200, "content_filter")
    assert records[0].usage is not None
    assert records[0].usage.output_tokens > 0


# -- services ---------------------------------------------------------------------------------------------------------


async def test_a_service_is_asked_about_what_leaves(begin: Begin) -> None:
    judge = Judge()
    gateway, screens = screened(privacy(), gateway=guarded(judge=judge)[0])
    exchange = begin(gateway, replace(screens, guards=guarded(judge=judge)[1].guards))
    await admitted(exchange)
    await exchange.judged(answered())
    assert ANN not in judge.asked[0].texts[0]
    assert judge.asked[0].metadata == {"model": "gpt-4o", "key": "dev", "team": "platform"}


async def test_the_request_leaves_before_the_service_has_answered(begin: Begin) -> None:
    judge = Judge()
    judge.free.clear()
    exchange = begin(*guarded(judge=judge))
    await admitted(exchange, chat("Hi"))
    waiting = asyncio.create_task(exchange.judged(answered()))
    await asyncio.sleep(0)
    assert not waiting.done()
    judge.free.set()
    await waiting


@pytest.mark.parametrize("ruling", [Ruling.BLOCK, None])
async def test_a_service_refuses_or_fails(begin: Begin, records: Records, ruling: Ruling | None) -> None:
    exchange = begin(*guarded(judge=Judge(ruling)))
    await admitted(exchange, chat("Hi"))
    with pytest.raises(GatewayError) as caught:
        await exchange.judged(answered())
    assert caught.value.code == "content_filter"
    exchange.close()
    assert records[0].verdicts == (VerdictCount("judge", "block", "enforce", "request", 1),)


async def test_an_error_of_the_provider_waits_for_nobody(begin: Begin) -> None:
    exchange = begin(*guarded(judge=Judge(Ruling.BLOCK)))
    await admitted(exchange, chat("Hi"))
    await exchange.judged(answered(500))


async def test_nobody_is_asked_any_more_when_the_caller_has_left(begin: Begin) -> None:
    judge = Judge()
    judge.free.clear()
    exchange = begin(*guarded(judge=judge))
    await admitted(exchange, chat("Hi"))
    exchange.close()
    with pytest.raises(asyncio.CancelledError):
        await exchange.judged(answered())


async def test_nothing_passes_where_the_guards_are_missing(begin: Begin) -> None:
    with pytest.raises(InternalError):
        await admitted(begin(guarded(BEFORE)[0]))


# -- services that redact requests ------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [1, LARGE])
async def test_what_a_service_redacts_does_not_leave(begin: Begin, size: int) -> None:
    judge = FakeJudge(redacts=(NAME,))
    action = await admitted(begin(*guarded(judge=judge, by=REDACTS)), chat(f"{'x ' * size}A {REFUSED}"))
    assert json.loads(action.body or b"")["messages"][0]["content"] == f"{'x ' * size}A <BIRD>"
    assert judge.asked[0].metadata == {"model": "gpt-4o", "key": "dev", "team": "platform"}


async def test_the_request_waits_for_it(begin: Begin) -> None:
    judge = FakeJudge(redacts=(NAME,))
    judge.hold()
    leaving = asyncio.create_task(admitted(begin(*guarded(judge=judge, by=REDACTS)), chat(f"A {REFUSED}")))
    await judge.answer(0)
    assert not leaving.done()
    await judge.answer(1)
    assert REFUSED.encode() not in ((await leaving).body or b"")


@pytest.mark.parametrize("judge", [FakeJudge(bad=REFUSED), FakeJudge(fails=REFUSED)], ids=["blocks", "fails"])
async def test_nothing_leaves_where_it_blocks_or_fails(begin: Begin, judge: FakeJudge) -> None:
    await refused(begin(*guarded(judge=judge, by=REDACTS)), chat(f"A {REFUSED}"))


async def test_where_its_failure_is_allowed_all_leaves(begin: Begin) -> None:
    by = replace(REDACTS, on_failure=OnFailure.ALLOW)
    action = await admitted(begin(*guarded(judge=FakeJudge(fails=REFUSED), by=by)), chat(f"A {REFUSED}"))
    assert action.body is None


async def test_in_shadow_it_is_counted_and_nobody_waits(begin: Begin, records: Records) -> None:
    judge = FakeJudge(redacts=(NAME,))
    judge.hold()
    exchange = begin(*guarded(judge=judge, by=replace(REDACTS, mode=Mode.SHADOW, phase=Phase.REQUEST)))
    assert (await admitted(exchange, chat(f"A {REFUSED}"))).body is None
    await judge.answer(1)
    await exchange.judged(answered())
    exchange.close()
    assert records[0].verdicts == (VerdictCount("judge", "redact", "shadow", "request", 1),)


async def test_services_see_what_local_rules_and_policies_leave(begin: Begin) -> None:
    judge = FakeJudge()
    gateway, guards = guarded(MASKS, judge=judge, by=REDACTS)
    gateway, screens = screened(privacy(), gateway=gateway)
    await admitted(begin(gateway, replace(screens, guards=guards.guards)), chat(f"Ask {ANN} of the {REFUSED}"))
    (text,) = judge.texts[0]
    assert ANN not in text
    assert text.endswith(" of the <masks>")


# -- services on answers ----------------------------------------------------------------------------------------------


def spoken(text: str, finish: str | None = None) -> bytes:
    choice = {"index": 0, "delta": {"content": text}, "finish_reason": finish}
    return b"data: " + json.dumps({"choices": [choice]}).encode() + b"\n\n"


async def answering(exchange: Exchange, *, stream: bool) -> None:
    await admitted(exchange, chat("Hi", stream=stream))
    await exchange.judged(answered())
    kind = {"content_type": "text/event-stream"} if stream else {"content_length": "100"}
    received = exchange.response_headers(answered(**kind))  # type: ignore[arg-type]
    assert "content-length" in received.remove


def whole(text: str) -> ResponseBody:
    choice = {"index": 0, "message": {"content": text}, "finish_reason": "stop"}
    answer = {"choices": [choice], "usage": {"prompt_tokens": 1000, "completion_tokens": 100}}
    return ResponseBody(json.dumps(answer).encode(), True)


async def test_a_service_refuses_a_whole_answer(begin: Begin, records: Records) -> None:
    exchange = begin(*guarded(judge=FakeJudge(bad=REFUSED), by=ANSWERS))
    await answering(exchange, stream=False)
    delivered = await exchange.response_body(whole(f"A {REFUSED}"))
    assert delivered.status == 400
    assert json.loads(delivered.body or b"")["error"]["rule"] == "judge"
    exchange.close()
    assert records[0].verdicts == (VerdictCount("judge", "block", "enforce", "response", 1),)
    assert (records[0].status, records[0].cost) == (400, 3_500_000)


async def test_a_service_redacts_a_whole_answer(begin: Begin) -> None:
    exchange = begin(*guarded(judge=FakeJudge(redacts=(NAME,)), by=REDACTS))
    await answering(exchange, stream=False)
    delivered = await exchange.response_body(whole(f"A {REFUSED}"))
    assert json.loads(delivered.body or b"")["choices"][0]["message"]["content"] == "A <BIRD>"


async def test_the_callers_values_come_back_after_services(begin: Begin) -> None:
    judge = FakeJudge()
    gateway, screens = screened(privacy(), gateway=guarded(judge=judge, by=ANSWERS)[0])
    exchange = begin(gateway, replace(screens, guards=guarded(judge=judge, by=ANSWERS)[1].guards))
    action = await admitted(exchange)
    placeholder = json.loads(action.body or b"")["messages"][0]["content"].removeprefix("Ask ")
    exchange.response_headers(answered(content_type="text/event-stream"))
    delivered = await exchange.response_body(ResponseBody(spoken(f"It is {placeholder}", "stop"), True))
    assert f"It is {ANN}".encode() in (delivered.body or b"")
    assert judge.texts == [(f"It is {placeholder}",)]


async def test_a_stream_that_a_service_refuses_is_cut(begin: Begin, records: Records) -> None:
    exchange = begin(*guarded(judge=FakeJudge(bad=REFUSED), by=ANSWERS, window=20, overlap=10))
    await answering(exchange, stream=True)
    went = []
    for text in ("All is well so far.", " It goes on and on.", f" A {REFUSED} flies.", " And so on."):
        went.append(await exchange.response_body(ResponseBody(spoken(text), False)))
        await settled()
    out = b"".join(one.body or b"" for one in went)
    assert out.startswith(spoken("All is well so far."))
    assert REFUSED.encode() not in out
    assert b'"content_filter"' in out
    with pytest.raises(Cut):
        await exchange.response_body(ResponseBody(spoken("more"), False))
    exchange.close()
    assert (records[0].status, records[0].error_type) == (200, "content_filter")
    assert records[0].usage is not None
    assert records[0].usage.output_tokens > 0


async def test_a_refusal_at_the_end_of_a_stream_is_one(begin: Begin, records: Records) -> None:
    exchange = begin(*guarded(judge=FakeJudge(bad=REFUSED), by=ANSWERS))
    await answering(exchange, stream=True)
    delivered = await exchange.response_body(ResponseBody(spoken(f"A {REFUSED}", "stop") + b"data: [DONE]\n\n", True))
    assert b'"content_filter"' in (delivered.body or b"")
    exchange.close()
    assert (records[0].error_type, records[0].usage is not None) == ("content_filter", True)


async def test_a_caller_who_leaves_leaves_no_question_behind(begin: Begin) -> None:
    judge = FakeJudge()
    judge.hold()
    exchange = begin(*guarded(judge=judge, by=ANSWERS))
    await answering(exchange, stream=True)
    await exchange.response_body(ResponseBody(spoken("x" * 600), False))
    await judge.answer(0)
    exchange.close()
    await judge.answer(0)
    assert (len(judge.asked), judge.cancelled) == (1, 1)
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_without_such_a_rule_the_answer_passes_as_it_came(begin: Begin) -> None:
    exchange = begin(*guarded(judge=FakeJudge(), by=JUDGE))
    await admitted(exchange, chat("Hi", stream=True))
    exchange.response_headers(answered(content_type="text/event-stream"))
    assert (await exchange.response_body(ResponseBody(spoken("Hi"), False))).body is None
