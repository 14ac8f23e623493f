"""Alerts and dashboards name metrics and labels that exist."""

import json
import re
from typing import Any

import pytest
import yaml
from prometheus_client import CollectorRegistry

from extproc.telemetry.families import Families
from tests.helm.chart import MODES, NAMESPACE, RELEASE, find, manifests, pod

WATCHED = {"monitoring": {"scrape": "pod", "rules": {"enabled": True}, "dashboards": {"enabled": True}}}
ENVOYS = {"envoy_cluster_manager_cds_update_rejected", "envoy_listener_manager_lds_update_rejected"}
SCRAPED = {"namespace", "pod", "le"}  # what Prometheus adds, and histograms


SAMPLES = {"counter": ("_total",), "gauge": ("",), "histogram": ("_bucket", "_count", "_sum")}


def metrics() -> dict[str, set[str]]:
    """Labels by metric, as the text format names them."""
    found: dict[str, set[str]] = {name: set() for name in ENVOYS}
    for family in vars(Families(CollectorRegistry())).values():
        if hasattr(family, "_labelnames"):
            for sample in SAMPLES[family._type]:
                found[family._name + sample] = set(family._labelnames)
    return found


def rules() -> list[dict[str, Any]]:
    groups = find(manifests(WATCHED), "PrometheusRule")["spec"]["groups"]
    return [rule for group in groups for rule in group["rules"]]


def expressions() -> dict[str, str]:
    made = manifests(WATCHED)
    found = {rule["alert"]: rule["expr"] for rule in rules()}
    for text in find(made, "ConfigMap", f"{RELEASE}-dashboards")["data"].values():
        for panel in json.loads(text)["panels"]:
            found |= {f"{panel['title']} {target['refId']}": target["expr"] for target in panel["targets"]}
    return found


EXPRESSIONS = expressions()


@pytest.mark.parametrize("name", EXPRESSIONS)
def test_metrics_and_labels_exist(name: str) -> None:
    known = metrics()
    named = named_metrics(EXPRESSIONS[name])
    assert named
    assert named <= known.keys()
    labels = {label for metric in named for label in known[metric]} | SCRAPED
    selected = re.findall(r"(\w+)(?:=~|!~|!=|=)\"", EXPRESSIONS[name])
    assert grouped_by(EXPRESSIONS[name]) | set(selected) <= labels


# What PromQL itself has, of what the chart uses
_WORDS = {
    "by",
    "sum",
    "min",
    "max",
    "rate",
    "increase",
    "histogram_quantile",
    "label_values",
    "topk",
    "clamp_min",
    "on",
    "or",
}


def named_metrics(expression: str) -> set[str]:
    """Every name that is neither PromQL's own, nor a label, nor in a string or a range."""
    bare = re.sub(r"\{[^}]*\}|\[[^\]]*\]|\b(?:by|without|on) \([^)]*\)", "", expression)
    return set(re.findall(r"[A-Za-z_:][\w:]*", re.sub(r"\b\d[\w.]*", "", bare))) - _WORDS


def grouped_by(expression: str) -> set[str]:
    groups = re.findall(r"\bby \(([^)]*)\)", expression)
    return {label.strip() for group in groups for label in group.split(",")} - {""}


@pytest.mark.parametrize("rule", rules(), ids=lambda rule: rule["alert"])
def test_an_alert_says_only_what_its_expression_keeps(rule: dict[str, Any]) -> None:
    said = set(re.findall(r"\$labels\.(\w+)", "".join(rule["annotations"].values())))
    kept = {label for metric in named_metrics(rule["expr"]) for label in metrics()[metric]} | SCRAPED
    assert said <= (grouped_by(rule["expr"]) or kept)


# -- who is watched ----------------------------------------------------------------------------------------------------

# What Envoy Gateway gives its pods, from its own tests of a Deployment in the Gateway's namespace
_ENVOY_GATEWAYS = {
    "app.kubernetes.io/name": "envoy",
    "app.kubernetes.io/component": "proxy",
    "app.kubernetes.io/managed-by": "envoy-gateway",
    "gateway.envoyproxy.io/owning-gateway-name": RELEASE,
    "gateway.envoyproxy.io/owning-gateway-namespace": NAMESPACE,
}
PORTS = {
    "gateway": ["metrics", "envoy-status"],
    "sidecar": ["metrics", "envoy-status"],
    "istio": ["metrics"],
    "envoy-gateway": ["metrics"],
}


def pod_labels(found: list[dict[str, Any]], mode: str) -> dict[str, str]:
    if mode == "envoy-gateway":
        return _ENVOY_GATEWAYS
    if mode == "sidecar":
        patch = yaml.safe_load(find(found, "ConfigMap", f"{RELEASE}-sidecar")["data"]["patch.yaml"])
        return dict(patch["spec"]["template"]["metadata"]["labels"])
    return dict(find(found, "Deployment")["spec"]["template"]["metadata"]["labels"])


def port_names(found: list[dict[str, Any]]) -> set[str]:
    made = pod(found)
    containers = [*made["initContainers"], *made.get("containers", [])]
    return {port["name"] for container in containers for port in container.get("ports", [])}


@pytest.mark.parametrize("mode", MODES)
def test_a_pod_monitor_finds_the_pods_and_their_ports(mode: str) -> None:
    found = manifests(MODES[mode], WATCHED)
    monitor = find(found, "PodMonitor")["spec"]
    assert monitor["selector"]["matchLabels"].items() <= pod_labels(found, mode).items()
    assert [endpoint["port"] for endpoint in monitor["podMetricsEndpoints"]] == PORTS[mode]
    assert set(PORTS[mode]) <= port_names(found)


@pytest.mark.parametrize("mode", ["gateway", "istio", "envoy-gateway"])
def test_a_service_monitor_finds_one_service_and_that_the_pods(mode: str) -> None:
    found = manifests(MODES[mode], {"monitoring": {"scrape": "service"}})
    monitor = find(found, "ServiceMonitor")["spec"]
    wanted = monitor["selector"]["matchLabels"].items()
    (service,) = (item for item in found if item["kind"] == "Service" and wanted <= item["metadata"]["labels"].items())
    assert service["metadata"]["name"] == f"{RELEASE}-metrics"
    assert [endpoint["port"] for endpoint in monitor["endpoints"]] == PORTS[mode]
    assert [port["name"] for port in service["spec"]["ports"]] == PORTS[mode]
    assert {port["targetPort"] for port in service["spec"]["ports"]} <= port_names(found)
    assert service["spec"]["selector"].items() <= pod_labels(found, mode).items()


@pytest.mark.parametrize("mode", ["gateway", "istio", "envoy-gateway"])
def test_the_network_policy_is_of_the_pods(mode: str) -> None:
    found = manifests(MODES[mode])
    (policy,) = (item for item in found if item["kind"] == "NetworkPolicy")
    assert policy["spec"]["podSelector"]["matchLabels"].items() <= pod_labels(found, mode).items()


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
