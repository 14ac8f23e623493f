"""The chart, rendered by the real Helm engine, and values that make each mode complete."""

import functools
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import helm_python as helm
import yaml

LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # ten times faster, where there is a libyaml
CHART = Path(__file__).parents[2] / "helm/llm-extproc"
NAMESPACE, RELEASE = "ai", "llm-extproc"
Json = dict[str, Any]

DOCUMENT = """\
version: 1
backends:
  - {name: openai, schema: openai, credential: {file: /etc/llm-extproc/secrets/openai/key}}
models:
  - {name: gpt-4o-mini, targets: [openai]}
keys:
  salt: 00112233445566778899aabbccddeeff
  entries:
    - {alias: demo, secret: {env: DEMO_KEY}}
"""
CLUSTERS = """\
# As the team wrote it.
resources:
- "@type": type.googleapis.com/envoy.config.cluster.v3.Cluster
  name: openai
  type: STATIC
  load_assignment:
    cluster_name: openai
    endpoints:
    - lb_endpoints:
      - endpoint: {address: {socket_address: {address: 127.0.0.1, port_value: 8080}}}
"""
MODES: dict[str, Json] = {
    "gateway": {"mode": "gateway"},
    "sidecar": {"mode": "sidecar"},
    "istio": {
        "mode": "mesh",
        "mesh": {"kind": "istio", "providers": [{"cluster": "openai", "host": "api.openai.com"}]},
    },
    "envoy-gateway": {
        "mode": "mesh",
        "mesh": {"kind": "envoy-gateway", "providers": [{"cluster": "openai", "host": "api.openai.com", "port": 443}]},
    },
}


def values(*changes: Mapping[str, Any]) -> Json:
    """A document, a cluster file and a mounted secret, and `changes` laid over them, mapping by mapping."""
    made: Json = {
        "gateway": {"document": DOCUMENT},
        "clusters": {"files": {"clusters.yaml": CLUSTERS}},
        "secrets": {"mounts": [{"name": "openai", "secretName": "llm-openai"}]},
    }
    for change in changes:
        made = _laid_over(made, change)
    return made


def _laid_over(below: Mapping[str, Any], above: Mapping[str, Any]) -> Json:
    made = dict(below)
    for name, value in above.items():
        both = isinstance(value, dict) and isinstance(made.get(name), dict)
        made[name] = _laid_over(made[name], value) if both else value
    return made


@functools.cache
def _chart() -> helm.Chart:
    return helm.Chart.load(CHART)


def texts(*changes: Mapping[str, Any]) -> dict[str, str]:
    """What the templates give, by file, for a release of the chart's own name. Raises helm.HelmError."""
    return dict(_rendered(json.dumps(values(*changes), sort_keys=True)))


def manifests(*changes: Mapping[str, Any]) -> list[Json]:
    """The manifests as they are to begin with: what a test does to them, no other sees."""
    found: list[Json] = json.loads(_read(json.dumps(values(*changes), sort_keys=True)))
    return found


@functools.cache
def _rendered(values: str) -> Mapping[str, str]:
    """By values, as JSON: many tests ask for the same, and both rendering and reading YAML are slow."""
    return _chart().render(json.loads(values), name=RELEASE, namespace=NAMESPACE)


@functools.cache
def _read(values: str) -> str:
    return json.dumps(list(_manifests(_rendered(values))))


def _manifests(rendered: Mapping[str, str]) -> Iterator[Json]:
    for name, text in rendered.items():
        if name.endswith(".yaml"):
            yield from (document for document in yaml.load_all(text, LOADER) if document)


def find(found: list[Json], kind: str, name: str = RELEASE) -> Json:
    (one,) = (item for item in found if (item["kind"], item["metadata"]["name"]) == (kind, name))
    return one


def pod(found: list[Json]) -> Json:
    """The pod's own part of the Deployment, of what Envoy Gateway is to make, or of the sidecar's patch."""
    if any(item["kind"] == "Deployment" and item["metadata"]["name"] == RELEASE for item in found):
        return dict(find(found, "Deployment")["spec"]["template"]["spec"])
    if any(item["kind"] == "EnvoyProxy" for item in found):
        deployment = find(found, "EnvoyProxy")["spec"]["provider"]["kubernetes"]["envoyDeployment"]
        return dict(deployment["patch"]["value"]["spec"]["template"]["spec"])
    patch = yaml.safe_load(find(found, "ConfigMap", f"{RELEASE}-sidecar")["data"]["patch.yaml"])
    return dict(patch["spec"]["template"]["spec"])
