"""`extproc render`: a complete Envoy configuration from gateway.yaml and your own cluster YAML."""

import argparse
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from extproc.cli import options
from extproc.cli.options import Commands
from extproc.config.model import Gateway
from extproc.errors import ConfigError

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
    parser.set_defaults(command=_render)


def _render(arguments: argparse.Namespace) -> int:
    from extproc.config.source import Source

    gateway = Source(arguments.config, os.environ).read()
    text = bootstrap_yaml(gateway, arguments, arguments.access_log)
    if arguments.output is None:
        print(text, end="")
    else:
        arguments.output.write_text(text, encoding="utf-8")
    return 0


def bootstrap_yaml(gateway: Gateway, arguments: argparse.Namespace, access_log: str) -> str:
    """Envoy's bootstrap for these options. Raises ConfigError."""
    from extproc.envoyconfig.render import RenderOptions, dump, render

    address, port = arguments.listen
    admin_address, admin_port = arguments.envoy_admin
    made = RenderOptions(
        address=address,
        port=port,
        admin_address=admin_address,
        admin_port=admin_port,
        socket_directory=str(arguments.socket_dir),
        workers=arguments.workers,
        access_log=access_log,
    )
    return dump(render(gateway, _clusters(arguments, os.environ), made))


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
