"""How much work one request may cause: a bound on CPU that hostile text cannot pass.

The bound is proportional to the text, so that no request pays for another's length: reading is linear by itself (both
matchers are automata), and what is done for each candidate draws on this.
"""

_CHECKS_AT_FIRST = 6_000.0
_CHECKS_PER_CHARACTER = 0.07
_MATCHES_AT_FIRST = 2_000.0
_MATCHES_PER_CHARACTER = 0.022


class Allowance:
    """What is left for one request. Costs of checks are in microseconds of one core.

    `capped`: something was found that could not be looked at, and counts as detected.
    """

    def __init__(self) -> None:
        self._checks = _CHECKS_AT_FIRST
        self._matches = _MATCHES_AT_FIRST
        self.capped = False

    def grow(self, characters: int) -> None:
        """Another text of the request."""
        self._checks += characters * _CHECKS_PER_CHARACTER
        self._matches += characters * _MATCHES_PER_CHARACTER

    def check(self, cost: float) -> bool:
        """Whether a candidate may be checked for this cost; if not, it counts as detected."""
        self._checks -= cost
        if self._checks >= 0:
            return True
        self.capped = True
        return False

    def spend(self, cost: float) -> None:
        """What a check has cost, where that is known only afterwards."""
        self._checks -= cost

    def match(self, cost: float = 1.0) -> bool:
        """Whether another candidate may be looked for; if not, the rest of the text counts as detected. `cost` is in
        matches over bytes."""
        self._matches -= cost
        if self._matches >= 0:
            return True
        self.capped = True
        return False
