"""How much a stream has produced so far, without counting more often than there is need to.

A token is at least one byte of UTF-8, so as long as the bytes since the last count fit into what is allowed, nothing
is counted. Summed counts of pieces are a little more than a count of the whole, never less by much: a meter
should err towards what the provider bills.
"""

from collections.abc import Callable, Sequence


class OutputMeter:
    """Watches `text`, a list that grows. `count` gives the tokens of a text."""

    def __init__(self, text: Sequence[str], count: Callable[[str], int]) -> None:
        self._text = text
        self._count = count
        self._seen = 0
        self._pending: list[str] = []
        self._pending_length = 0
        self._tokens = 0

    def exceeds(self, tokens: int) -> bool:
        """Whether more than so many tokens were produced."""
        self._take()
        if self._tokens + self._pending_length <= tokens:
            return False
        return self.tokens() > tokens

    def tokens(self) -> int:
        """What was produced, counted."""
        self._take()
        if self._pending:
            self._tokens += self._count("".join(self._pending))
            self._pending.clear()
            self._pending_length = 0
        return self._tokens

    def _take(self) -> None:
        if len(self._text) > self._seen:
            fresh = self._text[self._seen :]
            self._seen += len(fresh)
            self._pending += fresh
            self._pending_length += sum(map(_bytes, fresh))


def _bytes(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode(errors="surrogatepass"))
