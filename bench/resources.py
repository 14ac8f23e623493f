"""What a process has used, as the kernel counts it."""

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

_PROC = Path("/proc")
_PPID, _UTIME, _STIME, _RSS = 1, 11, 12, 21  # proc(5), counted from the field behind the name


@dataclass(frozen=True, slots=True)
class Used:
    """Processor time of all threads since the process began, and the memory it holds now."""

    cpu_seconds: float
    rss_mb: float


def used(pid: int) -> Used:
    """Raises OSError or ValueError when the process is gone."""
    if not _has_proc():
        return from_ps(_ps("-o", "cputime=,rss=", "-p", str(pid)))
    fields = stat_fields((_PROC / str(pid) / "stat").read_text())
    ticks = int(fields[_UTIME]) + int(fields[_STIME])
    return Used(ticks / os.sysconf("SC_CLK_TCK"), int(fields[_RSS]) * os.sysconf("SC_PAGE_SIZE") / 2**20)


def children(pid: int) -> list[int]:
    """The processes that this one started and that are still there."""
    if _has_proc():
        return [int(path.parent.name) for path in _PROC.glob("[0-9]*/stat") if _parent(path) == pid]
    rows = (row.split() for row in _ps("-A", "-o", "pid=,ppid=").splitlines())
    return [int(child) for child, parent in rows if int(parent) == pid]


def stat_fields(stat: str) -> list[str]:
    """The fields of /proc/<pid>/stat behind the process's name, which may have spaces and parentheses itself."""
    return stat.rpartition(")")[2].split()


def from_ps(row: str) -> Used:
    """A row of `ps -o cputime=,rss=`: [days-][hours:]minutes:seconds, and kilobytes."""
    clock, kilobytes = row.split()
    days, _, clock = clock.rpartition("-")
    seconds = 0.0
    for part in clock.split(":"):
        seconds = seconds * 60 + float(part)
    return Used(int(days or 0) * 86400 + seconds, int(kilobytes) / 1024)


def _has_proc() -> bool:
    return (_PROC / "self" / "stat").exists()


def _parent(path: Path) -> int:
    try:
        return int(stat_fields(path.read_text())[_PPID])
    except (FileNotFoundError, ProcessLookupError):  # it has just ended
        return 0


def _ps(*arguments: str) -> str:
    return subprocess.run(["ps", *arguments], capture_output=True, text=True, check=True).stdout
