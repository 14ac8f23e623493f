"""Options that several commands share."""

import argparse
from pathlib import Path
from typing import TypeAlias

Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"
DEFAULT_SOCKET_DIR = Path("/tmp/llm-extproc")  # noqa: S108 - short enough for a Unix socket; ownership is checked
DEFAULT_ADMIN = ("127.0.0.1", 9464)


def config(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--config", type=Path, metavar="FILE", help="gateway.yaml; without it, a default made from the environment"
    )


def workers(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--workers", type=positive, default=1, metavar="N", help="processes, each with its own socket")
    parser.add_argument(
        "--socket-dir", type=absolute, default=DEFAULT_SOCKET_DIR, metavar="DIR", help="where the workers' sockets are"
    )


def serving(parser: argparse.ArgumentParser, *, grace: float) -> None:
    config(parser)
    workers(parser)
    parser.add_argument(
        "--admin", type=address, default=DEFAULT_ADMIN, metavar="HOST:PORT", help="metrics, health and the document"
    )
    parser.add_argument(
        "--grace", type=float, default=grace, metavar="SECONDS", help="how long open streams may run on at the end"
    )
    log_level(parser)


def envoy(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--clusters",
        type=Path,
        nargs="+",
        metavar="FILE",
        help="your Envoy clusters; needed with --config, as the default document brings its own",
    )
    parser.add_argument(
        "--listen", type=address, default=("127.0.0.1", 10000), metavar="HOST:PORT", help="where clients connect"
    )
    parser.add_argument(
        "--envoy-admin", type=address, default=("127.0.0.1", 9901), metavar="HOST:PORT", help="Envoy's own admin port"
    )


def log_level(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--log-level", default="info", choices=("debug", "info", "warning", "error"))


def address(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    if not port.isdecimal() or int(port) > 65535:
        raise argparse.ArgumentTypeError(f"{text!r} is not HOST:PORT")
    return host.strip("[]") or "127.0.0.1", int(port)


def absolute(text: str) -> Path:
    """Envoy may run elsewhere than we do."""
    return Path(text).absolute()


def positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a positive number")
    return int(text)
