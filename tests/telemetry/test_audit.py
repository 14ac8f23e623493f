"""What is said of redactions: counts, policy and principal; never a value."""

import logging

import pytest
from prometheus_client import CollectorRegistry

from extproc.telemetry.audit import audit
from extproc.telemetry.metrics import Metrics
from extproc.telemetry.record import EntityCount, Redactions

FOUND = Redactions(
    "strict",
    "enforce",
    (EntityCount("EMAIL_ADDRESS", "replace", 2), EntityCount("IP_ADDRESS", "observe", 1)),
    restored=3,
    unknown=1,
    unrestored=1,
)


def test_a_line_says_who_and_what(a_record, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    audit(a_record(redactions=FOUND))
    (line,) = caplog.records
    assert line.getMessage() == "redactions"
    assert line.fields == {
        "request_id": "6c1f",
        "key": "ci",
        "team": "search",
        "model": "gpt-4o",
        "backend": "azure-eu",
        "operation": "chat",
        "status": 200,
        "policy": "strict",
        "mode": "enforce",
        "found": [
            {"entity": "EMAIL_ADDRESS", "action": "replace", "count": 2},
            {"entity": "IP_ADDRESS", "action": "observe", "count": 1},
        ],
        "restored": 3,
        "unknown": 1,
        "unrestored": 1,
    }


@pytest.mark.parametrize("redactions", [None, Redactions("strict", "enforce")])
def test_an_exchange_with_nothing_has_no_line(a_record, caplog, redactions) -> None:
    caplog.set_level(logging.INFO)
    audit(a_record(redactions=redactions))
    assert caplog.records == []


def test_what_is_observed_is_not_changed():
    assert FOUND.changed == 2
    assert Redactions("strict", "shadow", FOUND.counts).changed == 0


def test_metrics_count_values_and_placeholders(a_record) -> None:
    registry = CollectorRegistry()
    Metrics(registry).record(a_record(redactions=FOUND))
    labels = {"mode": "enforce", "policy": "strict", "team": "search"}
    email = {"entity": "EMAIL_ADDRESS", "action": "replace", **labels}
    assert registry.get_sample_value("llm_gateway_redactions_total", email) == 2
    counts = [
        registry.get_sample_value("llm_gateway_restored_total", {"outcome": outcome})
        for outcome in ("restored", "unknown", "unrestored")
    ]
    assert counts == [3, 1, 1]
