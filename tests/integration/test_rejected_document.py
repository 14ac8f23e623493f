"""A rejected document shows in the metric, and does not matter to a worker that is started again."""

import os
import signal

from tests.integration.gateway import Gateway, wait_until
from tests.integration.test_lifecycle import ask, events, gateway, made, workers

__all__ = ["gateway"]


def reject(gateway: Gateway) -> None:
    mistaken = made()
    mistaken["models"][0]["targets"] = ["opnai"]
    gateway.rewrite(mistaken)
    wait_until(lambda: events(gateway, "configuration rejected"), 5.0, "the rejection")


def test_a_rejected_document_shows_in_the_metric(gateway: Gateway) -> None:
    reject(gateway)
    wait_until(lambda: gateway.metric("llm_gateway_config_last_reload_successful") == 0, 2.0, "the metric")
    gateway.rewrite(made())
    wait_until(lambda: gateway.metric("llm_gateway_config_last_reload_successful") == 1, 5.0, "the metric")


def test_a_worker_that_starts_again_gets_the_last_good_document(gateway: Gateway) -> None:
    reject(gateway)
    (worker,) = workers(gateway)
    os.kill(worker, signal.SIGKILL)
    wait_until(lambda: ask(gateway).status_code == 200, 10.0, "the new worker")
