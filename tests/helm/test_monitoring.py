"""Alerts and dashboards name metrics and labels that exist."""

import json
import re
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from extproc.telemetry.families import Families
from tests.helm.chart import RELEASE, find, manifests

WATCHED = {"monitoring": {"scrape": "pod", "rules": {"enabled": True}, "dashboards": {"enabled": True}}}
ENVOYS = {"envoy_cluster_manager_cds_update_rejected", "envoy_listener_manager_lds_update_rejected"}
SCRAPED = {"namespace", "pod", "le"}  # what Prometheus adds, and histograms


def metrics() -> dict[str, set[str]]:
    """Labels by metric, as the text format names them."""
    found: dict[str, set[str]] = {name: set() for name in ENVOYS}
    for family in vars(Families(CollectorRegistry())).values():
        for sample in ("", "_total", "_bucket"):
            if hasattr(family, "_labelnames"):
                found.setdefault(family._name + sample, set()).update(family._labelnames)
    return found


def expressions() -> dict[str, str]:
    made = manifests(WATCHED)
    rules = find(made, "PrometheusRule")["spec"]["groups"][0]["rules"]
    found = {rule["alert"]: rule["expr"] for rule in rules}
    for text in find(made, "ConfigMap", f"{RELEASE}-dashboards")["data"].values():
        for panel in json.loads(text)["panels"]:
            found |= {f"{panel['title']} {target['refId']}": target["expr"] for target in panel["targets"]}
    return found


EXPRESSIONS = expressions()


@pytest.mark.parametrize("name", EXPRESSIONS)
def test_metrics_and_labels_exist(name: str) -> None:
    known = metrics()
    named = re.findall(r"\b(?:llm_gateway|gen_ai|envoy)_\w+", EXPRESSIONS[name])
    assert named
    assert set(named) <= known.keys()
    labels = {label for metric in named for label in known[metric]} | SCRAPED
    grouped = ",".join(re.findall(r"\bby \(([^)]*)\)", EXPRESSIONS[name]))
    selected = re.findall(r"(\w+)=~", EXPRESSIONS[name])
    assert {label.strip() for label in grouped.split(",") if label.strip()} | set(selected) <= labels


def test_every_dashboard_is_whole() -> None:
    data: dict[str, Any] = find(manifests(WATCHED), "ConfigMap", f"{RELEASE}-dashboards")["data"]
    assert data.keys() == {"llm-gateway.json", "llm-usage.json"}
    for text in data.values():
        panels = json.loads(text)["panels"]
        assert len({panel["id"] for panel in panels}) == len(panels)


def test_an_alert_that_is_not_wanted_is_left_out() -> None:
    changed = {"monitoring": {"rules": {"enabled": True, "unknownPrices": False, "budgetUsedRatio": 0.8}}}
    rules = find(manifests(changed), "PrometheusRule")["spec"]["groups"][0]["rules"]
    assert "LLMGatewayUnknownPrice" not in {rule["alert"] for rule in rules}
    assert rules[0]["expr"].endswith("> 0.8")
