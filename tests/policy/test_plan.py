"""Which rules apply to whom, and which accounts they count on."""

from dataclasses import replace

import pytest

from extproc.config.limits import (
    BudgetRule,
    Calendar,
    ConcurrencyLimit,
    Measure,
    Mode,
    Period,
    Raise,
    RateLimit,
    Rolling,
    Scope,
    Total,
)
from extproc.policy.plan import Plan, Planner
from extproc.policy.principal import Principal
from extproc.store.base import Bucket, Budget, Position

ANN = Principal("k1", "ann-laptop", user="ann", team="search", organisation="acme", tags=("batch", "beta"))
NOVEMBER, DECEMBER = 1_793_491_200, 1_796_083_200
NOW = 1_795_250_000.0


def requests(**changes: object) -> RateLimit:
    boring = RateLimit(name="r", scope=Scope.KEY, measure=Measure.REQUESTS, amount=10, seconds=60, burst=5)
    return replace(boring, **changes)


def money(**changes: object) -> BudgetRule:
    boring = BudgetRule(name="b", scope=Scope.TEAM, measure=Measure.MONEY, amount=100, window=Total())
    return replace(boring, **changes)


def subjects(plan: Plan) -> list[tuple[str, str, str]]:
    return [(entry.rule.name, entry.subject, entry.partition) for entry in plan.entries]


def test_a_rule_counts_for_whoever_stands_at_its_scope() -> None:
    rules = tuple(requests(name=scope.value, scope=scope) for scope in Scope)
    assert subjects(Planner(rules).plan(ANN, "gpt-*", "gpt-4o")) == [
        ("gateway", "", ""),
        ("organisation", "acme", "acme"),
        ("team", "search", "acme"),
        ("user", "ann", "acme"),
        ("key", "k1", "acme"),
        ("tag", "batch", ""),
        ("tag", "beta", ""),
        ("model", "gpt-*", ""),
    ]


def test_nobody_stands_where_the_caller_has_no_name() -> None:
    rules = tuple(requests(name=scope.value, scope=scope) for scope in Scope)
    nameless = Principal("k1", "k1")
    assert [entry.rule.name for entry in Planner(rules).plan(nameless, "", "").entries] == ["gateway", "key"]


@pytest.mark.parametrize(("subject", "applies"), [("*", True), ("search", True), ("ads", False), ("acme", False)])
def test_a_rule_may_be_about_one_subject(subject: str, *, applies: bool) -> None:
    plan = Planner((money(subject=subject),)).plan(ANN, "gpt-4o", "gpt-4o")
    assert bool(plan.entries) is applies


def test_a_key_is_known_by_its_alias_too() -> None:
    plan = Planner((requests(subject="ann-laptop"),)).plan(ANN, "gpt-4o", "gpt-4o")
    assert subjects(plan) == [("r", "k1", "acme")]


@pytest.mark.parametrize(
    ("models", "applies"),
    [(("*",), True), (("gpt-4o",), True), (("gpt-*",), True), (("o3", "gpt-4*"), True), (("o3",), False)],
)
def test_a_rule_may_be_about_some_models(models: tuple[str, ...], *, applies: bool) -> None:
    plan = Planner((requests(models=models),)).plan(ANN, "gpt-*", "gpt-4o")
    assert bool(plan.entries) is applies


def test_a_principal_brings_rules_of_its_own() -> None:
    ann = replace(ANN, rules=(requests(name="own"),))
    assert [entry.rule.name for entry in Planner((money(),)).plan(ann, "m", "m").entries] == ["b", "own"]


def test_a_plan_is_made_anew_when_the_principal_is_another() -> None:
    planner = Planner(())
    assert planner.plan(ANN, "m", "m") is planner.plan(ANN, "m", "m")
    changed = replace(ANN, rules=(requests(),))
    assert len(planner.plan(changed, "m", "m").entries) == 1


@pytest.mark.parametrize(
    ("rule", "counts_input", "meters_output", "needs_price"),
    [
        (requests(), False, False, False),
        (requests(measure=Measure.TOKENS), True, False, False),
        (requests(measure=Measure.OUTPUT_TOKENS), False, False, False),
        (money(), True, True, True),
        (money(measure=Measure.OUTPUT_TOKENS), False, True, False),
        (money(measure=Measure.INPUT_TOKENS), True, False, False),
        (money(mode=Mode.SHADOW), True, False, False),
        (ConcurrencyLimit(name="c", scope=Scope.KEY, amount=3), False, False, False),
    ],
)
def test_a_plan_says_what_it_needs(
    rule: RateLimit | BudgetRule | ConcurrencyLimit, *, counts_input: bool, meters_output: bool, needs_price: bool
) -> None:
    plan = Planner((rule,)).plan(ANN, "m", "m")
    assert (plan.counts_input, plan.meters_output, plan.needs_price) == (counts_input, meters_output, needs_price)


def test_a_limit_on_a_rate_is_a_bucket() -> None:
    planner = Planner((requests(),))
    entry = planner.plan(ANN, "m", "m").entries[0]
    assert planner.account(entry, (), NOW) == Bucket("acme", "key:k1:r:requests", 5, 10, 60_000)


def test_a_limit_on_what_is_under_way_spends_nothing() -> None:
    planner = Planner((ConcurrencyLimit(name="c", scope=Scope.KEY, amount=3),))
    entry = planner.plan(ANN, "m", "m").entries[0]
    assert planner.account(entry, (), NOW) == Budget("acme", "key:k1:c:requests:under-way", 3, spends=False)


def test_a_calendar_window_has_an_account_of_its_own() -> None:
    planner = Planner((money(window=Calendar(Period.MONTH)),))
    entry = planner.plan(ANN, "m", "m").entries[0]
    assert planner.account(entry, (), NOW) == Budget(
        "acme", f"team:search:b:money:{NOVEMBER}", 100, expires_ms=(DECEMBER + 8 * 86400) * 1000
    )
    assert planner.resets_at(entry, Position(), NOW) == DECEMBER
    assert planner.account(entry, (), DECEMBER).key == f"team:search:b:money:{DECEMBER}"


def test_a_rolling_window_is_one_account() -> None:
    planner = Planner((money(window=Rolling(3600)),))
    entry = planner.plan(ANN, "m", "m").entries[0]
    assert planner.account(entry, (), NOW) == Budget(
        "acme", "team:search:b:money:3600s", 100, 3_600_000, int(NOW + 7200) * 1000
    )
    assert planner.resets_at(entry, Position(), NOW) is None
    assert planner.resets_at(entry, Position(wait_ms=1500), NOW) == int(NOW) + 2


@pytest.mark.parametrize(
    ("raised", "limit"),
    [
        (Raise("b", "search", 50, NOW + 1), 150),
        (Raise("b", "*", 50, NOW + 1), 150),
        (Raise("b", "search", 50, NOW), 100),
        (Raise("b", "ads", 50, NOW + 1), 100),
        (Raise("other", "search", 50, NOW + 1), 100),
    ],
)
def test_a_budget_may_be_raised_for_a_time(raised: Raise, limit: int) -> None:
    planner = Planner((money(),))
    account = planner.account(planner.plan(ANN, "m", "m").entries[0], (raised,), NOW)
    assert isinstance(account, Budget)
    assert account.limit == limit
