"""A pod of the chart with simulated providers behind it, on free ports, for the tests that run one."""

import contextlib
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from extproc.simulator.settings import Settings
from tests.helm.chart import RELEASE, find, manifests, pod
from tests.helm.kubelet import Pod, Volume, running
from tests.integration.documents import backend, document, key, keys
from tests.integration.gateway import KEY, Simulators, cluster, get
from tests.ports import free_port

SECRET = "llm-openai"
_CLUSTER = "type.googleapis.com/envoy.config.cluster.v3.Cluster"


@dataclass(frozen=True)
class Deployed:
    """`port`: where applications call; `secrets`: the directory that the document names as its secrets' place."""

    pod: Pod
    simulators: Simulators
    port: int
    envoy_admin_port: int
    secrets: Path

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    def volume(self, name: str) -> Volume:
        made = self.pod.volumes[name]
        assert isinstance(made, Volume)
        return made

    def envoy(self, path: str) -> str:
        return get(f"http://127.0.0.1:{self.envoy_admin_port}{path}")[1].decode()


def made_document(secrets: Path, targets: Mapping[str, str], **changes: Any) -> str:
    """gateway.yaml with these models, each at the backend that `targets` names. The key is in the mounted secret."""
    credential = {"file": str(secrets / "key")}
    made = document(
        backends=[backend(name, "openai", credential=credential) for name in dict.fromkeys(targets.values())],
        models=[{"name": model, "targets": [name]} for model, name in targets.items()],
        passthrough=next(iter(targets.values())),
        keys=keys(key("demo", KEY)),
        **changes,
    )
    return yaml.safe_dump(made, sort_keys=False)


def cluster_file(ports: Mapping[str, int], **changes: Any) -> str:
    made = [{"@type": _CLUSTER, **cluster(name, port), **changes} for name, port in ports.items()]
    return yaml.safe_dump({"resources": made}, sort_keys=False)


@contextlib.contextmanager
def deployed(
    mode: str,
    settings: Mapping[str, Settings],
    targets: Mapping[str, str],
    *more: Mapping[str, Any],
    secrets: Mapping[str, Mapping[str, str]] | None = None,
) -> Iterator[Deployed]:
    """The chart in `mode`, with a cluster for each simulated provider, and a model for each of `targets`.

    `secrets` are Secrets besides the one with the provider's key.
    """
    with tempfile.TemporaryDirectory(prefix="pod-") as name, Simulators(settings) as simulators:
        directory = Path(name)
        keys_directory = directory / "llm-secret-openai"
        ports = {"listen": free_port(), "metrics": free_port(), "status": free_port(), "envoyAdmin": free_port()}
        files = {"clusters.yaml": cluster_file({one: made.port for one, made in simulators.by_name.items()})}
        changes = {
            "mode": mode,
            "ports": ports,
            "gateway": {"document": made_document(keys_directory, targets)},
            "clusters": {"files": files},
        }
        one = made_pod(manifests(changes, *more), directory, secrets)
        with running(one):
            yield Deployed(one, simulators, ports["listen"], ports["envoyAdmin"], keys_directory)


def made_pod(
    found: list[dict[str, Any]], directory: Path, secrets: Mapping[str, Mapping[str, str]] | None = None
) -> Pod:
    """The pod of these manifests, with the first credential in the Secret that it mounts."""
    maps = {item["metadata"]["name"]: item["data"] for item in found if item["kind"] == "ConfigMap"}
    assert find(found, "ConfigMap", f"{RELEASE}-document")
    return Pod(pod(found), {**maps, SECRET: {"key": "first"}, **(secrets or {})}, directory)
