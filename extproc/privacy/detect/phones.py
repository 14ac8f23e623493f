"""Telephone numbers: international ones of every country, national ones of the regions that are asked for.

Which numbers there are comes from libphonenumber's metadata (package `phonenumbers`); its parser takes a hundred times
as long as an expression made of that metadata.
"""

from collections.abc import Iterable, Iterator, Sequence

import re2
from phonenumbers import COUNTRY_CODE_TO_REGION_CODE
from phonenumbers.phonemetadata import PhoneMetadata

from extproc.privacy.detect.allowance import Allowance
from extproc.privacy.detect.context import Context
from extproc.privacy.detect.entity import Entity
from extproc.privacy.detect.prefilter import latin_1
from extproc.privacy.detect.separator import behind_last
from extproc.privacy.detect.span import Span

_CANDIDATE = rb"(?i)(?:\+|\(\+? ?|\b)\d(?:[ .()/-]{0,3}\d){6,16}(?: ?(?:x|ext\.?|extension|durchwahl) ?\d{1,6}\b)?"
_SEPARATORS = b" .()/-"
_TO_SPACES = bytes.maketrans(_SEPARATORS, b" " * len(_SEPARATORS))
_KINDS = "fixed_line mobile toll_free premium_rate shared_cost personal_number voip pager uan".split()  # noqa: SIM905
_NOT_A_NUMBER = (
    rb"(?:19|20)\d\d[./-]\d{1,2}[./-]\d{1,2}|\d{1,2}[./-]\d{1,2}[./-](?:19|20)\d\d"  # dates
    rb"|^\d+\.\d+$|^\d{1,3}(?:\.\d{1,3}){3}$|^\d{1,3}(?:\.\d{3})+$"  # decimals, addresses, thousands
)
_NOUNS = rb"phone|tel|mobil|cell|fax|whatsapp|handy|portable|movil|celular|komork|hotline"
_VERBS = rb"call|ring|reach|text|dial|contact|joindre|appel|erreich|ruf|anruf|llam|chiam|bel|zadzwon|dzwon|lig|nas"
_ANNOUNCED = (
    rb"(?i)(?:\b(?:tele)?(?:%b)[a-z]{0,8}|\b(?:%b)[a-z]{0,8}[^0-9.!?]{0,24}\b(?:on|at|unter|au|al|a|op|pod|no|pa))"
    rb"[.:#]?\s{0,2}(?:(?:number|no|nr|num|is|at|on|ist|es|e|to)\b[ :.]{0,3}){0,2}$" % (_NOUNS, _VERBS)
)
"""Words right before a number that leave no doubt what it is."""
_BEFORE = 48
_JOINED_BEFORE = b"#$-_/.=&%:"
_COST = 5.0
_LONGEST_CODE = 3
_FEWEST, _MOST = 7, 15  # digits of an international number (ITU-T E.164)


class Phones:
    """Finds numbers; the second hint is the words that speak of them."""

    def __init__(self, regions: Iterable[str]) -> None:
        self._context = Context(Entity.PHONE_NUMBER)
        self.hints = (_CANDIDATE, rb"(?i)(?:%b|%b)" % (_NOUNS, _VERBS))
        options = latin_1()
        self._candidates = re2.compile(_CANDIDATE, options)
        self._not_a_number = re2.compile(_NOT_A_NUMBER, options)
        self._announced = re2.compile(_ANNOUNCED, options)
        self._national = re2.compile(_national_expression(regions), options)

    def find(self, view: bytes, hit: Sequence[bool], allowance: Allowance) -> Iterator[Span]:
        for match in self._candidates.finditer(view):
            start, end = match.span()
            if not allowance.match():
                yield Span(start, len(view), Entity.PHONE_NUMBER)
                return
            if not allowance.check(_COST):
                yield Span(start, end, Entity.PHONE_NUMBER)
                continue
            end = self._end(view, start, end, hit[1])
            if end is not None:
                yield Span(start, end, Entity.PHONE_NUMBER)

    def _end(self, view: bytes, start: int, end: int, words: bool) -> int | None:
        """Where the number ends: other digits may follow it. None if there is none."""
        if view[end : end + 1].isalnum():
            return None
        return next((stop for stop in _ends(view, start, end) if self._is_number(view, start, stop, words)), None)

    def _is_number(self, view: bytes, start: int, end: int, words: bool) -> bool:
        """Whether it is one by its country's code, by the words before it, or by how its region writes numbers."""
        written = view[start:end]
        digits = _digits(written)
        if written.startswith((b"+", b"(+")) and _is_international(written, digits):
            return True
        if written.startswith(b"00") and _is_international(written[2:], digits[2:]):
            return not _is_joined(view, start, end)
        national = self._national.fullmatch(digits) is not None
        if not (national or words) or self._not_a_number.search(written):
            return False
        if words and self._announced.search(behind_last(view[max(0, start - _BEFORE) : start])):
            return _FEWEST <= len(digits) <= _MOST
        return national and not _is_joined(view, start, end) and self._is_written_as_one(view, start, end, words)

    def _is_written_as_one(self, view: bytes, start: int, end: int, words: bool) -> bool:
        written = view[start:end]
        groups = _groups(written)
        return _is_formatted(written, groups) or (words and len(groups) > 1 and self._context.near(view, start, end))


def _national_expression(regions: Iterable[str]) -> bytes:
    """Numbers as they are dialled within each region, with the prefix where it is not left out."""
    return rf"(?:{'|'.join(map(_region_expression, regions)) or '[^0-9]'})".encode("ascii")


def _region_expression(region: str) -> str:
    metadata = PhoneMetadata.metadata_for_region(region)
    if metadata is None:
        raise ValueError(f"{region!r} is no region with telephone numbers.")
    kinds = (getattr(metadata, kind) for kind in _KINDS)
    patterns = {kind.national_number_pattern for kind in kinds if kind is not None and kind.national_number_pattern}
    prefix = metadata.national_prefix or ""
    written = any(prefix and prefix in (form.national_prefix_formatting_rule or "") for form in metadata.number_format)
    optional = "" if prefix and written else "?"
    return f"(?:{prefix}){optional}(?:{'|'.join(sorted(patterns))})"


def _is_international(written: bytes, digits: bytes) -> bool:
    """A country's code first, which ends where the first group does if that is short."""
    if not _FEWEST < len(digits) <= _MOST:
        return False
    first = len(_groups(written.lstrip(b"(+"))[0])
    sizes = (first,) if first <= _LONGEST_CODE else range(1, _LONGEST_CODE + 1)
    return any(int(digits[:size]) in COUNTRY_CODE_TO_REGION_CODE for size in sizes)


def _digits(written: bytes) -> bytes:
    """Without separators, plus sign, extension, and the trunk prefix that some write in brackets."""
    compact = written.replace(b"(0)", b"").translate(None, _SEPARATORS + b"+")
    extension = compact.lstrip(b"0123456789")
    return compact.removesuffix(extension)


def _ends(view: bytes, start: int, end: int) -> Iterator[int]:
    """The candidate, then without its last group, and the one before."""
    yield end
    for _ in range(2):
        written = view[start:end]
        last = max(written.rfind(bytes((sign,))) for sign in _SEPARATORS)
        if last <= 0:
            return
        end = start + len(written[:last].rstrip(_SEPARATORS))
        yield end


def _groups(written: bytes) -> list[bytes]:
    return written.translate(_TO_SPACES).split()


def _is_formatted(written: bytes, groups: list[bytes]) -> bool:
    """In groups, as nothing else is: in brackets, with the prefix 0, or three, three and four."""
    if len(groups) < 2 or len(groups[-1]) == 1:
        return False
    prefixed = written.startswith(b"0") and len(groups[0]) > 1
    return prefixed or written.startswith(b"(") or [len(group) for group in groups[-3:]] == [3, 3, 4]


def _is_joined(view: bytes, start: int, end: int) -> bool:
    """Whether the number is part of something longer: an order number, a path, a sum of money."""
    before, after = view[max(0, start - 1) : start], view[end : end + 2]
    return (before != b"" and before in _JOINED_BEFORE) or (
        after[:1] in (b"-", b"_", b"/", b".") and after[1:].isalnum()
    )
