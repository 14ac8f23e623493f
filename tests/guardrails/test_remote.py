"""Rules that a service decides, beside the request."""

import asyncio
import json

import pytest

from extproc.clients.judge import JudgeError, Judgement, Question, Replacement, Ruling
from extproc.guardrails.remote import (
    Inquiry,
    OnFailure,
    Redaction,
    RemoteRule,
    Said,
    Service,
    redact,
    redacted,
    start,
)
from extproc.guardrails.rule import Action, Mode, Phase
from extproc.guardrails.verdict import ContentFiltered, Verdict

QUESTION = Question("request", ("a text",))
CASE = Replacement("case 5", "CASE")


class FakeJudge:
    """Says what it was given, once it may."""

    def __init__(self, said: Judgement | JudgeError) -> None:
        self.asked: list[Question] = []
        self.may_answer = asyncio.Event()
        self.cancelled = False
        self._said = said

    async def judge(self, question: Question) -> Judgement:
        self.asked.append(question)
        try:
            await self.may_answer.wait()
        except asyncio.CancelledError:
            self.cancelled = True
            raise
        if isinstance(self._said, JudgeError):
            raise self._said
        return self._said


async def said(rule: RemoteRule, judgement: Judgement | JudgeError) -> Said:
    judge = FakeJudge(judgement)
    judge.may_answer.set()
    return await start(rule, judge, QUESTION).verdict()


async def test_it_is_asked_at_once_and_waited_for_later() -> None:
    judge = FakeJudge(Judgement(Ruling.BLOCK, ("violence",)))
    pending = start(RemoteRule(name="r"), judge, QUESTION)
    await asyncio.sleep(0)
    assert judge.asked == [QUESTION]
    judge.may_answer.set()
    expected = Said(Verdict("r", Action.BLOCK), ("violence",))
    assert [await pending.verdict(), await pending.verdict()] == [expected, expected]


async def test_it_can_be_given_up() -> None:
    judge = FakeJudge(Judgement(Ruling.ALLOW))
    pending = start(RemoteRule(name="r"), judge, QUESTION)
    await asyncio.sleep(0)
    pending.cancel()
    with pytest.raises(asyncio.CancelledError):
        await pending.verdict()
    assert judge.cancelled


async def test_waiting_can_be_given_up_without_the_question() -> None:
    judge = FakeJudge(Judgement(Ruling.ALLOW))
    pending = start(RemoteRule(name="r"), judge, QUESTION)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(pending.verdict(), 0)
    judge.may_answer.set()
    assert await pending.verdict() == Said()


@pytest.mark.parametrize(
    ("action", "ruling", "expected"),
    [
        (Action.BLOCK, Ruling.BLOCK, Said(Verdict("r", Action.BLOCK))),
        (Action.BLOCK, Ruling.REDACT, Said(Verdict("r", Action.BLOCK))),
        (Action.REDACT, Ruling.REDACT, Said(Verdict("r", Action.REDACT), replacements=(CASE,))),
        (Action.REDACT, Ruling.BLOCK, Said(Verdict("r", Action.BLOCK))),
        (Action.OBSERVE, Ruling.BLOCK, Said(Verdict("r", Action.OBSERVE))),
        (Action.OBSERVE, Ruling.REDACT, Said(Verdict("r", Action.OBSERVE))),
        (Action.BLOCK, Ruling.ALLOW, Said()),
    ],
)
async def test_what_its_ruling_becomes(action: Action, ruling: Ruling, expected: Said) -> None:
    replacements = (CASE,) if ruling is Ruling.REDACT else ()
    assert await said(RemoteRule(name="r", action=action), Judgement(ruling, (), replacements)) == expected


async def test_in_shadow_nothing_is_replaced() -> None:
    rule = RemoteRule(name="r", action=Action.REDACT, mode=Mode.SHADOW)
    assert await said(rule, Judgement(Ruling.REDACT, (), (CASE,))) == Said(Verdict("r", Action.REDACT, shadow=True))


@pytest.mark.parametrize(
    ("on_failure", "action", "verdict"),
    [
        (OnFailure.DENY, Action.BLOCK, Verdict("r", Action.BLOCK)),
        (OnFailure.DENY, Action.REDACT, Verdict("r", Action.BLOCK)),
        (OnFailure.DENY, Action.OBSERVE, Verdict("r", Action.OBSERVE)),
        (OnFailure.ALLOW, Action.BLOCK, None),
    ],
)
async def test_a_failure_is_what_the_rule_says(on_failure: OnFailure, action: Action, verdict: Verdict | None) -> None:
    rule = RemoteRule(name="r", action=action, on_failure=on_failure)
    assert await said(rule, JudgeError("away")) == Said(verdict, failure="away")


async def test_many_are_asked_at_once_and_heard_in_order() -> None:
    heard: list[tuple[str, Said]] = []
    judges = [FakeJudge(Judgement(Ruling.REDACT, (), (CASE,))), FakeJudge(JudgeError("away"))]
    rules = [RemoteRule(name="a", action=Action.REDACT), RemoteRule(name="b", on_failure=OnFailure.ALLOW)]
    services = [Service(rule, judge) for rule, judge in zip(rules, judges, strict=True)]
    inquiry = Inquiry(services, Phase.REQUEST, {"key": "k"}, lambda rule, one: heard.append((rule.name, one)))
    asked = inquiry.ask(["a text", " ", "\n"])
    await asyncio.sleep(0)
    assert [judge.asked for judge in judges] == [[Question("request", ("a text",), {"key": "k"})]] * 2
    assert not asked.done
    for judge in judges:
        judge.may_answer.set()
    assert await asked.verdict() == (Redaction("a", (CASE,)),)
    assert heard == [
        ("a", Said(Verdict("a", Action.REDACT), replacements=(CASE,))),
        ("b", Said(None, failure="away")),
    ]
    assert inquiry.ask([" ", ""]).done


async def test_no_answer_in_the_time_that_is_left_is_a_failure() -> None:
    judge = FakeJudge(Judgement(Ruling.ALLOW))
    inquiry = Inquiry([Service(RemoteRule(name="r"), judge)], Phase.RESPONSE, {}, lambda rule, one: None)
    with pytest.raises(ContentFiltered, match="The answer was refused by the guardrail 'r'"):
        await inquiry.ask(["a text"]).verdict(by=0.0)
    inquiry.close()
    await asyncio.sleep(0)
    assert judge.cancelled


@pytest.mark.parametrize("texts", [("a case", "5"), ("a case 5", "b case 5")])
def test_what_is_to_be_replaced_is_in_one_string(texts: tuple[str, str]) -> None:
    body = json.dumps({"messages": [{"role": "user", "content": text} for text in texts]}).encode()
    asked = [" ".join(texts)]
    if texts[1] == "5":
        with pytest.raises(ContentFiltered, match="The request was refused by the guardrail 'r'"):
            redacted(body, (Redaction("r", (CASE,)),), asked, "request")
    else:
        made = json.loads(redacted(body, (Redaction("r", (CASE,)),), asked, "request"))
        assert [message["content"] for message in made["messages"]] == ["a <CASE>", "b <CASE>"]


def test_replacements() -> None:
    body = b'{"messages": [{"role": "user", "content": "case 5, and case 55"}]}'
    longer = Replacement("case 55", "OTHER")
    assert redact(body, (CASE, longer)) == b'{"messages": [{"role": "user", "content": "<CASE>, and <OTHER>"}]}'
    assert redact(body, ()) is body
    assert "case" not in repr(CASE)
