"""International bank account numbers (ISO 13616), grouped or not, on one line or two."""

from collections.abc import Iterator, Sequence

import re2

from extproc.privacy.detect import checksums
from extproc.privacy.detect.allowance import Allowance
from extproc.privacy.detect.entity import Entity
from extproc.privacy.detect.prefilter import latin_1
from extproc.privacy.detect.span import Span

_LEAD = rb"(?i)\b(?:%b)\d{2}[\s-]{0,2}[A-Z0-9]{3}" % "|".join(checksums.IBAN_LENGTHS).encode("ascii")
_MOST_WRITTEN = 48  # 33 characters, in groups of four or less
_COST = 10.0


class Ibans:
    """Finds them by country and length, since what follows may look like more of the number."""

    hints = (rb"(?i)[a-z]{2}\d{2}[\s-]{0,2}[a-z0-9]{3}",)

    def __init__(self) -> None:
        self._lead = re2.compile(_LEAD, latin_1())

    def find(self, view: bytes, hit: Sequence[bool], allowance: Allowance) -> Iterator[Span]:
        taken = 0
        for match in self._lead.finditer(view):
            start = match.start()
            if not allowance.match():
                yield Span(start, len(view), Entity.IBAN_CODE)
                return
            if start < taken:
                continue
            end = _end(view, start)
            if end is None:
                continue
            if not allowance.check(_COST):
                yield Span(start, end, Entity.IBAN_CODE)
            elif checksums.iban(str(_compact(view[start:end]), "ascii")):
                taken = end
                yield Span(start, end, Entity.IBAN_CODE, True)


def _end(view: bytes, start: int) -> int | None:
    """Where the account number ends by the length its country has; None if there is something else before."""
    length = checksums.IBAN_LENGTHS[str(view[start : start + 2], "ascii").upper()]
    written = view[start : start + _MOST_WRITTEN]
    end = length
    while (missing := length - len(_compact(written[:end]))) > 0 and end < len(written):
        end += missing
    end = min(end, len(written))
    whole = len(_compact(written[:end])) == length and _compact(written[:end]).isalnum()
    return start + end if whole and not view[start + end : start + end + 1].isalnum() else None


def _compact(written: bytes) -> bytes:
    return written.translate(None, b" -\t\r\n")
