"""Words, phrases and patterns in texts, by RE2: in time linear in the text, whatever is in it."""

from collections.abc import Iterator, Sequence
from itertools import chain

import re2

from extproc.guardrails.reading import Reading
from extproc.guardrails.rule import Action, PatternRule, Rule, WordRule
from extproc.privacy.detect import normalise
from extproc.privacy.detect.span import Span

_MOST_REDACTED = 1_000
_MOST_REPORTED = 32
_MEMORY = 64 << 20


class WordFinder:
    """Words that are ASCII when normalised are looked for where accents and look-alikes are gone, others as they are.

    One alternation finds both what is allowed, which is passed over whole, and what is denied, which is its group.
    """

    def __init__(self, rule: WordRule) -> None:
        self._rule = rule
        forms = [tuple(map(form_of, words)) for words in (rule.allowed, rule.denied)]
        self._latin = _either(rule, *(_chosen(words, ascii_only=True) for words in forms))
        self._other = _either(rule, *(_chosen(words, ascii_only=False) for words in forms))

    def find(self, reading: Reading) -> list[Span]:
        latin = self._spans(self._latin, reading.view, reading) if self._latin is not None else ()
        is_other = self._other is not None and not reading.plain.isascii()
        other = self._spans(self._other, reading.plain, reading) if is_other else ()
        return list(chain(latin, other))

    def _spans(self, expression: re2._Regexp, subject: str | bytes, reading: Reading) -> Iterator[Span]:
        for start, end in _matches(expression, subject, self._rule, group=1):
            yield reading.span(start, end, self._rule.name)


class PatternFinder:
    """What an operator's pattern matches. Raises ValueError, with the rule's name, for what RE2 refuses."""

    def __init__(self, rule: PatternRule) -> None:
        self._rule = rule
        self._expression = compiled(rule, rule.pattern, case_sensitive=rule.case_sensitive)
        if self._expression.fullmatch(""):
            raise ValueError(f"The pattern of the rule {rule.name!r} matches where there is nothing.")

    def find(self, reading: Reading) -> list[Span]:
        found = _matches(self._expression, reading.plain, self._rule, group=0)
        return [reading.span(start, end, self._rule.name) for start, end in found]


def compiled(rule: Rule, expression: str | bytes, *, case_sensitive: bool = False) -> re2._Regexp:
    """An expression over `Reading.plain`, or in bytes over `Reading.view`."""
    options = re2.Options()
    options.case_sensitive = case_sensitive
    options.log_errors = False
    options.max_mem = _MEMORY
    if isinstance(expression, bytes):
        options.encoding = re2.Options.Encoding.LATIN1
    try:
        return re2.compile(expression, options)
    except re2.error:
        raise ValueError(f"The pattern of the rule {rule.name!r} is not one that RE2 takes.") from None


def expression_of(word: str) -> str:
    """A word or phrase where it stands alone: its pieces with any white space between."""
    pieces = form_of(word).split()
    return _border(pieces[0][0]) + r"\s+".join(map(re2.escape, pieces)) + _border(pieces[-1][-1])


def form_of(word: str) -> str:
    """A word as texts are read; what is Latin but for accents and look-alikes becomes ASCII."""
    latin = str(normalise.normalise(word).view, "latin-1")
    return latin if latin.isascii() and "?" not in latin else normalise.readable(word)


def _chosen(words: Sequence[str], *, ascii_only: bool) -> list[str]:
    """The longest first, since the first that matches is taken."""
    chosen = (word for word in words if word.strip() and word.isascii() is ascii_only)
    return sorted(chosen, key=len, reverse=True)


def _either(rule: Rule, allowed: Sequence[str], denied: Sequence[str]) -> re2._Regexp | None:
    if not denied:
        return None
    words = ["|".join(map(expression_of, group)) for group in (allowed, denied)]
    expression = f"{words[0]}|({words[1]})" if allowed else f"({words[1]})"
    return compiled(rule, expression.encode("latin-1") if expression.isascii() else expression)


def _matches(expression: re2._Regexp, subject: str | bytes, rule: Rule, *, group: int) -> Iterator[tuple[int, int]]:
    """Where a group matched. After as many as matter, the rest of the text counts as one."""
    most = _MOST_REDACTED if rule.action is Action.REDACT else _MOST_REPORTED
    for number, match in enumerate(expression.finditer(subject)):
        start, end = match.span()
        if number == most:
            yield start, len(subject)
            return
        if match.span(group) != (-1, -1) and start < end:
            yield match.span(group)


def _border(char: str) -> str:
    """RE2 knows the borders of words only where they are ASCII."""
    return r"\b" if char.isascii() and (char.isalnum() or char == "_") else ""
