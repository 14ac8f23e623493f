"""Limits, budgets and accounting: what their entries mean, and mistakes."""

from collections.abc import Iterable
from typing import Any

import pytest
from gateway_documents import RIGHT, loaded

from extproc.config.limits import (
    AnyRule,
    BudgetRule,
    Calendar,
    ConcurrencyLimit,
    Measure,
    Mode,
    Period,
    RateLimit,
    Rolling,
    Scope,
    StoreAway,
    Total,
    Window,
)
from extproc.config.mistakes import ConfigErrors
from extproc.config.model import UnknownPrice
from extproc.genai.money import Rates

MINUTE = "{amount: 100, per: minute}"


def top(lines: str) -> str:
    return RIGHT + lines + "\n"


def _flow(entries: Iterable[str]) -> str:
    return ", ".join(f"{{{entry}}}" for entry in entries)


def limits(*entries: str) -> str:
    return top(f"limits: {{rules: [{_flow(entries)}]}}")


def budgets(*entries: str) -> str:
    return top(f"budgets: [{_flow(entries)}]")


def rules(text: str) -> tuple[AnyRule, ...]:
    return loaded(text).rules


def window(written: str) -> Window:
    (rule,) = rules(budgets(f"name: a, scope: gateway, tokens: 1, window: {written}"))
    assert isinstance(rule, BudgetRule)
    return rule.window


def test_one_entry_with_several_measures_is_several_rules() -> None:
    text = limits(
        "name: research, scope: team, of: research, models: [gpt-4o], "
        "requests: {amount: 10, per: second, burst: 20}, input_tokens: {amount: 1, per: minute}, "
        "output_tokens: {amount: 2, per: hour}, tokens: {amount: 3, per: day, burst: 1}, concurrent: 4, "
        "mode: shadow, store_away: allow, local_share: 50"
    )
    common: dict[str, Any] = {
        "scope": Scope.TEAM,
        "subject": "research",
        "models": ("gpt-4o",),
        "mode": Mode.SHADOW,
        "store_away": StoreAway.ALLOW,
        "local_share": 50,
    }
    assert rules(text) == (
        RateLimit(name="research.requests", measure=Measure.REQUESTS, amount=10, seconds=1, burst=20, **common),
        RateLimit(name="research.input_tokens", measure=Measure.INPUT_TOKENS, amount=1, seconds=60, burst=1, **common),
        RateLimit(
            name="research.output_tokens", measure=Measure.OUTPUT_TOKENS, amount=2, seconds=3600, burst=2, **common
        ),
        RateLimit(name="research.tokens", measure=Measure.TOKENS, amount=3, seconds=86400, burst=1, **common),
        ConcurrencyLimit(name="research.concurrent", amount=4, **common),
    )


def test_the_smallest_limit_and_its_defaults() -> None:
    assert rules(limits(f"name: a, scope: key, requests: {MINUTE}")) == (
        RateLimit(
            name="a.requests",
            scope=Scope.KEY,
            subject="*",
            models=("*",),
            mode=Mode.ENFORCE,
            store_away=StoreAway.LOCAL,
            local_share=10,
            measure=Measure.REQUESTS,
            amount=100,
            seconds=60,
            burst=100,
        ),
    )


def test_a_budget_of_money() -> None:
    text = budgets(
        "name: month, scope: organisation, of: acme, models: [gpt-4o], amount: '500.00', "
        "window: {calendar: month, time_zone: Europe/Berlin}, soft: [80, 95], mode: shadow, store_away: local"
    )
    assert rules(text) == (
        BudgetRule(
            name="month",
            scope=Scope.ORGANISATION,
            subject="acme",
            models=("gpt-4o",),
            mode=Mode.SHADOW,
            store_away=StoreAway.LOCAL,
            measure=Measure.MONEY,
            amount=500_000_000_000,
            window=Calendar(Period.MONTH, "Europe/Berlin"),
            soft=(80, 95),
        ),
    )


def test_the_smallest_budget_and_its_defaults() -> None:
    assert rules(budgets("name: a, scope: user, amount: 0.5, window: total")) == (
        BudgetRule(
            name="a",
            scope=Scope.USER,
            subject="*",
            store_away=StoreAway.DENY,
            local_share=10,
            measure=Measure.MONEY,
            amount=500_000_000,
            window=Total(),
        ),
    )


@pytest.mark.parametrize("measure", [Measure.TOKENS, Measure.INPUT_TOKENS, Measure.OUTPUT_TOKENS])
def test_a_budget_of_tokens(measure: Measure) -> None:
    (rule,) = rules(budgets(f"name: a, scope: gateway, {measure}: 4503599627370496, window: total"))
    assert isinstance(rule, BudgetRule)
    assert (rule.measure, rule.amount) == (measure, 4_503_599_627_370_496)


def test_windows() -> None:
    written = [
        "total",
        "{rolling: 90m}",
        "{rolling: 30d}",
        "{calendar: day}",
        "{calendar: week, time_zone: Asia/Tokyo}",
    ]
    assert [window(each) for each in written] == [
        Total(),
        Rolling(5400),
        Rolling(2592000),
        Calendar(Period.DAY, "UTC"),
        Calendar(Period.WEEK, "Asia/Tokyo"),
    ]


def test_the_models_of_a_rule_may_cover_several() -> None:
    (rule,) = rules(limits("name: a, scope: gateway, models: ['gpt-*'], concurrent: 1"))
    assert rule.models == ("gpt-*",)


def test_subjects_of_open_sets() -> None:
    written = ["scope: user, of: ann@example.com", "scope: tag, of: nightly", "scope: team, of: any"]
    made = rules(limits(*(f"name: a{number}, {each}, concurrent: 1" for number, each in enumerate(written))))
    assert [rule.subject for rule in made] == ["ann@example.com", "nightly", "any"]


def test_subjects_that_the_document_has() -> None:
    made = rules(
        limits("name: a, scope: key, of: dev, concurrent: 1", "name: b, scope: model, of: gpt-4o, concurrent: 1")
    )
    assert [(rule.scope, rule.subject) for rule in made] == [(Scope.KEY, "dev"), (Scope.MODEL, "gpt-4o")]


def test_an_identity_may_be_the_subject_of_a_rule_for_keys() -> None:
    text = limits("name: a, scope: key, of: staff, concurrent: 1")
    (rule,) = rules(text + "identities: [{name: staff, jwt: {provider: corp}}]\n")
    assert rule.subject == "staff"


def test_accounting() -> None:
    gateway = loaded(
        top(
            "accounting: {unknown_price: default, default_price: {input: '2.50', output: 10}, "
            "budget_status: 429, quantum_tokens: 16}"
        )
    )
    assert (gateway.unknown_price, gateway.default_price) == (
        UnknownPrice.DEFAULT,
        Rates(2_500_000_000, 10_000_000_000),
    )
    assert (gateway.budget_status, gateway.quantum_tokens) == (429, 16)


RATE = "must be a whole number from 1 to 10000000000"
TOKENS = "must be a number of tokens from 1 to 4503599627370496"
PERCENT = "must be a percentage from 1 to 100"
MONEY = 'must be US dollars, more than 0 and at most 4503599.627370496, as in "500.00"'
ONE_MEASURE = "must have exactly one of amount, tokens, input_tokens, output_tokens"
SCOPES = "must be one of gateway, organisation, team, user, key, tag, model"
A_LIMIT = "gateway.yaml:12: limits.rules[0]"
A_BUDGET = "gateway.yaml:12: budgets[0]"


def limit(fields: str) -> str:
    return limits(f"name: a, {fields}")


def budget(fields: str) -> str:
    return budgets(f"name: a, scope: gateway, {fields}")


MISTAKES = {
    "limit of nothing": (
        limit("scope: key"),
        f"{A_LIMIT}: must have at least one of requests, input_tokens, output_tokens, tokens, concurrent",
    ),
    "limit of money": (
        limit("scope: key, concurrent: 1, dollars: 5"),
        f"{A_LIMIT}.dollars: there is no such field",
    ),
    "no scope": (limit("concurrent: 1"), f"{A_LIMIT}: the field 'scope' is missing"),
    "unknown scope": (limit("scope: org, concurrent: 1"), f"{A_LIMIT}.scope: {SCOPES}"),
    "misspelt scope": (
        limit("scope: organization, concurrent: 1"),
        f"{A_LIMIT}.scope: {SCOPES} (did you mean 'organisation'?)",
    ),
    "negative rate": (limit("scope: key, requests: {amount: -1, per: minute}"), f"{A_LIMIT}.requests.amount: {RATE}"),
    "rate of nothing": (limit("scope: key, requests: {amount: 0, per: minute}"), f"{A_LIMIT}.requests.amount: {RATE}"),
    "absurd rate": (
        limit("scope: key, tokens: {amount: 10000000001, per: minute}"),
        f"{A_LIMIT}.tokens.amount: {RATE}",
    ),
    "burst of nothing": (
        limit("scope: key, tokens: {amount: 1, per: minute, burst: 0}"),
        f"{A_LIMIT}.tokens.burst: {RATE}",
    ),
    "rate per month": (
        limit("scope: key, tokens: {amount: 1, per: month}"),
        f"{A_LIMIT}.tokens.per: must be one of second, minute, hour, day",
    ),
    "rate without a period": (
        limit("scope: key, tokens: {amount: 1}"),
        f"{A_LIMIT}.tokens: the field 'per' is missing",
    ),
    "rate of a fraction": (
        limit("scope: key, tokens: {amount: 1.5, per: minute}"),
        f"{A_LIMIT}.tokens.amount: must be a whole number, not a number",
    ),
    "none under way": (limit("scope: key, concurrent: 0"), f"{A_LIMIT}.concurrent: {RATE}"),
    "share of nothing": (limit("scope: key, concurrent: 1, local_share: 0"), f"{A_LIMIT}.local_share: {PERCENT}"),
    "share of more than all": (
        limit("scope: key, concurrent: 1, local_share: 101"),
        f"{A_LIMIT}.local_share: {PERCENT}",
    ),
    "unknown mode": (
        limit("scope: key, concurrent: 1, mode: shadows"),
        f"{A_LIMIT}.mode: must be one of enforce, shadow (did you mean 'shadow'?)",
    ),
    "store away, unknown": (
        limit("scope: key, concurrent: 1, store_away: open"),
        f"{A_LIMIT}.store_away: must be one of deny, local, allow",
    ),
    "subject of the gateway": (
        limit("scope: gateway, of: acme, concurrent: 1"),
        f"{A_LIMIT}.of: has no meaning for the scope gateway",
    ),
    "unknown key": (
        limit("scope: key, of: dve, concurrent: 1"),
        f"{A_LIMIT}.of: there is no key 'dve' (did you mean 'dev'?)",
    ),
    "unknown model as a subject": (
        limit("scope: model, of: gpt-40, concurrent: 1"),
        f"{A_LIMIT}.of: there is no model 'gpt-40' (did you mean 'gpt-4o'?)",
    ),
    "several models as a subject": (
        limit("scope: model, of: 'gpt-*', concurrent: 1"),
        f"{A_LIMIT}.of: there is no model 'gpt-*', and 'models' is what names several",
    ),
    "pattern as a subject": (
        limit("scope: user, of: 'a*', concurrent: 1"),
        f"{A_LIMIT}.of: must be a whole name, or '*' for each of them apart",
    ),
    "unknown team": (
        limit("scope: team, of: reserch, concurrent: 1") + "teams: [{name: research}]\n",
        f"{A_LIMIT}.of: there is no team 'reserch' (did you mean 'research'?)",
    ),
    "unknown organisation": (
        limit("scope: organisation, of: acne, concurrent: 1") + "organisations: [{name: acme}]\n",
        f"{A_LIMIT}.of: there is no organisation 'acne' (did you mean 'acme'?)",
    ),
    "unknown model": (
        limit("scope: key, models: [gpt-4o, gpt-40], concurrent: 1"),
        f"{A_LIMIT}.models[1]: there is no model 'gpt-40' (did you mean 'gpt-4o'?)",
    ),
    "pattern of no model": (
        limit("scope: key, models: ['claude-*'], concurrent: 1"),
        f"{A_LIMIT}.models[0]: there is no model 'claude-*'",
    ),
    "no models": (
        limit("scope: key, models: [], concurrent: 1"),
        f"{A_LIMIT}.models: must be a list with at least one model (leave it out for all models)",
    ),
    "limit named twice": (
        limits("name: a, scope: key, concurrent: 1", "name: a, scope: team, concurrent: 1"),
        "gateway.yaml:12: limits.rules[1].name: is the name of limits.rules[0] already",
    ),
    "budget named twice": (
        budgets("name: a, scope: key, tokens: 1, window: total", "name: a, scope: team, tokens: 1, window: total"),
        "gateway.yaml:12: budgets[1].name: is the name of budgets[0] already",
    ),
    "budget named as a limit": (
        limit("scope: key, concurrent: 1") + "budgets: [{name: a.concurrent, scope: key, tokens: 1, window: total}]\n",
        "gateway.yaml:13: budgets[0].name: is the name of a limit already, from limits.rules[0]",
    ),
    "budget named as those of the registry": (
        budgets("name: max_budget, scope: key, tokens: 1, window: total"),
        f"{A_BUDGET}.name: is the name of the budgets that keys and teams of the registry have",
    ),
    "too many limits": (
        limits(*(f"name: a{number}, scope: key, concurrent: 1" for number in range(1001))),
        "gateway.yaml:12: limits.rules: must be a list of at most 1000 limits",
    ),
    "budget of nothing": (budget("window: total"), f"{A_BUDGET}: {ONE_MEASURE}"),
    "budget of two measures": (budget("amount: 5, tokens: 5, window: total"), f"{A_BUDGET}: {ONE_MEASURE}"),
    "negative budget": (budget("amount: '-5', window: total"), f"{A_BUDGET}.amount: {MONEY}"),
    "negative budget as a number": (budget("amount: -5, window: total"), f"{A_BUDGET}.amount: {MONEY}"),
    "budget of no money": (
        budget("amount: '0.00', window: total"),
        f"{A_BUDGET}.amount: must be more than 0 and at most 4503599.627370496 dollars",
    ),
    "absurd budget": (
        budget("amount: '5000000', window: total"),
        f"{A_BUDGET}.amount: must be more than 0 and at most 4503599.627370496 dollars",
    ),
    "budget finer than a nano-dollar": (
        budget("amount: 0.0000000001, window: total"),
        f"{A_BUDGET}.amount: is finer than a nano-dollar",
    ),
    "budget in euros": (budget("amount: '5 EUR', window: total"), f"{A_BUDGET}.amount: {MONEY}"),
    "budget of no tokens": (budget("tokens: 0, window: total"), f"{A_BUDGET}.tokens: {TOKENS}"),
    "absurd tokens": (budget("tokens: 4503599627370497, window: total"), f"{A_BUDGET}.tokens: {TOKENS}"),
    "no window": (budget("tokens: 1"), f"{A_BUDGET}: the field 'window' is missing"),
    "window of another word": (
        budget("tokens: 1, window: month"),
        f"{A_BUDGET}.window: must be one of total",
    ),
    "rolling and calendar": (
        budget("tokens: 1, window: {rolling: 24h, calendar: day}"),
        f"{A_BUDGET}.window: must have exactly one of rolling, calendar",
    ),
    "time zone of a rolling window": (
        budget("tokens: 1, window: {rolling: 24h, time_zone: Europe/Berlin}"),
        f"{A_BUDGET}.window.time_zone: has no meaning for a rolling window",
    ),
    "rolling month": (
        budget("tokens: 1, window: {rolling: 1mo}"),
        f"{A_BUDGET}.window.rolling: must be a whole number and its unit, one of s, m, h, d, w (24h, 7d)",
    ),
    "window too short": (
        budget("tokens: 1, window: {rolling: 10s}"),
        f"{A_BUDGET}.window.rolling: a rolling window must be at least 1m and at most 366d long",
    ),
    "window too long": (
        budget("tokens: 1, window: {rolling: 2000d}"),
        f"{A_BUDGET}.window.rolling: a rolling window must be at least 1m and at most 366d long",
    ),
    "unknown period": (
        budget("tokens: 1, window: {calendar: fortnight}"),
        f"{A_BUDGET}.window.calendar: must be one of hour, day, week, month, quarter, year",
    ),
    "unknown time zone": (
        budget("tokens: 1, window: {calendar: day, time_zone: Europe/Berlim}"),
        f"{A_BUDGET}.window.time_zone: there is no time zone 'Europe/Berlim' (did you mean 'Europe/Berlin'?)",
    ),
    "time zone that is a region": (
        budget("tokens: 1, window: {calendar: day, time_zone: Arctic}"),
        f"{A_BUDGET}.window.time_zone: there is no time zone 'Arctic'",
    ),
    "time zone that climbs": (
        budget("tokens: 1, window: {calendar: day, time_zone: ../etc}"),
        f"{A_BUDGET}.window.time_zone: must be the IANA name of a time zone (Europe/Berlin)",
    ),
    "soft budget of nothing": (budget("tokens: 1, window: total, soft: [0]"), f"{A_BUDGET}.soft[0]: {PERCENT}"),
    "soft budget of more than all": (budget("tokens: 1, window: total, soft: [101]"), f"{A_BUDGET}.soft[0]: {PERCENT}"),
    "soft budgets out of order": (
        budget("tokens: 1, window: total, soft: [80, 95, 90]"),
        f"{A_BUDGET}.soft[2]: must be more than the one before it",
    ),
    "soft budget given twice": (
        budget("tokens: 1, window: total, soft: [80, 80]"),
        f"{A_BUDGET}.soft[1]: must be more than the one before it",
    ),
    "default price that is not the default": (
        top("accounting: {default_price: {input: 1, output: 1}}"),
        "gateway.yaml:12: accounting.default_price: has no meaning unless 'unknown_price' is 'default'",
    ),
    "default without a price": (
        top("accounting: {unknown_price: default}"),
        "gateway.yaml:12: accounting.unknown_price: the field 'default_price' is missing, and 'default' needs it",
    ),
    "default price finer than a nano-dollar": (
        top("accounting: {unknown_price: default, default_price: {input: 0.0000000001, output: 1}}"),
        "gateway.yaml:12: accounting.default_price.input: is finer than a nano-dollar per million tokens",
    ),
    "status of a success": (
        top("accounting: {budget_status: 200}"),
        "gateway.yaml:12: accounting.budget_status: must be 402 or 412 or 422 or 429",
    ),
    "quantum too small": (
        top("accounting: {quantum_tokens: 15}"),
        "gateway.yaml:12: accounting.quantum_tokens: must be a number of tokens from 16 to 8192",
    ),
}


@pytest.mark.parametrize(("text", "message"), MISTAKES.values(), ids=MISTAKES.keys())
def test_a_mistake_is_named_with_its_place(text: str, message: str) -> None:
    with pytest.raises(ConfigErrors) as caught:
        loaded(text)
    assert str(caught.value) == message
