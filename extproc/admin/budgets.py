"""`/budget/…`: how budgets stand, and more for one of them until a moment."""

from collections.abc import Sequence

from extproc.admin.accounts import Accounts, BudgetAccount
from extproc.admin.fields import (
    Amount,
    BudgetAnswer,
    BudgetInfo,
    BudgetList,
    BudgetListQuery,
    BudgetQuery,
    DeletedRaise,
    RaiseBudget,
    RaiseChoice,
    RaiseInfo,
)
from extproc.admin.pages import found
from extproc.admin.refusals import InvalidField, no_such
from extproc.admin.registrar import Registrar
from extproc.admin.times import shown, shown_if_any, until
from extproc.config.keys import new_id
from extproc.config.limits import EACH, BudgetRule, Calendar, Measure, Rolling, Window
from extproc.config.rules import money
from extproc.errors import NotFound
from extproc.genai.money import format_dollars
from extproc.policy.plan import Planner
from extproc.policy.registry_records import RAISE, RaiseRecord
from extproc.store.base import MOST, Budget, Position

_MOST_NAMESAKES = 100
_KEPT_SECONDS = 7 * 86_400  # how long a raise is kept after its end, for those who look


async def list_budgets(registrar: Registrar, query: BudgetListQuery) -> BudgetList:
    """Budgets of everybody who is known by name, the document's first."""
    await registrar.catch_up()
    accounts = Accounts(registrar.gateway, registrar.records).all(query.budget, query.scope, query.subject)
    shown_accounts = await found(accounts, (query.page - 1) * query.size, query.size + 1)
    infos = await _infos(registrar, shown_accounts[: query.size])
    return BudgetList(budgets=infos, current_page=query.page, has_more=len(shown_accounts) > query.size)


async def info(registrar: Registrar, query: BudgetQuery) -> BudgetAnswer:
    """One budget of one subject, and the raises that are in force for it."""
    await registrar.catch_up()
    (account, *others) = await _find(registrar, query.budget, query.subject, query.organization_id)
    if others:
        raise InvalidField(f"The budget {query.budget!r} is of several: say of which.", param="subject")
    (shown_budget,) = await _infos(registrar, [account])
    raised = registrar.records.raised
    raises = [(raise_id, record) for raise_id in raised if (record := raised.record(raise_id))]
    return BudgetAnswer(
        budget=shown_budget,
        raises=tuple(
            _raise_info(raise_id, record)
            for raise_id, record in raises
            if record.budget == account.rule.name
            and registrar.now < record.until
            and (record.subject == EACH or account.subject.is_called(record.subject))
        ),
    )


async def raise_budget(registrar: Registrar, fields: RaiseBudget) -> RaiseInfo:
    """More for a budget, until a moment."""
    await registrar.catch_up()
    end = until(registrar.now, fields.duration, fields.until, "until")
    if end is None:
        raise InvalidField("Give duration or until.", param="until")
    rule, subject = await _raised(registrar, fields.budget, fields.subject)
    record = RaiseRecord(
        budget=rule.name,
        subject=subject,
        measure=rule.measure,
        amount=_amount(rule.measure, fields.amount),
        until=end,
        created=registrar.now,
    )
    await _forget_old(registrar)
    raise_id = new_id()
    await registrar.create(RAISE, raise_id, record)
    return _raise_info(raise_id, record)


async def delete_raise(registrar: Registrar, fields: RaiseChoice) -> DeletedRaise:
    """Ends a raise at once."""
    if not await registrar.delete(RAISE, fields.raise_id):
        raise NotFound("There is no such raise.", param="raise_id", code="raise_not_found")
    return DeletedRaise(deleted_raise=fields.raise_id)


async def _raised(registrar: Registrar, budget: str, subject: str | None) -> tuple[BudgetRule, str]:
    """The rule and whom it is raised for; only a rule of the document can be raised for each of them."""
    documented = Accounts(registrar.gateway, registrar.records).rules()
    rule = next((rule for rule in documented if rule.name == budget), None)
    if rule is not None and subject == EACH:
        return rule, EACH
    (account, *others) = await _find(registrar, budget, subject, None)
    if any((other.rule, other.subject.name) != (account.rule, account.subject.name) for other in others):
        raise InvalidField(f"The budget {budget!r} is of several: say of which.", param="subject")
    return account.rule, account.subject.name or EACH


async def _find(
    registrar: Registrar, budget: str, subject: str | None, organisation: str | None
) -> Sequence[BudgetAccount]:
    """At least one. Raises NotFound."""
    accounts = Accounts(registrar.gateway, registrar.records)
    matching = await found(accounts.all(budget, None, subject), 0, _MOST_NAMESAKES)
    matching = [each for each in matching if organisation in (None, each.subject.organisation)]
    if not matching and subject:
        by_name = accounts.by_name(budget, subject, organisation or "")
        matching = [] if by_name is None else [by_name]
    if matching:
        return matching
    if await found(accounts.all(budget), 0, 1):
        raise NotFound(f"There is no budget {budget!r} of {subject!r}.", param="subject", code="budget_not_found")
    raise no_such("budget", budget, (rule.name for rule in accounts.rules()), "budget")


def _amount(measure: Measure, amount: Amount) -> int:
    """In nano-dollars or tokens. Raises InvalidField."""
    if measure is Measure.MONEY:
        try:
            return money(amount)
        except ValueError as error:
            raise InvalidField(f"amount: {error}.", param="amount") from None
    tokens = float(amount)
    if not tokens.is_integer() or not 0 < tokens <= MOST:
        raise InvalidField("amount: must be a whole number of tokens, more than 0.", param="amount")
    return int(tokens)


async def _forget_old(registrar: Registrar) -> None:
    raised = registrar.records.raised
    for raise_id in list(raised):
        record = raised.record(raise_id)
        if record is not None and record.until + _KEPT_SECONDS < registrar.now:
            await registrar.delete(RAISE, raise_id)


async def _infos(registrar: Registrar, accounts: Sequence[BudgetAccount]) -> tuple[BudgetInfo, ...]:
    planner, now = Planner(()), registrar.now
    entries = [(account, entry) for account in accounts if (entry := account.entry()) is not None]
    kept = [planner.account(entry, registrar.records.raises, now) for _, entry in entries]
    positions = await registrar.positions(kept)
    return tuple(
        _info(account, budget, position, planner.resets_at(entry, position, now))
        for (account, entry), budget, position in zip(entries, kept, positions, strict=True)
        if isinstance(budget, Budget)
    )


def _info(account: BudgetAccount, kept: Budget, position: Position, resets_at: int | None) -> BudgetInfo:
    rule = account.rule
    return BudgetInfo(
        budget=rule.name,
        scope=rule.scope.value,
        subject=account.subject.name,
        label=account.subject.label,
        organization_id=account.subject.organisation,
        models=rule.models,
        mode=rule.mode.value,
        currency="USD" if rule.measure is Measure.MONEY else rule.measure.value,
        limit=_shown(rule.measure, kept.limit),
        raised=_shown(rule.measure, kept.limit - rule.amount),
        spent=_shown(rule.measure, position.spent),
        reserved=_shown(rule.measure, position.reserved),
        remaining=_shown(rule.measure, position.remaining),
        window=_window(rule.window),
        resets_at=shown_if_any(resets_at),
    )


def _shown(measure: Measure, amount: int) -> str | int:
    return format_dollars(amount) if measure is Measure.MONEY else amount


def _window(window: Window) -> str:
    match window:
        case Rolling(seconds):
            return f"rolling {seconds}s"
        case Calendar(period, time_zone):
            return f"calendar {period.value} {time_zone}"
        case _:
            return "total"


def _raise_info(raise_id: str, record: RaiseRecord) -> RaiseInfo:
    return RaiseInfo(
        raise_id=raise_id,
        budget=record.budget,
        subject=record.subject,
        amount=_shown(record.measure, record.amount),
        until=shown(record.until),
        created_at=shown(record.created),
    )
