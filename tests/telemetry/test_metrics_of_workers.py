"""The text of several worker processes: summed, and kept when a worker ends."""

import json
import os
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

from prometheus_client import CollectorRegistry, Gauge
from prometheus_client.parser import text_string_to_metric_families

from extproc.telemetry.metrics import exposition, forget_worker

WORKER = Path(__file__).with_name("worker.py")
ROOT = Path(__file__).parents[2]
LABELS = {
    "operation": "chat",
    "provider": "openai",
    "backend": "openai-us",
    "model": "gpt-4o",
    "key": "ci",
    "team": "search",
}
GEN_AI = {
    "gen_ai_operation_name": "chat",
    "gen_ai_provider_name": "openai",
    "gen_ai_request_model": "gpt-4o",
    "backend": "openai-us",
    "team": "search",
}


def test_two_workers_are_summed(tmp_path):
    with worker(tmp_path, exchanges=2), worker(tmp_path, exchanges=3):
        samples = scrape(tmp_path)

    assert value(samples, "llm_gateway_requests_total", {**LABELS, "status": "200"}) == 5
    assert value(samples, "llm_gateway_cost_usd_total", LABELS) == 5
    assert value(samples, "llm_gateway_tokens_total", {**LABELS, "type": "input", "estimated": "false"}) == 50
    assert value(samples, "llm_gateway_open_exchanges", {}) == 2


def test_histograms_of_two_workers_are_summed(tmp_path):
    with worker(tmp_path, exchanges=2), worker(tmp_path, exchanges=3):
        samples = scrape(tmp_path)
    duration, labels = "gen_ai_client_operation_duration_seconds", {**GEN_AI, "error_type": ""}

    assert value(samples, f"{duration}_count", labels) == 5
    assert value(samples, f"{duration}_sum", labels) == 2.5
    assert value(samples, f"{duration}_bucket", {**labels, "le": "0.32"}) == 0
    assert value(samples, f"{duration}_bucket", {**labels, "le": "0.64"}) == 5
    assert value(samples, f"{duration}_bucket", {**labels, "le": "+Inf"}) == 5


def test_what_a_dead_worker_counted_stays_and_its_open_exchanges_go(tmp_path):
    with worker(tmp_path, exchanges=2) as killed, worker(tmp_path, exchanges=3):
        killed.kill()
        killed.wait()
        forget_worker(killed.pid, tmp_path)
        samples = scrape(tmp_path)

    assert value(samples, "llm_gateway_requests_total", {**LABELS, "status": "200"}) == 5
    assert value(samples, "llm_gateway_open_exchanges", {}) == 1


def test_how_full_a_budget_is_is_known_from_living_workers_and_of_budgets_that_there_are(tmp_path):
    used, month = "llm_gateway_budget_used_ratio", {"budget": "month", "scope": "team"}
    with worker(tmp_path, exchanges=1) as only:
        living = scrape(tmp_path)
        only.kill()
        only.wait()
        forget_worker(only.pid, tmp_path)
        dead = scrape(tmp_path)

    assert value(living, used, {**month, "subject": "search"}) == 0.95
    assert "gone" not in str(living)
    assert used not in str(dead)


def test_the_supervisors_own_metrics_come_with_those_of_the_workers(tmp_path):
    own = CollectorRegistry()
    Gauge("workers", "Workers.", registry=own).set(1)
    with worker(tmp_path, exchanges=1):
        text = exposition(tmp_path, own).decode()

    assert text.startswith("# HELP workers Workers.\n# TYPE workers gauge\nworkers 1.0\n")
    assert "llm_gateway_open_exchanges 1.0\n" in text


def test_the_text_says_each_name_once(tmp_path):
    with worker(tmp_path, exchanges=1), worker(tmp_path, exchanges=1):
        lines = exposition(tmp_path, CollectorRegistry()).decode().splitlines()
    types = [line for line in lines if line.startswith("# TYPE")]

    assert len(types) == len(set(types)) == 14


def test_no_worker_has_written_yet(tmp_path):
    assert exposition(tmp_path, CollectorRegistry()) == b""


def test_the_file_of_a_worker_that_is_just_starting_is_passed_over(tmp_path):
    (tmp_path / "counter_1.db").touch()

    assert exposition(tmp_path, CollectorRegistry()) == b""


def test_files_that_cannot_grow_lose_numbers_but_not_the_worker(tmp_path):
    program = """
import resource, sys
from dataclasses import replace
sys.path.insert(0, "tests/telemetry")
from worker import AN_EXCHANGE, CollectorRegistry, Metrics
from extproc.telemetry.log import configure
configure("info", sys.stdout)
metrics = Metrics(CollectorRegistry())
resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 16, 1 << 16))
for number in range(40):
    metrics.record(replace(AN_EXCHANGE, team=f"team-{number}"))
metrics.exchange_opened()
"""
    ran = subprocess.run(
        [sys.executable, "-c", program], env=environment(tmp_path), cwd=ROOT, capture_output=True, text=True, timeout=60
    )

    assert (ran.returncode, ran.stderr) == (0, "")
    assert {json.loads(line)["event"] for line in ran.stdout.splitlines()} == {"metrics_not_written"}
    assert value(scrape(tmp_path), "llm_gateway_open_exchanges", {}) == 1


def environment(directory):
    return {**os.environ, "PROMETHEUS_MULTIPROC_DIR": str(directory), "PYTHONPATH": str(ROOT)}


@contextmanager
def worker(directory, *, exchanges):
    process = subprocess.Popen(
        [sys.executable, WORKER, str(exchanges)],
        env=environment(directory),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:
        try:
            assert process.stdout.readline() == "ready\n"
            yield process
        finally:
            process.kill()


def scrape(directory):
    text = exposition(directory, CollectorRegistry()).decode()
    return [sample for family in text_string_to_metric_families(text) for sample in family.samples]


def value(samples, name, labels):
    found = [sample.value for sample in samples if sample.name == name and sample.labels == labels]
    assert len(found) == 1, found
    return found[0]
