"""Which limits and budgets a request counts for: the rules that apply to a principal and a model, with accounts."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from extproc.config.limits import (
    EACH,
    AnyRule,
    BudgetRule,
    Calendar,
    ConcurrencyLimit,
    Measure,
    Mode,
    Raise,
    RateLimit,
    Rolling,
    Scope,
)
from extproc.config.lookup import covers
from extproc.policy.principal import Principal
from extproc.policy.windows import Span, span
from extproc.store.base import Account, Bucket, Budget, Position

_MOST_PLANS = 16384
_KEPT_SECONDS = 8 * 86400  # how long a calendar window is kept after its end, for those who ask
_SHARED = (Scope.GATEWAY, Scope.TAG, Scope.MODEL)  # about callers of many organisations


@dataclass(frozen=True, slots=True)
class Entry:
    """A rule as it applies to somebody. `subject` is whom it counts for at the rule's scope; `label` what people know
    that by, `partition` what its account can be changed together with. `own`: it is the principal's own rule, not the
    document's."""

    rule: AnyRule
    subject: str
    label: str
    partition: str
    own: bool = False

    @property
    def enforced(self) -> bool:
        return self.rule.mode is Mode.ENFORCE

    @property
    def measure(self) -> Measure:
        """What is counted; requests where it is those under way."""
        return Measure.REQUESTS if isinstance(self.rule, ConcurrencyLimit) else self.rule.measure


@dataclass(frozen=True, slots=True)
class Plan:
    """What a request of one principal for one model counts for.

    `counts_input`: some rule wants its tokens counted. `meters_output`: an enforced budget may end with a stream under
    way, so that it must be watched. `needs_price`: an enforced budget is of money.
    """

    principal: Principal
    model: str
    entries: tuple[Entry, ...]
    counts_input: bool
    meters_output: bool
    needs_price: bool

    def of_requests(self) -> "Plan":
        """The limits on requests alone: what an answer counts for that uses nothing."""
        entries = tuple(entry for entry in self.entries if entry.measure is Measure.REQUESTS)
        return Plan(self.principal, self.model, entries, counts_input=False, meters_output=False, needs_price=False)

    def of_use(self) -> "Plan":
        """All other limits, and the budgets."""
        return replace(self, entries=tuple(entry for entry in self.entries if entry.measure is not Measure.REQUESTS))


class Planner:
    """Plans and their accounts, of one document and one state of the registry."""

    def __init__(self, rules: tuple[AnyRule, ...]) -> None:
        self._rules = rules
        self._plans: dict[tuple[str, str, str], Plan] = {}
        self._spans: dict[Calendar, Span] = {}

    def plan(self, principal: Principal, model: str, name: str) -> Plan:
        """`model` is the operator's name of the model, `name` the caller's; both empty where none is named."""
        key = (principal.id, model, name)
        known = self._plans.get(key)
        if known is not None and known.principal is principal:
            return known
        if len(self._plans) >= _MOST_PLANS:
            self._plans.clear()
        self._plans[key] = made = _plan(principal, model, name, self._rules)
        return made

    def all_entries(self, principal: Principal) -> tuple[Entry, ...]:
        """Every rule about the principal, whatever model it is about; those of each single model are left out."""
        return tuple(
            Entry(rule, subject, label, _partition(rule, principal), own)
            for rule, own in _with_own(self._rules, principal)
            if rule.scope is not Scope.MODEL
            for subject, label in _subjects(rule, principal, "", "")
        )

    def has(self, entry: Entry) -> bool:
        """Whether its rule is one of the document's; whether a principal's own is still there is not known here."""
        return entry.own or entry.rule in self._rules

    def account(self, entry: Entry, raises: Iterable[Raise], now: float) -> Account:
        """The account that the entry counts on at Unix time `now`."""
        rule = entry.rule
        key = f"{rule.scope}:{entry.subject}:{rule.name}:{entry.measure}"
        match rule:
            case RateLimit():
                return Bucket(entry.partition, key, rule.burst, rule.amount, rule.seconds * 1000)
            case ConcurrencyLimit():
                return Budget(entry.partition, f"{key}:under-way", rule.amount, spends=False)
            case BudgetRule():
                limit = rule.amount + _raised(rule, entry, raises, now)
                return self._budget(rule, entry.partition, key, limit, now)

    def resets_at(self, entry: Entry, position: Position, now: float) -> int | None:
        """When there is more of the budget, Unix seconds: its calendar window ends, or the oldest step of its rolling
        window leaves. None where waiting does not help. `position` is that of a refusal or a reading."""
        rule = entry.rule
        if isinstance(rule, BudgetRule) and isinstance(rule.window, Calendar):
            return self._span(rule.window, now).end
        if isinstance(rule, BudgetRule) and position.wait_ms:
            return -(-(int(now * 1000) + position.wait_ms) // 1000)
        return None

    def _budget(self, rule: BudgetRule, partition: str, key: str, limit: int, now: float) -> Budget:
        match rule.window:
            case Calendar() as window:
                current = self._span(window, now)
                expires_ms = (current.end + _KEPT_SECONDS) * 1000
                return Budget(partition, f"{key}:{current.start}", limit, expires_ms=expires_ms)
            case Rolling(seconds):
                return Budget(partition, f"{key}:{seconds}s", limit, seconds * 1000, int(now + 2 * seconds) * 1000)
            case _:
                return Budget(partition, key, limit)

    def _span(self, window: Calendar, now: float) -> Span:
        known = self._spans.get(window)
        if known is None or not known.start <= now < known.end:
            self._spans[window] = known = span(window, now)
        return known


def _plan(principal: Principal, model: str, name: str, rules: Iterable[AnyRule]) -> Plan:
    entries = tuple(
        Entry(rule, subject, label, _partition(rule, principal), own)
        for rule, own in _with_own(rules, principal)
        if covers(rule.models, model, name)
        for subject, label in _subjects(rule, principal, model, name)
    )
    budgets = [entry for entry in entries if entry.enforced and isinstance(entry.rule, BudgetRule)]
    return Plan(
        principal=principal,
        model=model,
        entries=entries,
        counts_input=any(entry.measure not in (Measure.REQUESTS, Measure.OUTPUT_TOKENS) for entry in entries),
        meters_output=any(entry.measure not in (Measure.REQUESTS, Measure.INPUT_TOKENS) for entry in budgets),
        needs_price=any(entry.measure is Measure.MONEY for entry in budgets),
    )


def _with_own(rules: Iterable[AnyRule], principal: Principal) -> Iterator[tuple[AnyRule, bool]]:
    """All rules, and whether each is the principal's own."""
    yield from ((rule, False) for rule in rules)
    yield from ((rule, True) for rule in principal.rules)


def _partition(rule: AnyRule, principal: Principal) -> str:
    return "" if rule.scope in _SHARED else principal.organisation


def _subjects(rule: AnyRule, principal: Principal, model: str, name: str) -> Iterator[tuple[str, str]]:
    """Whom the rule counts the request for: none, one, or one for each tag; with what people know each by."""
    for subject, label in _candidates(rule.scope, principal, model, name):
        if subject and rule.subject in (EACH, subject, label):
            yield subject, label
    if rule.scope is Scope.GATEWAY:
        yield "", ""


def _candidates(scope: Scope, principal: Principal, model: str, name: str) -> Iterable[tuple[str, str]]:
    match scope:
        case Scope.GATEWAY:
            return ()
        case Scope.KEY:
            return ((principal.id, principal.alias),)
        case Scope.TAG:
            return ((tag, tag) for tag in principal.tags)
        case Scope.MODEL:
            return ((model, name),)
        case Scope.ORGANISATION:
            return ((principal.organisation, principal.organisation),)
        case Scope.TEAM:
            return ((principal.team, principal.team),)
        case Scope.USER:
            return ((principal.user, principal.user),)


def _raised(rule: BudgetRule, entry: Entry, raises: Iterable[Raise], now: float) -> int:
    # a team's own budget and a key's may have one name, and the team's name may be the key's alias
    whose = (EACH, entry.subject) if entry.own else (EACH, entry.subject, entry.label)
    return sum(
        each.amount for each in raises if each.budget == rule.name and now < each.until and each.subject in whose
    )
