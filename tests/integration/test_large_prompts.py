"""Counting the tokens of large prompts must not keep a worker from its other exchanges."""

import random
import socket
import string
import time

from tests.integration.gateway import Gateway
from tests.integration.raw import chat, request, send


def test_callers_that_hang_up_on_large_prompts_stall_nobody(gateway: Gateway) -> None:
    letters = random.Random(1).choices(string.ascii_letters, k=30_000_000)
    prompt = "".join(letters)
    asked = request(chat(prompt + " [[tokens=2000 rate=50]]", stream=True))
    callers = [socket.create_connection(("127.0.0.1", gateway.port), 30.0) for _ in range(3)]
    for caller in callers:
        caller.sendall(asked)
    for caller in callers:
        seen = b""
        while seen.count(b"data:") < 3:
            seen += caller.recv(4096)
    for caller in callers:
        caller.close()
    began = time.monotonic()
    answer = send(gateway.port, request(chat()))
    assert answer.status == 200, answer.body  # 504: Envoy does not wait longer than 5 s for the worker
    assert time.monotonic() - began < 2.0
