"""A worker process: `worker.py EXCHANGES`. Counts that many exchanges, the last of them still open, and
tells how full two budgets are, one of which is then gone.

It then says "ready" and lives until its standard input ends.
"""

import sys

from prometheus_client import CollectorRegistry

from extproc.genai.usage import TokenUsage
from extproc.telemetry.metrics import Metrics
from extproc.telemetry.record import DataPath, ExchangeRecord

AN_EXCHANGE = ExchangeRecord(
    operation="chat",
    status=200,
    duration=0.5,
    model="gpt-4o",
    backend="openai-us",
    provider="openai",
    key_alias="ci",
    team="search",
    attempts=1,
    data_path=DataPath.PASS_THROUGH,
    usage=TokenUsage(input_tokens=10, output_tokens=3),
    cost=1_000_000_000,
)


def main() -> None:
    metrics = Metrics(CollectorRegistry())
    for _ in range(int(sys.argv[1])):
        metrics.record(AN_EXCHANGE)
    metrics.exchange_opened()
    for subject in ("search", "gone"):
        metrics.budget_used("month", "team", subject, 0.95)
    metrics.budget_forgotten("month", "team", "gone")
    print("ready", flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main()
