"""The way to an answer that is under way: Envoy is sent to the worker that has it, as to a provider.

ext_proc can answer a buffered request in one piece only (seen on Envoy 1.40.0). So a worker serves HTTP on a socket of
its own, which is a cluster like any other: what follows a stream gets it at its pace, and where nothing comes of it the
next cluster of the chain is a provider's.
"""

from pathlib import Path

CLUSTER = "relay"
AUTHORITY = "relay"
SOCKET_KEY = "relay"
"""What dynamic metadata calls the socket that a request is to go to."""


def path_of(exchange_id: str) -> str:
    return f"/{exchange_id}"


def socket_of(worker: str) -> str:
    """The relay's socket, by that of the worker."""
    return str(Path(worker).with_suffix(".relay.sock"))
