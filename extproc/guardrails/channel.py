"""One text of a streamed answer, checked before it goes.

It is read in windows. Each is checked together with the `overlap` before it and the `overlap` after it, and goes when
nothing that begins in it is to be blocked: so whatever is no longer than `overlap` is seen whole, and none of it has
gone. What is held back is never more than `window + overlap` characters. Windows lie where the text puts them, however
it comes in pieces: so the same answer has the same verdicts every time.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from extproc.guardrails.engine import AnswerRules
from extproc.guardrails.rule import Action
from extproc.guardrails.verdict import ContentFiltered, Tally, Verdict
from extproc.privacy.apply import disjoint
from extproc.privacy.detect.span import Span

_WINDOW = 64
_MOST_COLLECTED = 1 << 20
_ENDS_A_STRING = ('"', "\\")


@dataclass(frozen=True, slots=True)
class Pace:
    """How much of a text is checked at a time: characters. A larger `window` costs less and holds back more."""

    window: int = _WINDOW

    def __post_init__(self) -> None:
        if self.window < 1:
            raise ValueError("A window has at least one character.")


class Channel:
    """`is_json`: the text is JSON, and must stay so. `is_answer`: schemas are about it."""

    def __init__(self, rules: AnswerRules, tally: Tally, pace: Pace, *, is_json: bool, is_answer: bool) -> None:
        self._rules = rules
        self._tally = tally
        self._window = pace.window
        self._overlap = rules.reach
        self._is_json = is_json
        self._text = ""  # from `overlap` before what has not gone
        self._gone = 0
        self._whole: list[str] | None = [] if is_answer and rules.schemas else None
        self._collected = 0

    @property
    def held(self) -> int:
        """How many characters have come and not gone."""
        return len(self._text) - self._gone

    def feed(self, text: str) -> str:
        """What may go now. Raises ContentFiltered."""
        self._collect(text)
        if not self._overlap:
            return text
        self._text += text
        ready = [self._next() for _ in iter(self._has_window, False)]
        self._trim()
        return "".join(ready)

    def finish(self) -> str:
        """The rest, when the text has ended. Raises ContentFiltered."""
        ready = [self._next() for _ in iter(lambda: self.held > 0, False)]
        self._trim()
        self._conform()
        return "".join(ready)

    def _has_window(self) -> bool:
        return self.held >= self._window + self._overlap

    def _trim(self) -> None:
        cut = max(0, self._gone - self._overlap)
        self._text, self._gone = self._text[cut:], self._gone - cut

    def _next(self) -> str:
        """The next window, checked."""
        start = max(0, self._gone - self._overlap)
        end = min(self._gone + self._window, len(self._text))
        verdicts = self._rules.check_text(self._text[start : end + self._overlap]).all
        redacted: list[Span] = []
        for verdict in verdicts:
            spans = [span for span in _moved(verdict, start) if span.start < end and span.end > self._gone]
            if spans:
                redacted += self._act(verdict, spans)
        return self._let_go(end, disjoint(redacted))

    def _act(self, verdict: Verdict, spans: list[Span]) -> list[Span]:
        """What is to be masked. What began in what has gone has been counted already."""
        new = tuple(span for span in spans if span.start >= self._gone)
        only_counts = verdict.shadow or verdict.action is Action.OBSERVE
        if new or not only_counts:
            self._tally.add([Verdict(verdict.rule, verdict.action, new, verdict.shadow)])
        if only_counts:
            return []
        if verdict.action is Action.BLOCK or (self._is_json and self._ends_a_string(spans)):
            raise ContentFiltered(verdict.rule, "answer")
        return spans

    def _ends_a_string(self, spans: list[Span]) -> bool:
        """Whether a mask would leave something that is no JSON: then nothing but a refusal is safe."""
        return any(mark in self._text[span.start : span.end] for span in spans for mark in _ENDS_A_STRING)

    def _let_go(self, end: int, redacted: list[Span]) -> str:
        pieces: list[str] = []
        for span in redacted:
            pieces += self._text[self._gone : max(span.start, self._gone)], f"<{span.entity}>"
            self._gone = span.end
        pieces.append(self._text[self._gone : end])
        self._gone = max(self._gone, end)
        return "".join(pieces)

    def _collect(self, text: str) -> None:
        if self._whole is not None and self._collected <= _MOST_COLLECTED:
            self._whole.append(text)
            self._collected += len(text)

    def _conform(self) -> None:
        """What schemas say, once the text is whole."""
        whole = "".join(self._whole or ())
        if not whole:
            return
        verdicts = self._rules.check_schema(whole)
        self._tally.add(verdicts.all)
        if verdicts.blocking is not None:
            raise ContentFiltered(verdicts.blocking.rule, "answer")


def _moved(verdict: Verdict, by: int) -> Iterator[Span]:
    return (Span(span.start + by, span.end + by, span.entity) for span in verdict.matched)
