"""Services in memory, for tests of what is done with their word."""

import asyncio
from collections.abc import Callable

from extproc.clients.judge import JudgeError, Judgement, Question, Replacement, Ruling


class FakeJudge:
    """Blocks texts with `bad`, wants `redacts` redacted, allows everything else; fails on texts with `fails`.

    It answers when it may: the question number `free` and those before it. What was asked and what has been answered
    is kept.
    """

    def __init__(self, *, bad: str = "\0", redacts: tuple[Replacement, ...] = (), fails: str = "\0") -> None:
        self.asked: list[Question] = []
        self.answered = 0
        self.cancelled = 0
        self._bad, self._redacts, self._fails = bad, redacts, fails
        self._free = 1 << 30
        self._moved = asyncio.Event()

    @property
    def texts(self) -> list[tuple[str, ...]]:
        return [question.texts for question in self.asked]

    def hold(self) -> None:
        self._free = 0

    async def answer(self, number: int) -> None:
        """Answers that many questions in all."""
        self._free = number
        self._moved.set()
        self._moved = asyncio.Event()
        await settled()

    async def judge(self, question: Question) -> Judgement:
        self.asked.append(question)
        number = len(self.asked)
        try:
            while number > self._free:
                await self._moved.wait()
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        self.answered += 1
        return self._said(lambda part: any(part in text for text in question.texts))

    def _said(self, has: Callable[[str], bool]) -> Judgement:
        if has(self._fails):
            raise JudgeError("away")
        if has(self._bad):
            return Judgement(Ruling.BLOCK)
        found = tuple(one for one in self._redacts if has(one.text))
        return Judgement(Ruling.REDACT, (), found) if found else Judgement(Ruling.ALLOW)


async def settled() -> None:
    """Lets everything go on that can."""
    for _ in range(3):
        await asyncio.sleep(0)
