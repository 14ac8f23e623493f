"""What an operator has detected beside the built-in entities, and what never is."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import re2

from extproc.privacy.detect.allowance import Allowance
from extproc.privacy.detect.context import AFTER, BEFORE
from extproc.privacy.detect.separator import MARK, SEPARATOR
from extproc.privacy.detect.span import Span

_WORDS_MEMORY = 64 << 20
_COST_OF_A_MATCH = 2.0  # positions in characters have to be counted
_GOES_OUT = re.compile(r"[\^$]|\\[AzDSWPpCx]|\(\?")  # borders of a text, and what may match between texts
_NEVER = r"[^\x00-\x{10ffff}]"


@dataclass(frozen=True, slots=True)
class CustomPattern:
    """What `regex` (RE2's syntax) matches is a `name`. With `context`, only near one of these words (in any case)."""

    name: str
    regex: str
    context: tuple[str, ...] = ()
    case_sensitive: bool = True


@dataclass(frozen=True, slots=True)
class WordList:
    """Each of `words`, where it stands alone, is a `name`."""

    name: str
    words: tuple[str, ...] = field(repr=False)
    case_sensitive: bool = False


@dataclass(frozen=True, slots=True)
class AllowList:
    """Values of an entity that are never detected: `values` in any case, and what one of `patterns` (RE2) is all of."""

    values: frozenset[str] = frozenset()
    patterns: tuple[str, ...] = ()


class CustomFinder:
    """Finds what one pattern or word list names. Raises ValueError, with the name, for what RE2 refuses."""

    def __init__(self, custom: CustomPattern | WordList) -> None:
        self._name = custom.name
        expression = custom.regex if isinstance(custom, CustomPattern) else _alternatives(custom.words)
        self._expression = _compile(custom.name, expression, case_sensitive=custom.case_sensitive)
        self._stays_in_a_text = isinstance(custom, WordList) or not _GOES_OUT.search(custom.regex)
        context = custom.context if isinstance(custom, CustomPattern) else ()
        self._context = _compile(custom.name, _alternatives(context), case_sensitive=False) if context else None

    def find(self, text: str, allowance: Allowance) -> Iterator[Span]:
        if self._stays_in_a_text or MARK not in text:
            return self._in_one(text, 0, allowance)
        return self._one_by_one(text, allowance)

    def _one_by_one(self, text: str, allowance: Allowance) -> Iterator[Span]:
        at = 0
        for one in text.split(SEPARATOR):
            yield from self._in_one(one, at, allowance)
            at += len(one) + len(SEPARATOR)

    def _in_one(self, text: str, at: int, allowance: Allowance) -> Iterator[Span]:
        for match in self._expression.finditer(text):
            start, end = match.span()
            if start == end:
                continue
            if not allowance.match(_COST_OF_A_MATCH):
                yield Span(at + start, at + len(text), self._name)
                return
            if self._context is None or self._is_near(text, start, end):
                yield Span(at + start, at + end, self._name)

    def _is_near(self, text: str, start: int, end: int) -> bool:
        """Whether a word of the context is close, in the same text."""
        before, after = text[max(0, start - BEFORE) : start], text[end : end + AFTER]
        near = before.rpartition(MARK)[2] + text[start:end] + after.partition(MARK)[0]
        return self._context is not None and self._context.search(near) is not None


class Allowed:
    """Whether a value is on the allow-list of its entity."""

    def __init__(self, lists: Mapping[str, AllowList]) -> None:
        self._values = {entity: {value.casefold() for value in allow.values} for entity, allow in lists.items()}
        self._patterns = {
            entity: [_compile(entity, pattern, case_sensitive=True).fullmatch for pattern in allow.patterns]
            for entity, allow in lists.items()
        }

    def __bool__(self) -> bool:
        """Whether there is anything that is allowed."""
        return bool(self._values)

    def __call__(self, entity: str, value: str) -> bool:
        if entity not in self._values:
            return False
        return value.casefold() in self._values[entity] or _any(self._patterns[entity], value)


def _any(matches: Sequence[Callable[[str], object | None]], value: str) -> bool:
    return any(match(value) is not None for match in matches)


def _compile(name: str, expression: str, *, case_sensitive: bool) -> re2._Regexp:
    options = re2.Options()
    options.case_sensitive = case_sensitive
    options.longest_match = False
    options.log_errors = False
    options.max_mem = _WORDS_MEMORY
    try:
        return re2.compile(expression, options)
    except re2.error as error:
        raise ValueError(f"The pattern {name!r} is not one that RE2 takes: {_reason(error)}") from None


def _reason(error: re2.error) -> str:
    reason = error.args[0] if error.args else ""
    return reason.decode("utf-8", "replace") if isinstance(reason, bytes) else str(reason)


def _alternatives(words: Sequence[str]) -> str:
    """The longest first, since the first that matches is taken; borders only where RE2 knows them, at ASCII letters."""
    longest_first = sorted(filter(None, words), key=len, reverse=True)
    bordered = [f"{_border(word[0])}{re2.escape(word)}{_border(word[-1])}" for word in longest_first]
    return f"(?:{'|'.join(bordered)})" if bordered else _NEVER


def _border(char: str) -> str:
    return r"\b" if char.isascii() and (char.isalnum() or char == "_") else ""
