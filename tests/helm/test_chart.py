"""What the chart makes of its values: valid for three versions of Kubernetes, and what it says it is."""

import functools
import itertools
import json
import re
import shutil
from pathlib import Path
from typing import Any

import helm_python as helm
import jsonschema
import kubernetes_validate
import pytest
import yaml

from tests.helm import crd
from tests.helm.chart import CHART, CLUSTERS, DOCUMENT, MODES, NAMESPACE, RELEASE, find, manifests, pod, texts, values

KUBERNETES = ("1.35", "1.36", "1.37")
TLS_SECRET = {"tls": {"enabled": True, "secretName": "llm-tls"}}
CERT_MANAGER = {
    "tls": {
        "enabled": True,
        "certManager": {"enabled": True, "issuerRef": {"name": "internal"}, "dnsNames": ["llm.example.com"]},
        "requireClientCertificate": True,
    }
}
SPIFFE = {"tls": {"enabled": True, "csi": {"driver": "spiffe.csi.cert-manager.io", "readOnly": True}}}
WATCHED = {
    "monitoring": {
        "scrape": "pod",
        "labels": {"release": "prometheus"},
        "rules": {"enabled": True},
        "dashboards": {"enabled": True},
    }
}
EVERYTHING: dict[str, Any] = {
    "imagePullSecrets": [{"name": "registry"}],
    "extproc": {"workers": 3, "image": {"digest": "sha256:" + "a" * 64}},
    "extraEnv": [{"name": "AWS_REGION", "value": "eu-west-1"}],
    "envFrom": [{"secretRef": {"name": "providers"}}],
    "secrets": {
        "mounts": [
            {"name": "openai", "secretName": "llm-openai"},
            {
                "name": "vault",
                "csi": {
                    "driver": "secrets-store.csi.k8s.io",
                    "readOnly": True,
                    "volumeAttributes": {"secretProviderClass": "llm"},
                },
            },
        ],
        "external": [
            {
                "name": "llm-openai",
                "store": {"name": "vault", "kind": "ClusterSecretStore"},
                "data": [{"secretKey": "key", "remoteRef": {"key": "llm/openai", "property": "key"}}],
            }
        ],
    },
    "redis": {"passwordSecret": {"name": "llm-redis"}},
    "serviceAccount": {"annotations": {"eks.amazonaws.com/role-arn": "arn:aws:iam::1:role/llm"}},
    "deployment": {
        "podAnnotations": {"a": "b"},
        "podLabels": {"c": "d"},
        "annotations": {"e": "f"},
        "nodeSelector": {"kubernetes.io/os": "linux"},
        "tolerations": [{"key": "llm", "operator": "Exists"}],
        "affinity": {"podAntiAffinity": {}},
        "priorityClassName": "high",
        "podDisruptionBudget": {"maxUnavailable": "25%"},
    },
    "service": {"type": "LoadBalancer", "annotations": {"g": "h"}, "labels": {"i": "j"}},
    "networkPolicy": {
        "from": [{"namespaceSelector": {"matchLabels": {"llm": "yes"}}}],
        "extraEgress": [{"to": [{"ipBlock": {"cidr": "10.9.0.0/16"}}], "ports": [{"port": 6379}]}],
    },
}
EMBEDDED_REDIS = {"redis": {"embedded": {"enabled": True, "passwordSecret": {"name": "llm-redis"}}}}
KEDA = {"autoscaling": {"kind": "keda", "prometheusAddress": "http://prometheus:9090"}}
EGRESS = {
    "egressPolicy": {
        "enabled": True,
        "applications": [
            {"namespace": "shop", "podSelector": {"matchLabels": {"app": "checkout"}}},
            {"namespace": "search"},
        ],
        "allowedCIDRs": ["203.0.113.0/24"],
        "istioRegistryOnly": True,
    }
}
THEIR_ACCOUNT = {"serviceAccount": {"annotations": None}}  # Envoy Gateway makes one
PRINCIPALS = {"mesh": {"istio": {"principals": ["cluster.local/ns/shop/sa/checkout"]}}}
MATRIX: dict[str, tuple[dict[str, Any], ...]] = {
    **{name: (mode,) for name, mode in MODES.items()},
    **{f"{name}, watched": (mode, WATCHED) for name, mode in MODES.items()},
    "gateway, everything": (MODES["gateway"], EVERYTHING, WATCHED, {"monitoring": {"scrape": "service"}}),
    "sidecar, everything": (MODES["sidecar"], EVERYTHING, WATCHED, {"sidecar": {"container": "app"}}),
    "istio, everything": (MODES["istio"], EVERYTHING, EGRESS, PRINCIPALS),
    "envoy-gateway, everything": (MODES["envoy-gateway"], EVERYTHING, EGRESS, THEIR_ACCOUNT),
    "envoy-gateway, HPA": (MODES["envoy-gateway"], {"autoscaling": {"kind": "hpa"}}),
    "envoy-gateway, watched by its Service": (MODES["envoy-gateway"], WATCHED, {"monitoring": {"scrape": "service"}}),
    "istio, HPA": (MODES["istio"], {"autoscaling": {"kind": "hpa"}}),
    "istio, KEDA, watched by its Service": (MODES["istio"], KEDA, WATCHED, {"monitoring": {"scrape": "service"}}),
    "gateway, TLS of a Secret": (TLS_SECRET,),
    "gateway, TLS of cert-manager": (CERT_MANAGER,),
    "gateway, TLS of SPIFFE": (SPIFFE,),
    "gateway, HPA": ({"autoscaling": {"kind": "hpa"}},),
    "gateway, KEDA": (KEDA,),
    "gateway, a Redis for trials": (EMBEDDED_REDIS,),
    "gateway, egress policy": (EGRESS,),
    "gateway, bare": (
        {
            "serviceAccount": {"create": False},
            "networkPolicy": {"enabled": False},
            "deployment": {
                "topologySpread": {"zones": False, "nodes": False},
                "podDisruptionBudget": {"enabled": False},
            },
            "secrets": {"mounts": []},
            "gateway": {"document": "", "existingConfigMap": "theirs"},
            "clusters": {"files": None, "existingConfigMap": "clusters", "keys": ["openai.yaml", "vllm.yaml"]},
        },
    ),
}
OURS = {"apps", "autoscaling", "networking.k8s.io", "policy", ""}


def group(manifest: dict[str, Any]) -> str:
    return str(manifest["apiVersion"]).rpartition("/")[0]


@functools.cache
def check(text: str, version: str) -> None:
    """A manifest, as JSON: many rows of the matrix have it in common, and its schemas are slow to read."""
    manifest = json.loads(text)
    if group(manifest) in OURS:
        kubernetes_validate.validate(manifest, version, strict=True)
    else:
        crd.check(manifest)


@pytest.mark.parametrize("version", KUBERNETES)
@pytest.mark.parametrize("name", MATRIX)
def test_every_manifest_is_valid(name: str, version: str) -> None:
    for manifest in manifests(*MATRIX[name]):
        check(json.dumps(manifest, sort_keys=True), version)


@pytest.mark.parametrize("version", KUBERNETES)
@pytest.mark.parametrize("name", ["sidecar", "sidecar, everything"])
def test_a_patched_application_is_valid(name: str, version: str) -> None:
    kubernetes_validate.validate(patched(pod(manifests(*MATRIX[name]))), version, strict=True)


def patched(patch: dict[str, Any]) -> dict[str, Any]:
    """An application's Deployment with the patch applied, lists of named things merged by name."""
    containers = {"app": {"name": "app", "image": "app:1"}}
    for container in patch.pop("containers", []):
        containers[container["name"]].update(container)
    labels = {"app": "app"}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "app"},
        "spec": {
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": {"containers": list(containers.values()), **patch}},
        },
    }


@pytest.mark.parametrize("name", MATRIX)
def test_lint_is_clean(name: str) -> None:
    report = helm.lint(CHART, values(*MATRIX[name]), strict=True)
    found = [message["error"] for message in report["messages"]]
    assert (report["errors"], found) == ([], ["icon is recommended"])


@pytest.mark.parametrize("name", MATRIX)
def test_no_two_manifests_have_one_name(name: str) -> None:
    found = [
        (item["kind"], item["metadata"].get("namespace"), item["metadata"]["name"]) for item in manifests(*MATRIX[name])
    ]
    assert len(found) == len(set(found))


def test_the_checks_can_fail() -> None:
    deployment = find(manifests(), "Deployment")
    deployment["spec"]["replcas"] = 3
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(deployment, KUBERNETES[0], strict=True)
    monitor = find(manifests(WATCHED), "PodMonitor")
    monitor["spec"]["podMetricsEndpoints"][0]["prt"] = "metrics"
    with pytest.raises(jsonschema.ValidationError):
        crd.check(monitor)


# -- the documents -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", MODES)
def test_every_mode_has_the_same_document(mode: str) -> None:
    assert find(manifests(MODES[mode]), "ConfigMap", f"{RELEASE}-document")["data"] == {"gateway.yaml": DOCUMENT}


@pytest.mark.parametrize("mode", ["gateway", "sidecar"])
def test_the_teams_clusters_are_mounted_as_they_are(mode: str) -> None:
    assert find(manifests(MODES[mode]), "ConfigMap", f"{RELEASE}-clusters")["data"] == {"clusters.yaml": CLUSTERS}


def test_a_change_of_the_documents_changes_no_pod() -> None:
    changed = {
        "gateway": {"document": DOCUMENT + "# more\n"},
        "clusters": {"files": {"clusters.yaml": "resources: []\n"}},
    }
    assert find(manifests(), "Deployment") == find(manifests(changed), "Deployment")


@pytest.mark.parametrize("mode", MODES)
def test_configuration_and_secrets_are_mounted_whole(mode: str) -> None:
    """The kubelet never replaces what is mounted by subPath."""
    assert "subPath" not in "".join(texts(MODES[mode], EVERYTHING, THEIR_ACCOUNT).values())


# -- the pod -----------------------------------------------------------------------------------------------------------


def names(containers: list[dict[str, Any]]) -> list[tuple[str, bool]]:
    """Each container, and whether it stays."""
    return [(item["name"], item.get("restartPolicy") == "Always") for item in containers]


def test_the_gateway_ends_with_envoy_after_the_server() -> None:
    made = pod(manifests())
    assert names(made["initContainers"]) == [
        ("llm-render", False),
        ("llm-validate", False),
        ("llm-check", False),
        ("llm-config", True),
        ("llm-envoy", True),
    ]
    assert [item["name"] for item in made["containers"]] == ["llm-extproc"]


def test_a_sidecar_is_there_before_the_application_and_after_it() -> None:
    made = pod(manifests(MODES["sidecar"]))
    assert names(made["initContainers"])[3:] == [("llm-config", True), ("llm-extproc", True), ("llm-envoy", True)]
    envoy = made["initContainers"][-1]
    assert envoy["startupProbe"]["httpGet"] == {"path": "/ready", "port": "envoy-status"}


def test_the_gateways_envoy_does_not_wait_for_the_server_that_waits_for_it() -> None:
    envoy = pod(manifests())["initContainers"][-1]
    assert envoy["startupProbe"]["tcpSocket"] == {"port": "envoy-status"}
    assert envoy["readinessProbe"]["httpGet"] == {"path": "/ready", "port": "envoy-status"}


def test_a_pod_may_end_as_slowly_as_its_streams() -> None:
    changed = {"extproc": {"graceSeconds": 900}, "deployment": {"settleSeconds": 20}}
    made = pod(manifests(changed))
    assert made["terminationGracePeriodSeconds"] == 950
    assert "--grace=900" in made["containers"][0]["args"]
    assert made["containers"][0]["lifecycle"]["preStop"]["exec"]["command"][-2:] == ["127.0.0.1:9901", "20"]


def pods(found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The pod that serves, that of `helm test`, and that of the embedded Redis."""
    deployments = [item["spec"]["template"]["spec"] for item in found if item["kind"] == "Deployment"]
    return [*deployments, *(item["spec"] for item in found if item["kind"] == "Pod"), pod(found)]


def all_containers(found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    groups = ((*made.get("initContainers", []), *made.get("containers", [])) for made in pods(found))
    return list(itertools.chain(*groups))


@pytest.mark.parametrize("mode", MODES)
def test_every_container_is_confined(mode: str) -> None:
    for container in all_containers(manifests(MODES[mode], EMBEDDED_REDIS)):
        assert container["securityContext"] == {
            "runAsUser": 65532,
            "runAsGroup": 65532,
            "runAsNonRoot": True,
            "readOnlyRootFilesystem": True,
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
            "seccompProfile": {"type": "RuntimeDefault"},
        }


def writable(container: dict[str, Any]) -> set[str]:
    return {mount["name"] for mount in container.get("volumeMounts", []) if not mount.get("readOnly")}


WRITTEN = {
    "llm-render": {"llm-run", "llm-tmp"},
    "llm-config": {"llm-run", "llm-tmp"},
    "llm-extproc": {"llm-run", "llm-tmp"},
    "llm-check": {"llm-tmp"},
    "llm-validate": set(),
    "llm-envoy": set(),
    "istio-proxy": set(),
    "envoy": set(),
    "redis": set(),
}


@pytest.mark.parametrize("mode", MODES)
def test_containers_write_only_what_they_make(mode: str) -> None:
    for container in all_containers(manifests(MODES[mode], EVERYTHING, THEIR_ACCOUNT)):
        assert writable(container) == WRITTEN[container["name"]]


@pytest.mark.parametrize("mode", MODES)
def test_only_what_renders_has_the_clusters(mode: str) -> None:
    for made in pods(manifests(MODES[mode])):
        mounted = [item["name"] for item in made["initContainers"] if "llm-clusters" in mounts(item)]
        assert mounted == [name for name in ("llm-render", "llm-config") if name in names_of(made["initContainers"])]


def mounts(container: dict[str, Any]) -> dict[str, str]:
    return {mount["name"]: mount["mountPath"] for mount in container.get("volumeMounts", [])}


def names_of(containers: list[dict[str, Any]]) -> set[str]:
    return {item["name"] for item in containers}


PROXIES = {"gateway": "llm-envoy", "sidecar": "llm-envoy", "istio": "istio-proxy", "envoy-gateway": "envoy"}


@pytest.mark.parametrize("mode", MODES)
def test_server_and_proxy_share_the_sockets_directory(mode: str) -> None:
    """Not single sockets: workers make theirs anew, and more than one each."""
    made = pod(manifests(MODES[mode]))
    containers = {item["name"]: item for item in (*made["initContainers"], *made.get("containers", []))}
    for name in ("llm-extproc", PROXIES[mode]):
        assert mounts(containers[name])["llm-run"] == "/run/llm-extproc"
    assert "--socket-dir=/run/llm-extproc/sockets" in containers["llm-extproc"]["args"]
    (volume,) = (item for item in made["volumes"] if item["name"] == "llm-run")
    assert volume["emptyDir"] == {"medium": "Memory", "sizeLimit": "16Mi"}


def test_no_token_is_mounted_unless_asked_for() -> None:
    assert pod(manifests())["automountServiceAccountToken"] is False
    asked = manifests({"serviceAccount": {"automountToken": True}})
    assert pod(asked)["automountServiceAccountToken"] is True


def test_envoy_holds_no_secret() -> None:
    (envoy,) = (item for item in pod(manifests(EVERYTHING))["initContainers"] if item["name"] == "llm-envoy")
    assert "env" not in envoy
    assert [mount["name"] for mount in envoy["volumeMounts"]] == ["llm-run"]


def test_a_digest_is_pulled_rather_than_a_tag() -> None:
    made = pod(manifests(EVERYTHING))
    assert made["containers"][0]["image"] == "llm-extproc@sha256:" + "a" * 64
    assert made["initContainers"][1]["image"] == "envoyproxy/envoy:v1.40.0"


@pytest.mark.parametrize("values", [EVERYTHING, {**EVERYTHING, **EMBEDDED_REDIS}], ids=["own", "embedded"])
def test_the_password_of_redis_is_a_reference(values: dict[str, Any]) -> None:
    env = pod(manifests(values))["containers"][0]["env"]
    assert env[0] == {"name": "REDIS_PASSWORD", "valueFrom": {"secretKeyRef": {"name": "llm-redis", "key": "password"}}}


def test_a_sidecar_listens_on_the_pods_loopback_and_tells_the_application() -> None:
    made = pod(manifests(MODES["sidecar"], {"sidecar": {"container": "app"}}))
    assert "--listen=127.0.0.1:10000" in made["initContainers"][0]["args"]
    env = [{"name": "OPENAI_BASE_URL", "value": "http://127.0.0.1:10000/v1"}]
    assert made["containers"] == [{"name": "app", "env": env}]


# -- as a dependency ---------------------------------------------------------------------------------------------------

APPLICATION = """\
apiVersion: v1
kind: Pod
metadata: {name: app}
spec:
  initContainers:
    {{- include "llm-extproc.sidecar.initContainers" (index .Subcharts "llm-extproc") | nindent 4 }}
  containers:
    - name: app
      image: app:1
      env:
        {{- include "llm-extproc.sidecar.env" (index .Subcharts "llm-extproc") | nindent 8 }}
  volumes:
    {{- include "llm-extproc.volumes" (index .Subcharts "llm-extproc") | nindent 4 }}
"""


def test_an_applications_own_chart_may_use_the_named_templates(tmp_path: Path) -> None:
    (tmp_path / "templates").mkdir()
    (tmp_path / "templates/pod.yaml").write_text(APPLICATION)
    dependency = {"name": "llm-extproc", "version": "0.1.0"}
    chart = {"apiVersion": "v2", "name": "app", "version": "1.0.0", "dependencies": [dependency]}
    (tmp_path / "Chart.yaml").write_text(yaml.safe_dump(chart))
    shutil.copytree(CHART, tmp_path / "charts/llm-extproc")
    with helm.Chart.load(tmp_path) as application:
        rendered = application.render({"llm-extproc": values(MODES["sidecar"])}, name="app", namespace=NAMESPACE)
    made = yaml.safe_load(rendered["app/templates/pod.yaml"])
    kubernetes_validate.validate(made, KUBERNETES[-1], strict=True)
    mounted = {item.get("configMap", {}).get("name") for item in made["spec"]["volumes"]} - {None}
    assert mounted == {"app-llm-extproc-document", "app-llm-extproc-clusters"}
    assert "app-llm-extproc-document" in rendered["app/charts/llm-extproc/templates/configmaps.yaml"]


# -- around the pod ----------------------------------------------------------------------------------------------------


def test_replicas_are_left_to_the_autoscaler() -> None:
    assert find(manifests(), "Deployment")["spec"]["replicas"] == 2
    assert "replicas" not in find(manifests(KEDA), "Deployment")["spec"]


def test_keda_counts_open_streams() -> None:
    (trigger,) = find(manifests(KEDA), "ScaledObject")["spec"]["triggers"]
    assert trigger["metadata"] == {
        "serverAddress": "http://prometheus:9090",
        "query": f'sum(llm_gateway_open_exchanges{{namespace="ai",pod=~"{POD_NAMES}"}})',
        "threshold": "200",
    }


POD_NAMES = "llm-extproc-[bcdfghjklmnpqrstvwxz2456789]{1,10}-[bcdfghjklmnpqrstvwxz2456789]{5}"


@pytest.mark.parametrize("name", ["llm-extproc-7d4b9c8f6x-x2x9k", "llm-extproc-6f-zz4tq"])
def test_keda_counts_this_deployments_pods(name: str) -> None:
    assert re.fullmatch(POD_NAMES, name)


@pytest.mark.parametrize(
    "name",
    [
        "llm-extproc-canary-7d4b9c8f6x-x2x9k",  # another release of this chart
        "llm-extproc-bw-7d4b9c8f6x-x2x9k",
        "llm-extproc-redis-7d4b9c8f6x-x2x9k",
        "my-llm-extproc-7d4b9c8f6x-x2x9k",
        "llm-extproc-redis-0",
        "llm-extproc-check",
    ],
)
def test_keda_counts_no_other_pods(name: str) -> None:
    assert not re.fullmatch(POD_NAMES, name)


def envoy_proxy(*changes: dict[str, Any]) -> dict[str, Any]:
    """What Envoy Gateway is told of the pods that it makes."""
    made: dict[str, Any] = find(manifests(MODES["envoy-gateway"], *changes), "EnvoyProxy")["spec"]
    return made


def test_envoy_gateway_scales_its_own_deployment() -> None:
    made = envoy_proxy({"autoscaling": {"kind": "hpa", "maxReplicas": 7, "openStreamsPerPod": 150}})
    assert made["provider"]["kubernetes"]["envoyHpa"] == {
        "minReplicas": 2,
        "maxReplicas": 7,
        "metrics": [
            {
                "type": "Pods",
                "pods": {
                    "metric": {"name": "llm_gateway_open_exchanges"},
                    "target": {"type": "AverageValue", "averageValue": "150"},
                },
            }
        ],
        "behavior": {"scaleDown": {"stabilizationWindowSeconds": 600}},
    }
    assert "replicas" not in made["provider"]["kubernetes"]["envoyDeployment"]


def test_envoy_gateway_has_the_same_deployment_as_ours() -> None:
    kubernetes = envoy_proxy(EVERYTHING, THEIR_ACCOUNT)["provider"]["kubernetes"]
    assert kubernetes["envoyPDB"] == {"maxUnavailable": "25%"}
    assert kubernetes["envoyService"] == {"type": "LoadBalancer", "annotations": {"g": "h"}, "labels": {"i": "j"}}
    assert kubernetes["envoyDeployment"]["replicas"] == 2
    patch = kubernetes["envoyDeployment"]["patch"]["value"]
    assert patch["metadata"] == {"annotations": {"e": "f"}}
    assert patch["spec"]["template"]["metadata"] == {"labels": {"c": "d"}, "annotations": {"a": "b"}}
    theirs, ours = patch["spec"]["template"]["spec"], pod(manifests(EVERYTHING))
    for name in ("imagePullSecrets", "nodeSelector", "tolerations", "affinity", "priorityClassName"):
        assert theirs[name] == ours[name]
    labels = {
        "gateway.envoyproxy.io/owning-gateway-name": RELEASE,
        "gateway.envoyproxy.io/owning-gateway-namespace": NAMESPACE,
    }
    assert [item["labelSelector"] for item in theirs["topologySpreadConstraints"]] == [{"matchLabels": labels}] * 2


def test_envoy_gateway_makes_what_is_wanted_and_no_more() -> None:
    changes = {"deployment": {"podDisruptionBudget": {"enabled": False}}}
    kubernetes = envoy_proxy(changes)["provider"]["kubernetes"]
    assert kubernetes.keys() == {"envoyService", "envoyDeployment"}
    assert kubernetes["envoyService"] == {"type": "ClusterIP"}


def test_envoy_gateway_drains_as_slowly_as_streams_end() -> None:
    changes = {"extproc": {"graceSeconds": 900}, "deployment": {"settleSeconds": 20}}
    assert envoy_proxy(changes)["shutdown"] == {"drainTimeout": "900s", "minDrainDuration": "20s"}


NAMES = {"ports": [{"port": 53, "protocol": "UDP"}, {"port": 53, "protocol": "TCP"}]}
PROVIDERS = {"ports": [{"port": 443}]}


def egress(*changes: dict[str, Any]) -> list[dict[str, Any]]:
    """Where the gateway's own pods may go."""
    policies = [item for item in manifests(*changes) if item["kind"] == "NetworkPolicy"]
    rules: list[dict[str, Any]] = find(policies, "NetworkPolicy")["spec"]["egress"]
    return rules


def stored(redis: str) -> dict[str, Any]:
    return {"gateway": {"document": f"{DOCUMENT}store: {{redis: {redis}}}\n"}}


THEIR_DOCUMENT = {"gateway": {"document": "", "existingConfigMap": "theirs"}}
REDIS: dict[str, tuple[dict[str, Any], list[int]]] = {
    "none": ({}, []),
    "a port in the document": (stored('{url: "rediss://redis.example.com:6380/0"}'), [6380]),
    "no port in the document": (stored('{url: "redis://redis.example.com"}'), [6379]),
    "an IPv6 address": (stored('{url: "redis://[fd00::7]/0"}'), [6379]),
    "a socket": (stored('{url: "unix:///run/redis.sock"}'), []),
    "sentinels and servers behind them": (
        stored('{mode: sentinel, master_name: m, nodes: ["a.example.com", "b.example.com:26380"]}'),
        [26379, 26380, 6379],
    ),
    "a cluster": (stored('{mode: cluster, nodes: ["a:7000", "b:7001", "c:7000"]}'), [7000, 7001]),
    "a password": ({"redis": {"passwordSecret": {"name": "llm-redis"}}}, [6379]),
    "a password, and a document elsewhere": (
        {**THEIR_DOCUMENT, "redis": {"passwordSecret": {"name": "llm-redis"}}},
        [6379],
    ),
    "a document elsewhere": (THEIR_DOCUMENT, []),
    "ports that are named": ({**THEIR_DOCUMENT, "redis": {"ports": [6380, 6381]}}, [6380, 6381]),
    "other ports than the document's": (
        {**stored('{mode: cluster, nodes: ["a:7000"]}'), "redis": {"ports": [7000, 7005]}},
        [7000, 7005],
    ),
}


@pytest.mark.parametrize("name", REDIS)
def test_pods_reach_a_redis_that_the_values_show(name: str) -> None:
    changes, ports = REDIS[name]
    opened = [{"ports": [{"port": port} for port in ports]}] if ports else []
    assert egress(changes) == [NAMES, PROVIDERS, *opened]


@pytest.mark.parametrize("mode", ["istio", "envoy-gateway"])
def test_pods_of_a_mesh_reach_redis_too(mode: str) -> None:
    assert {"ports": [{"port": 6380}]} in egress(MODES[mode], {"redis": {"ports": [6380]}})


def test_redis_may_be_bound_to_a_place() -> None:
    place = [{"ipBlock": {"cidr": "10.20.0.0/24"}}, {"namespaceSelector": {"matchLabels": {"name": "redis"}}}]
    changes = {"redis": {"passwordSecret": {"name": "llm-redis"}, "to": place}}
    assert egress(changes)[2:] == [{"ports": [{"port": 6379}], "to": place}]


def test_the_embedded_redis_is_reached_and_no_other() -> None:
    labels = {"app.kubernetes.io/name": "llm-extproc-redis", "app.kubernetes.io/instance": RELEASE}
    changes = stored('{url: "redis://llm-extproc-redis:6379/0"}')
    to = [{"podSelector": {"matchLabels": labels}}]
    assert egress(EMBEDDED_REDIS, changes)[2:] == [{"to": to, "ports": [{"port": 6379}]}]


def test_the_notes_say_which_redis_is_open() -> None:
    def notes(changes: dict[str, Any]) -> str:
        return texts(changes)["llm-extproc/templates/NOTES.txt"]

    assert "out to Redis, port 6380, 6381: redis.ports" in notes({"redis": {"ports": [6380, 6381]}})
    assert "to no Redis: if the document in theirs names one, set redis.ports." in notes(THEIR_DOCUMENT)
    assert "to no Redis: gateway.document names none." in notes({})
    assert "to no Redis outside the cluster: gateway.document" in notes(MODES["istio"])
    assert "Redis" not in notes({"networkPolicy": {"enabled": False}})


def test_the_notes_say_that_envoy_gateway_has_clusters_of_its_own() -> None:
    notes = texts(MODES["envoy-gateway"])["llm-extproc/templates/NOTES.txt"]
    assert "clusters.files is not used: endpoints and TLS are those of mesh.providers." in notes
    without = texts(MODES["envoy-gateway"], {"clusters": {"files": None}})["llm-extproc/templates/NOTES.txt"]
    assert "clusters.files" not in without


def test_applications_reach_the_cluster_and_nothing_else() -> None:
    policy = find(
        [item for item in manifests(EGRESS) if item["kind"] == "NetworkPolicy"], "NetworkPolicy", f"{RELEASE}-egress-0"
    )
    assert policy["metadata"]["namespace"] == "shop"
    assert policy["spec"]["policyTypes"] == ["Egress"]
    names_only, cluster = policy["spec"]["egress"]
    assert [port["port"] for port in names_only["ports"]] == [53, 53]
    blocks = [peer["ipBlock"]["cidr"] for peer in cluster["to"] if "ipBlock" in peer]
    assert blocks == ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "203.0.113.0/24"]


def test_the_mesh_shows_providers_to_the_gateways_namespace_alone() -> None:
    found = manifests(MODES["istio"], EGRESS)
    entry = find(found, "ServiceEntry", f"{RELEASE}-openai")
    assert (entry["spec"]["hosts"], entry["spec"]["exportTo"]) == (["api.openai.com"], ["."])
    assert find(found, "Sidecar", f"{RELEASE}-egress-0")["spec"]["outboundTrafficPolicy"] == {"mode": "REGISTRY_ONLY"}


def test_the_notes_say_where_the_gateway_is() -> None:
    notes = texts(CERT_MANAGER, {"service": {"port": 443}})["llm-extproc/templates/NOTES.txt"]
    assert "https://llm-extproc.ai.svc/v1" in notes
    assert "plain text" not in notes
    assert "for trials" in texts(EMBEDDED_REDIS)["llm-extproc/templates/NOTES.txt"]
