"""Ports for servers that tests start: below those that the system gives to connections, and another range for each
process that runs tests, so that nobody takes one between its choice and its use."""

import itertools
import os
import socket

_FIRST, _EACH = 12_000, 8_000
_WORKER = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) % 2
_numbers = itertools.cycle(range(_FIRST + _WORKER * _EACH, _FIRST + (_WORKER + 1) * _EACH))


def free_port() -> int:
    """One that is free on loopback, and was given to nobody for long."""
    for port in itertools.islice(_numbers, _EACH):
        with socket.socket() as sock:
            try:
                sock.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise OSError("no port is free")
