"""What a question says, in one form for all the ways of saying it that the grammars know.

Two questions read the same when their words are the same in the same order, after what the grammar of their language
knows to mean nothing or to mean the same. So whatever tells two questions apart stays: numbers, dates, units, names,
quotations, negations, opposites, question words, tenses, and who does what to whom. That makes reading a relation
that one digest can stand for: an index of digests holds nobody's words.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b

from extproc.cache.semantic.english import ENGLISH
from extproc.cache.semantic.french import FRENCH
from extproc.cache.semantic.german import GERMAN
from extproc.cache.semantic.grammar import Grammar, Rewrite
from extproc.cache.semantic.spanish import SPANISH
from extproc.cache.semantic.tokens import Token, lowered, tokens

MOST_CHARACTERS = 400
_GRAMMARS = (ENGLISH, GERMAN, FRENCH, SPANISH)
_KNOWN = tuple(grammar.marks | grammar.months.keys() for grammar in _GRAMMARS)
_EXACT = "~"
_BY_THOUSANDS = re.compile(r"[-+]?\d{1,3}(?:([.,])\d{3})(?:\1\d{3})*")
_DECIMAL = re.compile(r"(\d+),(\d+)")
_DAY = r"(\d{1,2})(?:st|nd|rd|th|er)?"
_YEAR = r"(?:(?: ,)?(?: of| de)? (\d{4})(?= |$))?"


def _dates(grammar: Grammar) -> tuple[re.Pattern[str], re.Pattern[str]]:
    """A day before its month (in German the stop of `1. März` is a token) and after it."""
    month = rf"({'|'.join(grammar.months)})(?= |$)"
    day_first = rf"(?<![^ ]){_DAY}(?: ;)?(?: of| de)? {month}{_YEAR}"
    return re.compile(day_first), re.compile(rf"(?<![^ ]){month} {_DAY}(?= |$){_YEAR}")


_DATES = {grammar.language: _dates(grammar) for grammar in _GRAMMARS}


@dataclass(frozen=True, slots=True)
class Reading:
    """`language` is empty where none is known for sure: then nothing but case, spaces and stops is passed over."""

    language: str
    terms: tuple[str, ...] = field(repr=False)

    @property
    def digest(self) -> bytes:
        """32 bytes that stand for it."""
        parts = "".join(f"{len(part)}:{part}" for part in (self.language, *self.terms))
        return blake2b(parts.encode("utf-8", "surrogatepass"), digest_size=32).digest()


def read(text: str) -> Reading | None:
    """None for what is not one question in plain prose: too long, more than one line, or nothing at all."""
    text = text.strip()
    if len(text) > MOST_CHARACTERS or len(text.splitlines()) != 1:
        return None
    found = tokens(text)
    if not found:
        return None
    grammar = _grammar_of(found)
    mark = ("?",) if text.endswith(("?", "？")) else ()
    if grammar is None:
        return Reading("", tuple(token.text if token.exact else token.text.lower() for token in found) + mark)
    terms = _terms(lowered(found, grammar.marks), grammar)
    return Reading(grammar.language, terms + mark if grammar.asking.isdisjoint(terms) else terms)


def _grammar_of(found: Sequence[Token]) -> Grammar | None:
    """That of the language of which most marks and months are there, if no other has as many."""
    seen = [token.text.lower() for token in found if not token.exact]
    pieces = [piece for word in seen for piece in re.split(r"['-]", word)]
    scores = [sum(piece in known for piece in pieces) for known in _KNOWN]
    best = max(scores)
    return _GRAMMARS[scores.index(best)] if scores.count(best) == 1 else None


def _terms(found: Sequence[Token], grammar: Grammar) -> tuple[str, ...]:
    """What is exact waits aside while the grammar is at work: `~0` holds the place of the first."""
    exact = [token.text for token in found if token.exact]
    places = iter(range(len(exact)))
    line = " ".join(f"{_EXACT}{next(places)}" if token.exact else token.text for token in found)
    line = _with_dates(_rewritten(line, grammar.contractions), grammar)
    line = " ".join(_word(word, grammar) for word in line.split())
    line = _rewritten(line, grammar.phrases)
    return tuple(_restored(line.split(), exact))


def _rewritten(line: str, rows: Iterable[Rewrite]) -> str:
    for pattern, into in rows:
        line = " ".join(pattern.sub(into, line).split())
    return line


def _word(word: str, grammar: Grammar) -> str:
    """A word as the first of its group, a number in figures without signs between thousands."""
    if word[0].isdigit() or (word[0] in "-+" and len(word) > 1):
        return _number(word, grammar)
    word = grammar.numbers.get(word, word)
    return grammar.synonyms.get(word, word)


def _number(figures: str, grammar: Grammar) -> str:
    thousands = "." if grammar.decimal_comma else ","
    match = _BY_THOUSANDS.fullmatch(figures)
    if match is not None and match[1] == thousands:
        return figures.replace(thousands, "")
    figures = grammar.numbers.get(figures, figures)
    decimal = _DECIMAL.fullmatch(figures) if grammar.decimal_comma else None
    return f"{decimal[1]}.{decimal[2]}" if decimal is not None else figures


def _with_dates(line: str, grammar: Grammar) -> str:
    """Days written out as `2024-03-01`, or `--03-01` without a year (as XML Schema does)."""
    day_first, month_first = _DATES[grammar.language]
    line = day_first.sub(lambda match: _date(match[1], grammar.months[match[2]], match[3]), line)
    return month_first.sub(lambda match: _date(match[2], grammar.months[match[1]], match[3]), line)


def _date(day: str, month: int, year: str | None) -> str:
    return f"{year}-{month:02}-{int(day):02}" if year else f"--{month:02}-{int(day):02}"


def _restored(words: Iterable[str], exact: Sequence[str]) -> Iterable[str]:
    for word in words:
        if word[0] == _EXACT and word[1:].isdigit():
            yield exact[int(word[1:])]
        elif word != ",":
            yield word
