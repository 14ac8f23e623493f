"""`extproc render`: a complete Envoy configuration from gateway.yaml and your own cluster YAML."""

import argparse
import asyncio
import contextlib
import hashlib
import logging
import os
import signal
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from extproc.cli import options
from extproc.cli.options import Commands
from extproc.config.model import Gateway
from extproc.errors import ConfigError

if TYPE_CHECKING:
    from extproc.config.source import Source
    from extproc.envoyconfig.finding import Finding
    from extproc.envoyconfig.render import RenderOptions

_log = logging.getLogger(__name__)
_TRUSTED_CA = (
    "/etc/ssl/certs/ca-certificates.crt",  # Debian, Ubuntu, Alpine
    "/etc/pki/tls/certs/ca-bundle.crt",  # Fedora, Red Hat
    "/etc/ssl/cert.pem",  # macOS
)


def add_to(commands: Commands) -> None:
    parser = commands.add_parser("render", help="write Envoy's configuration", description=__doc__)
    options.config(parser)
    options.workers(parser)
    options.envoy(parser)
    parser.add_argument("--access-log", default="/dev/stdout", metavar="FILE", help="where Envoy writes its access log")
    parser.add_argument("-o", "--output", type=Path, metavar="FILE", help="default: standard output")
    parser.add_argument(
        "--dynamic",
        type=options.absolute,
        metavar="DIR",
        help="write a bootstrap, envoy.yaml, and the files Envoy reads again when they change; needs --clusters",
    )
    parser.add_argument("--watch", action="store_true", help="with --dynamic: stay, and write again after each change")
    parser.add_argument(
        "--tls", type=options.absolute, metavar="DIR", help="with --dynamic: tls.crt and tls.key of the listener"
    )
    parser.add_argument(
        "--client-certificates", action="store_true", help="with --tls: clients must have one of the CA in its ca.crt"
    )
    parser.add_argument(
        "--status",
        type=options.address,
        metavar="HOST:PORT",
        help="with --dynamic: a listener with /ready and /stats/prometheus, for probes and scraping",
    )
    options.log_level(parser)
    parser.set_defaults(command=_render)


def _render(arguments: argparse.Namespace) -> int:
    from extproc.config.source import Source

    source = Source(arguments.config, os.environ)
    if arguments.dynamic is not None:
        return _render_files(arguments, source)
    for option in ("watch", "tls", "client_certificates", "status"):
        if getattr(arguments, option):
            raise ConfigError(f"--{option.replace('_', '-')} needs --dynamic DIR")
    text = bootstrap_yaml(source.read(), arguments, arguments.access_log)
    if arguments.output is None:
        print(text, end="")
    else:
        arguments.output.write_text(text, encoding="utf-8")
    return 0


def bootstrap_yaml(gateway: Gateway, arguments: argparse.Namespace, access_log: str) -> str:
    """Envoy's bootstrap for these options. Raises ConfigError."""
    from extproc.envoyconfig.render import dump, render

    return dump(render(gateway, _clusters(arguments, os.environ), _options(arguments, access_log)))


def _options(arguments: argparse.Namespace, access_log: str) -> "RenderOptions":
    from extproc.envoyconfig.render import RenderOptions

    address, port = arguments.listen
    admin_address, admin_port = arguments.envoy_admin
    return RenderOptions(
        address=address,
        port=port,
        admin_address=admin_address,
        admin_port=admin_port,
        socket_directory=str(arguments.socket_dir),
        workers=arguments.workers,
        access_log=access_log,
    )


def _render_files(arguments: argparse.Namespace, source: "Source") -> int:
    if not arguments.clusters:
        raise ConfigError("with --dynamic, name your Envoy cluster files: --clusters FILE ...")
    if arguments.client_certificates and arguments.tls is None:
        raise ConfigError("--client-certificates needs --tls DIR")
    files = _Files(arguments, source)
    if arguments.watch:
        return asyncio.run(_watch(files, arguments.log_level))
    # Envoy has not started: `check` and Envoy's own validation judge what is written.
    for finding in files.make():
        print(finding, file=sys.stderr)
    files.write()
    return 0


async def _watch(files: "_Files", log_level: str) -> int:
    """Until SIGTERM."""
    from extproc.server.watch import watch
    from extproc.telemetry import log

    log.configure(log_level, sys.stderr)
    watching = asyncio.create_task(watch(files.fingerprint, files.refresh))
    await asyncio.sleep(0)  # it remembers the files as they are before we read them, so that no change is missed
    files.refresh()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, watching.cancel)
    with contextlib.suppress(asyncio.CancelledError):
        await watching
    return 0


class _Files:
    """The files of one directory, made of the document and the team's clusters as they are now."""

    def __init__(self, arguments: argparse.Namespace, source: "Source") -> None:
        self._arguments = arguments
        self._source = source
        self._options = _dynamic_options(arguments)
        self._made: dict[str, dict[str, Any]] = {}

    def make(self) -> "list[Finding]":
        """Reads and renders; says what is wrong with the result. Raises ConfigError."""
        from extproc.envoyconfig import discovery
        from extproc.envoyconfig.read import read

        gateway, team = self._source.read(), read(self._arguments.clusters)
        clusters = [place.value for place in team.clusters]
        self._made = discovery.documents(gateway, clusters, self._options, self._arguments.dynamic)
        return discovery.findings(gateway, team, self._made, gateway_file=self._source.name)

    def write(self) -> list[str]:
        from extproc.envoyconfig import discovery

        return discovery.write(self._made, self._arguments.dynamic)

    def refresh(self) -> None:
        """Writes what changed, unless something is wrong with it: then Envoy keeps what it has."""
        from extproc.envoyconfig.finding import Severity

        try:
            errors = [str(item) for item in self.make() if item.severity is Severity.ERROR]
        except ConfigError as error:
            errors = [str(error)]
        if errors:
            _log.error("envoy configuration rejected", extra={"fields": {"errors": errors}})
        elif changed := self.write():
            _log.info("envoy configuration written", extra={"fields": {"files": changed}})

    def fingerprint(self) -> str:
        digest = hashlib.sha256(self._source.fingerprint().encode())
        for path in self._arguments.clusters:
            with contextlib.suppress(OSError):
                digest.update(path.read_bytes())
            digest.update(b"\0")
        return digest.hexdigest()


def _dynamic_options(arguments: argparse.Namespace) -> "RenderOptions":
    from dataclasses import replace

    from extproc.envoyconfig.tls import ListenerTls

    made = replace(_options(arguments, arguments.access_log), status=arguments.status)
    if arguments.tls is None:
        return made
    made_tls = ListenerTls(str(arguments.tls), str(arguments.dynamic), arguments.client_certificates)
    return replace(made, tls=made_tls)


def _clusters(arguments: argparse.Namespace, environ: Mapping[str, str]) -> list[dict[str, Any]]:
    from extproc.config.defaults import default_clusters
    from extproc.envoyconfig.read import read

    if arguments.clusters:
        return [place.value for place in read(arguments.clusters).clusters]
    if arguments.config is not None:
        raise ConfigError("with --config, name your Envoy cluster files: --clusters FILE ...")
    clusters = default_clusters(environ, _trusted_ca())
    _refuse_a_loop(clusters, arguments.listen)
    return clusters


def _refuse_a_loop(clusters: list[dict[str, Any]], listen: tuple[str, int]) -> None:
    """Who exports OPENAI_BASE_URL for a client of this gateway may start the gateway in the same shell."""
    for cluster in clusters:
        endpoint = cluster["load_assignment"]["endpoints"][0]["lb_endpoints"][0]["endpoint"]
        address = endpoint["address"]["socket_address"]
        if (address["address"], address["port_value"]) in (listen, ("localhost", listen[1])):
            raise ConfigError(
                f"the environment's base URL of {cluster['name']!r} is this gateway's own address: unset it, or choose"
                " another with --listen"
            )


def _trusted_ca() -> str:
    return next((path for path in _TRUSTED_CA if Path(path).exists()), _TRUSTED_CA[0])
