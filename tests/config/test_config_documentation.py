"""The documentation of the document: its example, and that it names every field."""

import contextlib
import re
from pathlib import Path
from typing import Any

import jsonschema  # type: ignore[import-untyped]
import pytest
import yaml
from gateway_documents import loaded
from hypothesis import given
from hypothesis import strategies as st

from extproc.config.limits import BudgetRule
from extproc.config.schema import gateway_schema
from extproc.errors import ConfigError

PAGE = (Path(__file__).parents[2] / "docs" / "configuration.md").read_text(encoding="utf-8")
(EXAMPLE,) = re.findall(r"^```yaml\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
ENVIRON = dict.fromkeys(
    ("OPENAI_API_KEY", "REDIS_PASSWORD", "NOTEBOOK_KEY", "ADMIN_TOKEN", "WEBHOOK_SECRET"), "0123456789abcdef"
)
ENVIRON |= dict.fromkeys(("PRIVACY_KEY", "CACHE_KEY"), "5f" * 32)
PRIVACY = {"key": {"env": "KEY"}, "policies": [{"name": "a", "entities": {"all": "mask"}}]}


def test_the_example_is_right() -> None:
    gateway = loaded(EXAMPLE, ENVIRON)
    assert [rule.name for rule in gateway.rules if not isinstance(rule, BudgetRule)] == [
        "research.requests",
        "research.tokens",
        "research.concurrent",
        "everyone.requests",
    ]
    assert [rule.name for rule in gateway.rules if isinstance(rule, BudgetRule)] == ["acme-month", "user-day"]


def test_the_example_fits_the_schema() -> None:
    jsonschema.Draft202012Validator(gateway_schema()).validate(yaml.safe_load(EXAMPLE))


@pytest.mark.parametrize(
    "wrong",
    [
        {"budgets": [{"name": "a", "scope": "team", "window": "total"}]},
        {"budgets": [{"name": "a", "scope": "team", "window": "total", "amount": "5", "tokens": 5}]},
        {"budgets": [{"name": "a", "scope": "team", "window": "month", "amount": "5"}]},
        {"limits": {"rules": [{"name": "a", "scope": "team"}]}},
        {"limits": {"rules": [{"name": "a", "scope": "team", "concurrent": 0}]}},
        {"identities": [{"name": "a"}]},
        {"identities": [{"name": "a", "spiffe": "spiffe://prod.example/ns-*"}]},
        {"store": {"redis": {"url": "redis://gateway:password@localhost"}}},
        {"store": {"redis": {}}},
        {"accounting": {"budget_status": 200}},
        {"admin": {"tokens": ["plain"]}},
        {"guardrails": {"rules": [{"name": "a"}]}},
        {"guardrails": {"rules": [{"name": "a", "secrets": {}, "tools": []}]}},
        {"guardrails": {"rules": [{"name": "a", "size": {}}]}},
        {"privacy": {"policies": []}},
        {"privacy": {**PRIVACY, "recognisers": [{"name": "a", "entities": ["PERSON"]}]}},
        {"privacy": {**PRIVACY, "recognisers": [{"name": "a", "entities": [], "presidio": {}}]}},
        {"privacy": {**PRIVACY, "recognisers": [{"name": "a", "entities": ["A"], "service": {}}]}},
        {"cache": {"key": {"env": "KEY"}, "routes": []}},
        {"cache": {"key": {"env": "KEY"}, "routes": [{"name": "a", "temperature": 2.5}]}},
        {"cache": {"routes": [{"name": "a"}]}},
        {"privacy": {"key": {"env": "KEY"}, "policies": [{"name": "a", "entities": {"EMAIL_ADDRESS": "redact"}}]}},
        {"privacy": {"key": {"env": "KEY"}, "policies": [{"name": "a", "entities": {"e-mail": "mask"}}]}},
    ],
)
def test_the_schema_refuses_what_the_loader_refuses(wrong: dict[str, Any]) -> None:
    document = {**yaml.safe_load(EXAMPLE), **wrong}
    assert not jsonschema.Draft202012Validator(gateway_schema()).is_valid(document)


@given(st.integers(0, len(EXAMPLE)), st.integers(0, 20), st.text("\n\t -:[]{}&*!|>'\"#?%@,~a1", max_size=6))
def test_a_damaged_example_is_a_mistake_and_never_a_defect(start: int, length: int, new: str) -> None:
    with contextlib.suppress(ConfigError):
        loaded(EXAMPLE[:start] + new + EXAMPLE[start + length :], ENVIRON)


def test_every_field_is_in_the_documentation() -> None:
    definitions = gateway_schema()["$defs"].values()
    fields = {field for definition in definitions for field in definition.get("properties", {})}
    assert sorted(field for field in fields if not re.search(rf"\b{field}\b", PAGE)) == []
