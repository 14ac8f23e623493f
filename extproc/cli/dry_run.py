"""`extproc dry-run`: what a privacy policy and guardrails would do to a file of prompts.

No provider is asked, and no service but the recognisers of the policy. A line that is a JSON object is the body of a
request, any other line what a user writes. Exits with 1 if a prompt would be refused.
"""

import argparse
import asyncio
import os
import sys
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from extproc.cli import options
from extproc.cli.options import Commands
from extproc.errors import ConfigError, GatewayError

if TYPE_CHECKING:
    from extproc.policy.dry_run import DryRun, Tried


def add_to(commands: Commands) -> None:
    parser = commands.add_parser("dry-run", help="show what privacy and guardrails do to prompts", description=__doc__)
    options.config(parser)
    parser.add_argument("--policy", metavar="NAME", help="the privacy policy to try; without it, guardrails only")
    parser.add_argument("--show", action="store_true", help="print what would leave of each prompt")
    parser.add_argument("prompts", type=Path, metavar="FILE", help="prompts, one a line")
    parser.set_defaults(command=_dry_run)


def _dry_run(arguments: argparse.Namespace) -> int:
    from extproc.app import build_dry_run
    from extproc.config.source import Source

    trial = build_dry_run(Source(arguments.config, os.environ).read(), arguments.policy)
    lines = _lines(arguments.prompts)
    refused = asyncio.run(_tried(trial, lines, show=arguments.show))
    return 1 if refused else 0


async def _tried(trial: "DryRun", lines: Iterable[str], *, show: bool) -> int:
    try:
        return await _try_all(trial, lines, show=show)
    finally:
        await trial.close()


def _lines(path: Path) -> list[str]:
    try:
        return [line for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"cannot be read: {type(error).__name__}", source=str(path)) from None


async def _try_all(trial: "DryRun", lines: Iterable[str], *, show: bool) -> int:
    """How many prompts would be refused."""
    totals: Counter[tuple[str, str]] = Counter()
    refused = 0
    for number, line in enumerate(lines, start=1):
        try:
            tried = await trial.prompt(line)
        except GatewayError as error:
            print(f"{number}: {error.message}", file=sys.stderr)
            refused += 1
            continue
        refused += tried.refused
        totals.update(_rows(tried))
        print(f"{number}: {_summary(tried)}")
        if show and not tried.refused:
            print(f"   {tried.text}")
    _print_totals(totals, refused)
    return refused


def _rows(tried: "Tried") -> Counter[tuple[str, str]]:
    rows: Counter[tuple[str, str]] = Counter()
    for finding, count in tried.found.items():
        rows[finding.entity, finding.action.value] += count
    for verdict, count in tried.verdicts.items():
        rows[verdict.rule, f"{verdict.action.value}{' (shadow)' if verdict.shadow else ''}"] += count
    return rows


def _summary(tried: "Tried") -> str:
    parts = [f"{name}={count} {action}" for (name, action), count in sorted(_rows(tried).items())]
    return f"{'refused: ' if tried.refused else ''}{', '.join(parts) or 'nothing'}"


def _print_totals(totals: Counter[tuple[str, str]], refused: int) -> None:
    width = max((len(name) for name, _ in totals), default=0)
    for (name, action), count in sorted(totals.items()):
        print(f"{name:<{width}}  {count:>6}  {action}")
    print(f"{refused} refused")
