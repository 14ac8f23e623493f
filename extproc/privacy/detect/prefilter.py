"""Which of many expressions are anywhere in a text: one pass of Hyperscan, however many there are."""

from collections.abc import Sequence

import hyperscan
import re2


def latin_1(*, longest: bool = False) -> re2.Options:
    """Options for expressions over what `normalise` gives: bytes that are characters."""
    options = re2.Options()
    options.encoding = re2.Options.Encoding.LATIN1
    options.longest_match = longest
    options.log_errors = False
    return options


class Prefilter:
    """A compiled database. Its scratch space is its own, so one thread may scan at a time."""

    def __init__(self, expressions: Sequence[bytes]) -> None:
        self._database = hyperscan.Database() if expressions else None
        if self._database is not None:
            self._database.compile(
                expressions=expressions,
                ids=range(len(expressions)),
                flags=[hyperscan.HS_FLAG_SINGLEMATCH] * len(expressions),
            )

    def scan(self, view: bytes) -> set[int]:
        """Places in `expressions` of those that match somewhere."""
        found: set[int] = set()

        def on_match(place: int, start: int, end: int, flags: int, context: object) -> None:
            found.add(place)

        if view and self._database is not None:
            self._database.scan(view, match_event_handler=on_match)
        return found
