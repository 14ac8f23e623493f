"""Wrong values fail while the templates are rendered, with a message that names the value."""

from typing import Any

import helm_python as helm
import pytest

from tests.helm.chart import MODES, manifests

LISTENER = """\
resources:
- "@type": type.googleapis.com/envoy.config.listener.v3.Listener
  name: theirs
"""
OPENAI = {"cluster": "openai", "host": "api.openai.com"}
WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "mode": ({"mode": "ambient"}, "/mode"),
    "an unknown name": ({"gatway": {}}, "gatway"),
    "an unknown name inside": ({"deployment": {"replica": 2}}, "replica"),
    "a number that is a string": ({"extproc": {"workers": "two"}}, "/extproc/workers"),
    "a port": ({"ports": {"listen": 70000}}, "/ports/listen"),
    "a digest": ({"envoy": {"image": {"digest": "latest"}}}, "/envoy/image/digest"),
    "a user that is root": ({"runAsUser": 0}, "/runAsUser"),
    "a duration": ({"monitoring": {"interval": "often"}}, "/monitoring/interval"),
    "a CIDR": ({"egressPolicy": {"allowedCIDRs": ["everything"]}}, "/egressPolicy/allowedCIDRs/0"),
    **{
        f"a CIDR, {wrong}": ({"egressPolicy": {"clusterCIDRs": ["10.0.0.0/8", wrong]}}, "/egressPolicy/clusterCIDRs/1")
        for wrong in ("10.0.0.0/99", "10.0.0.0/33", "10.0.0.256/8", "10.0.0/8", "10.0.0.0", "fd00::/129", "fd00:::/8")
    },
    "a CIDR of Redis": ({"redis": {"to": [{"ipBlock": {"cidr": "10.0.0.0/99"}}]}}, "/redis/to/0/ipBlock/cidr"),
    "a quantity": (
        {"extproc": {"resources": {"limits": {"memory": "12Q"}}}},
        "/extproc/resources/limits/memory",
    ),
    "a quantity below zero": (
        {"redis": {"embedded": {"resources": {"requests": {"cpu": -1}}}}},
        "/redis/embedded/resources/requests/cpu",
    ),
    "a document that is not YAML": ({"gateway": {"document": "a: ["}}, "gateway.document is not YAML"),
    "a document that is a list": ({"gateway": {"document": "- a"}}, "gateway.document is not YAML, or no mapping"),
    **{
        f"a cluster file that is not YAML, {mode}": (
            {**changes, "clusters": {"files": {"broken.yaml": "resources: ["}}},
            'clusters.files["broken.yaml"] is not YAML',
        )
        for mode, changes in MODES.items()
    },
    "Istio, a file without clusters": (
        {**MODES["istio"], "clusters": {"files": {"other.yaml": "clusters: []"}}},
        'clusters.files["other.yaml"] has no list of clusters',
    ),
    "Istio, a resource that is no cluster": (
        {**MODES["istio"], "clusters": {"files": {"other.yaml": LISTENER}}},
        'clusters.files["other.yaml"]: resources[0] is a type.googleapis.com/envoy.config.listener.v3.Listener',
    ),
    "Istio, a cluster that no file has": (
        {**MODES["istio"], "mesh": {"kind": "istio", "providers": [OPENAI, {"cluster": "opnai", "host": "a.com"}]}},
        'mesh.providers[1].cluster: no file of clusters.files has the cluster "opnai", but openai',
    ),
    "Istio, no clusters": ({**MODES["istio"], "clusters": {"files": None}}, '"openai", but none at all'),
    "an address of Prometheus": (
        {"autoscaling": {"kind": "keda", "prometheusAddress": "nonsense"}},
        "/autoscaling/prometheusAddress",
    ),
    "a secret's value": ({"secrets": {"mounts": [{"name": "openai", "value": "sk-1"}]}}, "/secrets/mounts/0"),
    "a cluster file's name": ({"clusters": {"files": {"openai": "resources: []"}}}, "'openai' not allowed"),
    "no document": ({"gateway": {"document": ""}}, "gateway.document is empty"),
    "two documents": ({"gateway": {"existingConfigMap": "x"}}, "gateway.document and gateway.existingConfigMap"),
    "no clusters": ({"clusters": {"files": None}}, "clusters.files is empty"),
    "two clusters": ({"clusters": {"existingConfigMap": "x"}}, "clusters.files and clusters.existingConfigMap"),
    "clusters without keys": (
        {"clusters": {"files": None, "existingConfigMap": "x"}},
        "clusters.keys is empty",
    ),
    "a mount twice": (
        {"secrets": {"mounts": [{"name": "a", "secretName": "b"}, {"name": "a", "secretName": "c"}]}},
        'secrets.mounts has "a" twice',
    ),
    "a port twice": ({"ports": {"metrics": 10000}}, "ports.listen and ports.metrics are both 10000"),
    "TLS without a certificate": ({"tls": {"enabled": True}}, "tls.enabled wants one of tls.secretName"),
    "TLS with two": (
        {"tls": {"enabled": True, "secretName": "a", "csi": {"driver": "b"}}},
        "tls.csi; 2 are set",
    ),
    "an issuer without a name": (
        {"tls": {"enabled": True, "certManager": {"enabled": True}}},
        "issuerRef.name is empty",
    ),
    "client certificates without TLS": (
        {"tls": {"requireClientCertificate": True}},
        "tls.requireClientCertificate needs",
    ),
    "TLS of a sidecar": (
        {**MODES["sidecar"], "tls": {"enabled": True, "secretName": "a"}},
        "in mode sidecar the listener",
    ),
    "two Redis": (
        {"redis": {"passwordSecret": {"name": "a"}, "embedded": {"enabled": True, "passwordSecret": {"name": "b"}}}},
        "redis.passwordSecret.name and redis.embedded.enabled",
    ),
    "Redis without a password": (
        {"redis": {"embedded": {"enabled": True}}},
        "redis.embedded.passwordSecret.name is empty",
    ),
    "ports of the embedded Redis": (
        {"redis": {"ports": [6380], "embedded": {"enabled": True, "passwordSecret": {"name": "b"}}}},
        "redis.ports and redis.to are for a Redis of yours",
    ),
    "a place for no Redis": (
        {"redis": {"to": [{"ipBlock": {"cidr": "10.2.0.0/24"}}]}},
        "redis.to is set, and neither",
    ),
    "a port of Redis": ({"redis": {"ports": [0]}}, "/redis/ports/0"),
    "a peer of Redis": ({"redis": {"to": [{"cidr": "10.2.0.0/24"}]}}, "/redis/to/0"),
    "KEDA without Prometheus": ({"autoscaling": {"kind": "keda"}}, "autoscaling.prometheusAddress is empty"),
    "fewest above most": ({"autoscaling": {"minReplicas": 20}}, "autoscaling.minReplicas is larger"),
    "a sidecar that scales": ({**MODES["sidecar"], "autoscaling": {"kind": "hpa"}}, "autoscaling.kind"),
    "a sidecar's Service": ({**MODES["sidecar"], "monitoring": {"scrape": "service"}}, "monitoring.scrape"),
    "a mesh without providers": ({"mode": "mesh"}, "mesh.providers is empty"),
    "a provider's cluster twice": (
        {"mode": "mesh", "mesh": {"kind": "envoy-gateway", "providers": [OPENAI, OPENAI]}},
        'mesh.providers[1].cluster: "openai" is there twice',
    ),
    "KEDA with Envoy Gateway": (
        {**MODES["envoy-gateway"], "autoscaling": {"kind": "keda", "prometheusAddress": "http://prometheus"}},
        "autoscaling.kind keda: Envoy Gateway",
    ),
    "Istio's principals with Envoy Gateway": (
        {
            "mode": "mesh",
            "mesh": {
                "kind": "envoy-gateway",
                "providers": [OPENAI],
                "istio": {"principals": ["cluster.local/ns/a/sa/b"]},
            },
        },
        "mesh.istio.principals: mesh.kind is envoy-gateway",
    ),
    "the Service's port with Envoy Gateway": (
        {**MODES["envoy-gateway"], "service": {"port": 8080}},
        "service.port: with mesh.kind envoy-gateway",
    ),
    **{
        f"serviceAccount.{name} with Envoy Gateway": (
            {**MODES["envoy-gateway"], "serviceAccount": {name: value}},
            f"serviceAccount.{name}: with mesh.kind envoy-gateway",
        )
        for name, value in {"name": "theirs", "annotations": {"a": "b"}, "automountToken": True}.items()
    },
    "an egress policy for nobody": ({"egressPolicy": {"enabled": True}}, "egressPolicy.applications is empty"),
    "an egress policy with sidecars": (
        {**MODES["sidecar"], "egressPolicy": {"enabled": True, "applications": [{"namespace": "a"}]}},
        "egressPolicy.enabled",
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_value_is_named(name: str) -> None:
    changes, said = WRONG[name]
    with pytest.raises(helm.HelmError) as caught:
        manifests(changes)
    assert said in str(caught.value)


RIGHT: dict[str, dict[str, Any]] = {
    "CIDRs": {
        "egressPolicy": {
            "clusterCIDRs": ["10.0.0.0/8", "0.0.0.0/0", "192.168.7.1/32", "fd00::/8", "::/0", "2001:db8::1/128"]
        }
    },
    "quantities": {
        "extproc": {
            "resources": {
                "requests": {"cpu": 0.5, "memory": "1.5Gi", "ephemeral-storage": "1e9"},
                "limits": {"cpu": "1500m", "memory": 536870912, "example.com/device": "1"},
            }
        }
    },
    "an address of Prometheus": {
        "autoscaling": {"kind": "keda", "prometheusAddress": "https://mimir.example.com:8080/prometheus"}
    },
}


@pytest.mark.parametrize("name", RIGHT)
def test_a_right_value_is_taken(name: str) -> None:
    assert manifests(RIGHT[name])
