"""`python -m bench [SCENARIO ...]`: runs scenarios, prints a table, writes build/bench.json."""

import argparse
import os
import resource
import signal
import sys
import time
from pathlib import Path

from bench import machine, report
from bench.result import Result
from bench.scenarios import SCENARIOS
from bench.stack import BenchError
from extproc.errors import ConfigError

_OPEN_FILES = 16_384  # a held stream takes two of Envoy's, and one of the generator's


def main() -> int:
    arguments = _arguments()
    _allow_open_files()
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # ends the children too
    load = os.getloadavg()[0]
    wanted = arguments.scenario or list(SCENARIOS)
    arguments.output.parent.mkdir(parents=True, exist_ok=True)
    results: list[Result] = []
    try:
        for name in wanted:
            results += _run(name, arguments.envoy_concurrency)
            arguments.output.write_text(report.as_json(results))
    except KeyboardInterrupt:
        return 130
    described = {
        **machine.describe(),
        "envoy": f"--concurrency {arguments.envoy_concurrency}, for both ways",
        "load": f"{load:.1f} before the run (1 minute); above 0.5 the rates and the 99th percentiles are too bad",
    }
    print(report.as_text(described, results), end="")
    return 0 if len(results) == len(wanted) else 1


def _run(name: str, envoy_concurrency: int) -> list[Result]:
    """Empty when nothing could be measured; the other scenarios are worth having all the same."""
    began = time.monotonic()
    print(f"{name}: {SCENARIOS[name].summary} ...", end="", file=sys.stderr, flush=True)
    try:
        result = SCENARIOS[name].run(name, envoy_concurrency)
    except (BenchError, ConfigError) as error:
        print(f" {error}", file=sys.stderr, flush=True)
        return []
    print(f" {time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)
    return [result]


def _arguments() -> argparse.Namespace:
    table = "\n".join(f"  {name:24}{scenario.summary}" for name, scenario in SCENARIOS.items())
    parser = argparse.ArgumentParser(
        prog="python -m bench",
        description=__doc__,
        epilog=f"scenarios:\n{table}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("scenario", nargs="*", metavar="SCENARIO", choices=[*SCENARIOS, []], help="all unless named")
    parser.add_argument("--envoy-concurrency", type=int, default=1, metavar="N", help="Envoy's worker threads")
    parser.add_argument("--output", type=Path, default=Path("build/bench.json"), metavar="FILE")
    return parser.parse_args()


def _allow_open_files() -> None:
    """As many as the hard limit allows, up to what is needed; children inherit it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _OPEN_FILES if hard == resource.RLIM_INFINITY else min(_OPEN_FILES, hard)
    if soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


if __name__ == "__main__":
    sys.exit(main())
