"""Runs a rendered pod on loopback, as the kubelet would: volumes, order of containers, probes, hooks, the end.

Images are what they stand for on this machine: Envoy's is the binary, ours is `python -m extproc`. Paths inside the
containers become those of a temporary directory, and 0.0.0.0 becomes loopback.
"""

import contextlib
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from tests.integration.gateway import ENVOY, ROOT, get, wait_until

Json = dict[str, Any]


class Volume:
    """A ConfigMap's or Secret's files, replaced all at once by a link, as the kubelet's AtomicWriter does."""

    def __init__(self, directory: Path, files: Mapping[str, str]) -> None:
        self.directory = directory
        self._version = 0
        directory.mkdir(parents=True)
        self.replace(files)

    def replace(self, files: Mapping[str, str]) -> None:
        self._version += 1
        made, link = self.directory / f"..{self._version}", self.directory / "..data_tmp"
        made.mkdir()
        for name, text in files.items():
            (made / name).write_text(text)
        link.symlink_to(made.name)
        link.rename(self.directory / "..data")
        for name in files:
            if not (self.directory / name).is_symlink():
                (self.directory / name).symlink_to(f"..data/{name}")


class Pod:
    """`spec` is a pod's; `files` is what its ConfigMaps and Secrets hold, by their names."""

    def __init__(self, spec: Json, files: Mapping[str, Mapping[str, str]], directory: Path) -> None:
        self._spec = spec
        self._directory = directory
        self.volumes = {item["name"]: self._volume(item, files) for item in spec["volumes"]}
        self._mounts = {
            mount["mountPath"]: self._place(mount["name"])  # a path is the same volume in every container
            for container in self.containers()
            for mount in container.get("volumeMounts", [])
        }
        self.processes: dict[str, subprocess.Popen[bytes]] = {}

    def start(self) -> None:
        """Raises AssertionError, with its log, for a container that fails."""
        for container in self._spec["initContainers"]:
            if container.get("restartPolicy") == "Always":
                self._begin(container)
            else:
                self._run(container)
        for container in self._spec.get("containers", []):
            if "image" in container:  # not an application's, which a patch only names
                self._begin(container)
        for container in self.containers():
            if "readinessProbe" in container:
                wait_until(lambda one=container: self.probe(one, "readinessProbe"), what=f"{container['name']} ready")

    def stop(self) -> None:
        """Containers' hooks and SIGTERM first; when they have ended, the sidecars, last to first."""
        for container in self._spec.get("containers", []):
            if "lifecycle" in container:
                hook = container["lifecycle"]["preStop"]["exec"]["command"]
                subprocess.run([sys.executable, *hook[1:]], check=True, timeout=60)
        for container in [*self._spec.get("containers", []), *reversed(self._spec["initContainers"])]:
            if process := self.processes.get(container["name"]):
                process.send_signal(signal.SIGTERM)
                process.wait(60)

    def kill(self) -> None:
        for process in self.processes.values():
            process.kill()
            process.wait(5)

    def log(self, name: str) -> str:
        return (self._directory / f"{name}.log").read_text()

    def ready(self, name: str) -> bool:
        (container,) = (item for item in self.containers() if item["name"] == name)
        return self.probe(container, "readinessProbe")

    def probe(self, container: Json, kind: str) -> bool:
        asked = container[kind]
        check = asked.get("httpGet") or asked["tcpSocket"]
        (port,) = (item["containerPort"] for item in container["ports"] if item["name"] == check["port"])
        with contextlib.suppress(OSError):
            if "httpGet" in asked:
                return get(f"http://127.0.0.1:{port}{check['path']}")[0] == 200
            with socket.create_connection(("127.0.0.1", port), 1):
                return True
        return False

    def containers(self) -> list[Json]:
        return [*self._spec["initContainers"], *self._spec.get("containers", [])]

    def _begin(self, container: Json) -> None:
        with (self._directory / f"{container['name']}.log").open("wb") as log:
            process = subprocess.Popen(
                self.command(container), stdout=log, stderr=log, cwd=ROOT, env=self._environment()
            )
        self.processes[container["name"]] = process
        if "startupProbe" in container:
            wait_until(
                lambda: process.poll() is not None or self.probe(container, "startupProbe"),
                what=f"{container['name']} started",
            )
        assert process.poll() is None, f"{container['name']} ended: {self.log(container['name'])[-2000:]}"

    def _run(self, container: Json) -> None:
        done = subprocess.run(
            self.command(container), cwd=ROOT, env=self._environment(), capture_output=True, text=True, timeout=60
        )
        (self._directory / f"{container['name']}.log").write_text(done.stdout + done.stderr)
        assert done.returncode == 0, f"{container['name']} failed: {done.stdout}{done.stderr}"

    def command(self, container: Json) -> list[str]:
        image = container.get("command") or ["extproc"]
        program = {"envoy": [str(ENVOY)], "extproc": [sys.executable, "-m", "extproc"]}[image[0]]
        return [*program, *(_translated(argument, self._mounts) for argument in container["args"])]

    def _place(self, volume: str) -> str:
        made = self.volumes[volume]
        return str(made.directory if isinstance(made, Volume) else made)

    def _environment(self) -> dict[str, str]:
        return {**os.environ, "TMPDIR": self._place("llm-tmp")}

    def _volume(self, item: Json, files: Mapping[str, Mapping[str, str]]) -> Volume | Path:
        directory = self._directory / str(item["name"])
        name = item.get("configMap", {}).get("name") or item.get("secret", {}).get("secretName")
        if name is not None:
            return Volume(directory, files[name])
        directory.mkdir()
        return directory


def _translated(argument: str, mounts: Mapping[str, str]) -> str:
    paths = "|".join(map(re.escape, sorted(mounts, key=len, reverse=True)))
    translated = re.sub(rf"({paths})(?=/|$)", lambda found: mounts[found[0]], argument)
    return translated.replace("0.0.0.0", "127.0.0.1")


@contextlib.contextmanager
def running(pod: Pod) -> Iterator[Pod]:
    try:
        pod.start()
        yield pod
    finally:
        pod.kill()
