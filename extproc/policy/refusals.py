"""What a caller is told when a limit or a budget refuses, and what of its limits it sees on an answer."""

from collections.abc import Callable
from datetime import UTC, datetime

from extproc.config.limits import BudgetRule, ConcurrencyLimit, Measure, RateLimit
from extproc.errors import BudgetExceeded, GatewayError, RateLimited
from extproc.genai.money import format_dollars
from extproc.policy.plan import Entry
from extproc.store.base import Account, Bucket, Hold, Position

_WORDS = {
    Measure.REQUESTS: "requests",
    Measure.INPUT_TOKENS: "input tokens",
    Measure.OUTPUT_TOKENS: "output tokens",
    Measure.TOKENS: "tokens",
    Measure.MONEY: "US dollars",
}
_PER = {1: "second", 60: "minute", 3600: "hour", 86400: "day"}


def refusal(entry: Entry, hold: Hold, position: Position, *, status: int, resets_at: int | None) -> GatewayError:
    """The error of a hold that was refused. `status` is that of spent budgets, `resets_at` when there is more of it
    (Unix seconds), None where waiting does not help."""
    match entry.rule:
        case RateLimit() as rule:
            return _rate_limited(rule, entry, hold, position)
        case ConcurrencyLimit() as rule:
            return RateLimited(
                f"Too many requests at once: {_whose(entry)} may have {rule.amount} under way (limit {rule.name!r}).",
                headers={"retry-after": "1"},
                details={"limit_name": rule.name, "scope": rule.scope.value, "limit": rule.amount},
            )
        case BudgetRule() as rule:
            return _spent(rule, entry, hold, position, status, resets_at)


def _rate_limited(rule: RateLimit, entry: Entry, hold: Hold, position: Position) -> RateLimited:
    what, per = _WORDS[rule.measure], _PER.get(rule.seconds, f"{rule.seconds} seconds")
    details = {
        "limit_name": rule.name,
        "scope": rule.scope.value,
        "measure": rule.measure.value,
        "limit": rule.amount,
        "per_seconds": rule.seconds,
        "requested": hold.need,
    }
    if hold.need > rule.burst:
        return RateLimited(
            f"The request needs {hold.need} {what}, and {_whose(entry)} may have {rule.burst} at once"
            f" (limit {rule.name!r}). It will not fit later either.",
            headers={"x-should-retry": "false"},
            details=details,
        )
    seconds = max(1, -(-position.wait_ms // 1000))
    return RateLimited(
        f"Rate limit reached: {_whose(entry)} may have {rule.amount} {what} per {per} (limit {rule.name!r})."
        f" Try again in {seconds} s.",
        headers={"retry-after": str(seconds), "retry-after-ms": str(max(1, position.wait_ms))},
        details=details,
    )


def _spent(
    rule: BudgetRule, entry: Entry, hold: Hold, position: Position, status: int, resets_at: int | None
) -> BudgetExceeded:
    limit = position.spent + position.reserved + position.remaining
    shown = _shown(rule.measure)
    details = {
        "budget": rule.name,
        "scope": rule.scope.value,
        "limit": shown(limit),
        "spent": shown(position.spent),
        "reserved": shown(position.reserved),
        "requested": shown(hold.need),
        "currency": "USD" if rule.measure is Measure.MONEY else rule.measure.value,
        "resets_at": None if resets_at is None else moment(resets_at),
    }
    return BudgetExceeded(
        f"The budget {rule.name!r} of {_whose(entry)} does not pay for this request: {shown(position.spent)} of"
        f" {shown(limit)} {_WORDS[rule.measure]} spent, {shown(position.reserved)} reserved.",
        status=status,
        details=details,
    )


def _shown(measure: Measure) -> Callable[[int], str | int]:
    """Money as decimal dollars, because nano-dollars mean nothing to people."""
    return format_dollars if measure is Measure.MONEY else int


def moment(seconds: int) -> str:
    """Unix seconds as RFC 3339, in UTC."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _whose(entry: Entry) -> str:
    if not entry.label:
        return f"the {entry.rule.scope.value}"
    return f"{entry.rule.scope.value} {entry.label!r}"


def rate_limit_headers(parts: list[tuple[Entry, Account, Position]]) -> tuple[tuple[str, str], ...]:
    """OpenAI's `x-ratelimit-*` headers, of the limit on requests and the one on tokens that is nearest to its end.

    https://platform.openai.com/docs/guides/rate-limits (seen 2026-11-21); `reset` is until the limit is whole again.
    """
    headers: list[tuple[str, str]] = []
    for name, measures in (
        ("requests", (Measure.REQUESTS,)),
        ("tokens", (Measure.TOKENS, Measure.INPUT_TOKENS, Measure.OUTPUT_TOKENS)),
    ):
        buckets = [
            (account, position)
            for entry, account, position in parts
            if entry.enforced and isinstance(account, Bucket) and entry.measure in measures
        ]
        if buckets:
            bucket, position = min(buckets, key=lambda each: each[1].remaining / each[0].capacity)
            headers += [
                (f"x-ratelimit-limit-{name}", str(bucket.capacity)),
                (f"x-ratelimit-remaining-{name}", str(max(0, position.remaining))),
                (f"x-ratelimit-reset-{name}", duration(position.full_ms)),
            ]
    return tuple(headers)


def duration(milliseconds: int) -> str:
    """As OpenAI writes it: 20ms, 1.5s, 6m0s, 1h2m3s."""
    if milliseconds < 1000:
        return f"{milliseconds}ms"
    seconds, rest = divmod(milliseconds, 1000)
    if seconds < 60:
        return f"{seconds + rest / 1000:g}s"
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}h{minutes}m{seconds}s" if hours else f"{minutes}m{seconds}s"
