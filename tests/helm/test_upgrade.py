"""An upgrade with `--reuse-values`: Helm goes on with the values of the chart that was installed, defaults included."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import helm_python as helm
import pytest

from tests.helm.chart import CHART, MODES, NAMESPACE, RELEASE, texts, values
from tests.helm.test_chart import EMBEDDED_REDIS, EVERYTHING, THEIR_ACCOUNT

FORMER = Path(__file__).parent / "former-values.yaml"
INSTALLED: dict[str, tuple[dict[str, Any], ...]] = {
    **{name: (mode,) for name, mode in MODES.items()},
    **{f"{name}, everything": (mode, EVERYTHING, THEIR_ACCOUNT) for name, mode in MODES.items()},
    "a Redis for trials": (EMBEDDED_REDIS,),
}


@pytest.fixture(scope="module")
def upgraded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[helm.Chart]:
    """This chart with the former defaults in the place of its own."""
    directory = tmp_path_factory.mktemp("upgrade") / "llm-extproc"
    shutil.copytree(CHART, directory)
    shutil.copy(FORMER, directory / "values.yaml")
    with helm.Chart.load(directory) as chart:
        yield chart


@pytest.mark.parametrize("name", INSTALLED)
def test_former_values_still_make_what_new_ones_do(name: str, upgraded: helm.Chart) -> None:
    made = upgraded.render(values(*INSTALLED[name]), name=RELEASE, namespace=NAMESPACE)
    assert made == texts(*INSTALLED[name])
