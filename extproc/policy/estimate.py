"""What a request is likely to cost, from what the ones before it did: quantiles of recent output, kept in process.

Never the worst case: a caller who allows 64,000 tokens and gets 300 must not hold the money of 64,000.
"""

from bisect import bisect_left
from collections import OrderedDict
from itertools import accumulate

COLD_STREAM = 256
"""Output tokens taken for likely before anything is known; a stream asks for more as it needs it."""

COLD_WHOLE = 4096
"""The same for an answer that comes whole, and cannot be stopped half way."""

_MOST_SERIES = 8192
_REMEMBERED = 256  # answers that a series remembers, before older ones begin to count half
_EDGES = tuple(sorted({round(2 ** (step / 2)) for step in range(41)}))  # 1 to a million tokens, in steps of 1.4
_SCALE = 1000
_LEAST_RATIO, _MOST_RATIO = _SCALE // 2, _SCALE * 4


class _Series:
    """A histogram of token counts that forgets."""

    __slots__ = ("counts", "total")

    def __init__(self) -> None:
        self.counts = [0] * (len(_EDGES) + 1)
        self.total = 0

    def add(self, tokens: int) -> None:
        if self.total >= _REMEMBERED:
            self.counts = [count // 2 for count in self.counts]
            self.total = sum(self.counts)
        self.counts[bisect_left(_EDGES, tokens)] += 1
        self.total += 1

    def quantile(self, percent: int) -> int:
        """The upper edge of the step in which the quantile lies."""
        wanted = -(-self.total * percent // 100)
        index = bisect_left(list(accumulate(self.counts)), wanted)
        return _EDGES[min(index, len(_EDGES) - 1)]


class Estimator:
    """Learns from every answer; forgets whoever was not heard of for longest.

    `percent` is the quantile that is taken for likely, of streams and of whole answers.
    """

    def __init__(self, *, stream_percent: int = 75, whole_percent: int = 99, least_known: int = 4) -> None:
        self._stream_percent = stream_percent
        self._whole_percent = whole_percent
        self._least_known = least_known
        self._series: OrderedDict[tuple[str, str], _Series] = OrderedDict()
        self._ratios: OrderedDict[tuple[str, str], int] = OrderedDict()

    def output(self, principal: str, model: str, *, stream: bool) -> int | None:
        """Output tokens that an answer of this model to this principal is likely to have; None: nothing is known."""
        percent = self._stream_percent if stream else self._whole_percent
        for key in ((principal, model), ("", model)):
            series = self._series.get(key)
            if series is not None and series.total >= self._least_known:
                return series.quantile(percent)
        return None

    def input(self, principal: str, model: str, counted: int) -> int:
        """Input tokens as the provider is likely to count them, from our own count.

        By the principal's own requests: what one sends that we cannot count is not laid to others.
        """
        return -(-counted * self._ratios.get((principal, model), _SCALE) // _SCALE)

    def learn_output(self, principal: str, model: str, tokens: int) -> None:
        for key in ((principal, model), ("", model)):
            self._touch(key).add(tokens)

    def learn_input(self, principal: str, model: str, counted: int, actual: int) -> None:
        """How far our count was off; a tenth of the difference is believed each time.

        Where it was far off, there was something in the input that is not counted, such as images: that says nothing of
        the next one.
        """
        seen = actual * _SCALE // counted if counted > 0 else 0
        if not _LEAST_RATIO <= seen <= _MOST_RATIO:
            return
        known = self._ratios.pop((principal, model), _SCALE)
        self._ratios[principal, model] = known + (seen - known) // 10
        if len(self._ratios) > _MOST_SERIES:
            self._ratios.popitem(last=False)

    def _touch(self, key: tuple[str, str]) -> _Series:
        series = self._series.pop(key, None) or _Series()
        self._series[key] = series
        if len(self._series) > _MOST_SERIES:
            self._series.popitem(last=False)
        return series
