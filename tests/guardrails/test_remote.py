"""Rules that a service decides, beside the request."""

import asyncio

import pytest

from extproc.clients.judge import JudgeError, Judgement, Question, Replacement, Ruling
from extproc.guardrails.remote import OnFailure, RemoteRule, Said, redact, start
from extproc.guardrails.rule import Action, Mode
from extproc.guardrails.verdict import Verdict

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


def test_replacements() -> None:
    body = b'{"messages": [{"role": "user", "content": "case 5, and case 55"}]}'
    longer = Replacement("case 55", "OTHER")
    assert redact(body, (CASE, longer)) == b'{"messages": [{"role": "user", "content": "<CASE>, and <OTHER>"}]}'
    assert redact(body, ()) is body
    assert "case" not in repr(CASE)
