"""The files of helm/llm-extproc/files/mesh, made of what `extproc render` uses, so that both are one thing.

python -m tests.helm.mesh     writes them again
"""

import copy
from pathlib import Path

from extproc.envoyconfig import cluster, filters, listener, names
from extproc.envoyconfig.names import Json
from extproc.envoyconfig.render import dump

DIRECTORY = Path(__file__).parents[2] / "helm/llm-extproc/files/mesh"
_IDLE_SECONDS, _STALL_SECONDS, _BODY_LIMIT, _RETRIES = 300, 120, 32 << 20, 1


def documents() -> dict[str, Json]:
    """By file name. Of the route that the server decided for, the specifier of chains gives way to a plain header:
    the proxies of meshes are older than it."""
    decided, undecided = listener.routes(
        native_usage=False,
        body_limit=_BODY_LIMIT,
        retries=_RETRIES,
        idle_seconds=_IDLE_SECONDS,
        stall_seconds=_STALL_SECONDS,
    )
    return {
        "exchange-filter.yaml": filters.exchange(native_usage=False, relay=False),
        "extproc-cluster.yaml": cluster.extproc(()),
        "empty-cluster.yaml": cluster.empty(),
        "manager.yaml": _manager(),
        "decided-route.yaml": _by_header(decided),
        "undecided-route.yaml": undecided,
    }


def _whole_manager() -> Json:
    return listener.connection_manager([], native_usage=False, access_log="", idle_seconds=_IDLE_SECONDS)


def _manager() -> Json:
    """What the connection manager of the mesh's proxy must have besides the filter."""
    kept = ("@type", "stream_idle_timeout", "early_header_mutation_extensions")
    return {name: value for name, value in _whole_manager().items() if name in kept}


def _by_header(route: Json) -> Json:
    route = copy.deepcopy(route)
    del route["route"]["inline_cluster_specifier_plugin"], route["route"]["retry_policy"]
    route["route"]["cluster_header"] = names.CLUSTER_HEADER
    (host,) = _whole_manager()["route_config"]["virtual_hosts"]
    return route | {name: host[name] for name in ("request_headers_to_remove", "response_headers_to_remove")}


if __name__ == "__main__":
    for name, document in documents().items():
        (DIRECTORY / name).write_text(dump(document), encoding="utf-8")
