"""The same configuration as files that Envoy reads again: a bootstrap, and beside it what may change.

Envoy applies a new cluster or listener without a restart: streams that run go on with what they began with, and a
resource that is the same as before keeps its connections. A file counts as changed when another is moved over it.
https://www.envoyproxy.io/docs/envoy/v1.40.0/configuration/overview/xds_api, seen 2026-11-21.
"""

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from extproc.config.model import Gateway
from extproc.envoyconfig import names, tls
from extproc.envoyconfig.check import check
from extproc.envoyconfig.finding import Finding
from extproc.envoyconfig.names import Json, typed
from extproc.envoyconfig.read import EnvoyConfig, parse
from extproc.envoyconfig.render import RenderOptions, dump, head, made_clusters, made_listener, render

BOOTSTRAP, COMPLETE = "envoy.yaml", "complete.yaml"
CLUSTERS, LISTENERS = "clusters.yaml", "listeners.yaml"
_NODE = {"id": "llm-extproc", "cluster": "llm-extproc"}  # Envoy wants it where secrets are found through files


def documents(gateway: Gateway, clusters: Sequence[Json], options: RenderOptions, directory: Path) -> dict[str, Json]:
    """What belongs into `directory`, by file name, in the order to write it. Raises ConfigError as `render` does.

    `complete.yaml` holds everything in one document: `envoy --mode validate` opens no discovery files.
    """
    secrets = tls.secrets(options.tls) if options.tls is not None else {}
    return {
        COMPLETE: {"node": dict(_NODE), **render(gateway, clusters, options)},
        **secrets,
        CLUSTERS: _resources(names.CLUSTER, made_clusters(clusters)),
        LISTENERS: _resources(names.LISTENER, [made_listener(gateway, options)]),
        BOOTSTRAP: _bootstrap(options, directory),
    }


def findings(gateway: Gateway, team: EnvoyConfig, made: Mapping[str, Json], *, gateway_file: str) -> list[Finding]:
    """What `check` says of the whole; what was found in the team's own files has its place there."""
    complete = parse(dump(made[COMPLETE]), COMPLETE)
    return check(gateway, replace(complete, findings=team.findings), gateway_file=gateway_file)


def write(made: Mapping[str, Json], directory: Path) -> list[str]:
    """Replaces the files that changed, each in one step; returns their names."""
    directory.mkdir(parents=True, exist_ok=True)
    texts = {name: dump(document) for name, document in made.items()}
    changed = [name for name, text in texts.items() if _text(directory / name) != text]
    for name in changed:
        beside = directory / f".{name}"
        beside.write_text(texts[name], encoding="utf-8")
        os.replace(beside, directory / name)
    return changed


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8") if path.exists() else ""


def _bootstrap(options: RenderOptions, directory: Path) -> Json:
    sources = {"cds_config": CLUSTERS, "lds_config": LISTENERS}
    return {
        "node": dict(_NODE),
        "dynamic_resources": {
            source: {"path_config_source": {"path": str(directory / name)}} for source, name in sources.items()
        },
        **head(options),
    }


def _resources(kind: str, items: Sequence[Json]) -> Json:
    return {"resources": [typed(kind, **item) for item in items]}
