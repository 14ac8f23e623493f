"""A circuit breaker: while a server is away, its callers learn so at once rather than each after a timeout."""

from collections.abc import Callable

_FIRST_PAUSE_SECONDS = 0.25
_LONGEST_PAUSE_SECONDS = 2.0


class Circuit:
    """Open after a failure, for a pause that doubles with every further one; then one probe at a time may try.

    `now` is monotonic time in seconds, `chance` gives 0 to 1: a pause is cut by up to half, so that many gateways do
    not come back at once. `patience` is how long a probe may take, in seconds. `changed` is told of every change.
    """

    def __init__(
        self,
        patience: float,
        now: Callable[[], float],
        chance: Callable[[], float],
        changed: Callable[[], None],
    ) -> None:
        self._patience = patience
        self._now = now
        self._chance = chance
        self._changed = changed
        self._failures = 0
        self._probing = False
        self._next_probe = 0.0

    @property
    def closed(self) -> bool:
        return self._failures == 0

    def admits(self) -> bool:
        """Whether to try. Where that is a probe, the next one waits until this one has had its time."""
        if self.closed:
            return True
        if self._now() < self._next_probe:
            return False
        self._probing = True
        self._next_probe = self._now() + self._patience
        return True

    def succeeded(self) -> None:
        if not self.closed:
            self._failures = 0
            self._probing = False
            self._changed()

    def failed(self) -> None:
        if not self.closed and not self._probing:
            return  # what was under way when it opened is not news
        self._probing = False
        self._failures += 1
        longest = min(_FIRST_PAUSE_SECONDS * 2.0 ** (self._failures - 1), _LONGEST_PAUSE_SECONDS)
        self._next_probe = self._now() + longest * (1 - self._chance() / 2)
        if self._failures == 1:
            self._changed()
