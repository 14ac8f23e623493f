"""A run as text for people and as JSON for programs."""

import json
from collections.abc import Mapping, Sequence

from bench.result import Result, Value

_COLUMNS = (
    ("scenario", "name"),
    ("added p50 ms", "added_p50_ms"),
    ("added p99 ms", "added_p99_ms"),
    ("rps", "rps"),
    ("rps bare", "rps_bare"),
    ("worker us", "cpu_us_per_request"),
    ("Envoy us", "envoy_cpu_us_per_request"),
    ("frame added ms", "added_frame_p50_ms"),
    ("worker us/frame", "cpu_us_per_frame"),
    ("worker MB", "rss_mb"),
    ("Envoy MB", "envoy_rss_mb"),
)
_SHOWN = {field for _, field in _COLUMNS}


def as_json(results: Sequence[Result]) -> str:
    """A list with one object a scenario."""
    return json.dumps([result.document() for result in results], indent=2) + "\n"


def as_text(machine: Mapping[str, str], results: Sequence[Result]) -> str:
    """The machine, a table of what scenarios have in common, and what else each found."""
    head = [f"{label + ':':10}{value}" for label, value in machine.items()]
    documents = [result.document() for result in results]
    return "\n".join([*head, "", *_table(documents), "", *_details(documents)]) + "\n"


def _table(documents: Sequence[Mapping[str, Value]]) -> list[str]:
    rows = [[label for label, _ in _COLUMNS]]
    rows += [[_cell(document.get(field)) for _, field in _COLUMNS] for document in documents]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [_line(row, widths) for row in rows]
    return [lines[0], "|".join(("", *("-" * (width + 2) for width in widths), "")), *lines[1:]]


def _line(row: Sequence[str], widths: Sequence[int]) -> str:
    first, *others = (f"{cell:{'<' if at == 0 else '>'}{widths[at]}}" for at, cell in enumerate(row))
    return f"| {' | '.join((first, *others))} |"


def _details(documents: Sequence[Mapping[str, Value]]) -> list[str]:
    lines = []
    for document in documents:
        rest = [
            f"{name} {_cell(value)}" for name, value in document.items() if name not in _SHOWN and value is not None
        ]
        if rest:
            lines.append(f"{document['name']}: {', '.join(rest)}")
    return lines


def _cell(value: Value) -> str:
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.2f}"
    return f"{value:,}" if isinstance(value, int) else value
