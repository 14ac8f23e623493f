"""extproc/pb is what `make protos` makes of protos/."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_generated_code_is_current(tmp_path):
    sources = sorted(str(path.relative_to(ROOT)) for path in (ROOT / "protos/extproc/pb").glob("*.proto"))
    out = [f"--python_out={tmp_path}", f"--pyi_out={tmp_path}"]
    subprocess.run([sys.executable, "-m", "grpc_tools.protoc", "-I", "protos", *out, *sources], cwd=ROOT, check=True)

    assert contents(tmp_path / "extproc/pb") == contents(ROOT / "extproc/pb")


def test_loads_beside_other_descriptions_of_envoys_messages():
    """In one process: grpcio's health messages in the same descriptor pool, envoy-data-plane with its own."""
    program = (
        "import envoy_data_plane.envoy.service.ext_proc.v3\n"
        "from grpc_health.v1 import health_pb2\n"
        "from extproc.pb import ext_proc_pb2, priority_group_pb2, token_usage_pb2\n"
        "print(priority_group_pb2.PriorityGroupsOverride.DESCRIPTOR.full_name)\n"
    )
    printed = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, check=True, capture_output=True, text=True
    ).stdout
    assert printed == "envoy.extensions.router.cluster_specifiers.priority_group.v3.PriorityGroupsOverride\n"


def contents(directory: Path) -> dict[str, str]:
    return {path.name: path.read_text() for path in directory.glob("*_pb2.py*")}
