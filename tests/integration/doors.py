"""Ways in to a server: an Envoy with a listener for each thing that may stand in front of the exchange filter."""

import copy
import http.client
import json
import ssl
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from extproc.envoyconfig.render import RenderOptions, dump, render
from tests.envoyconfig.gateways import gateway
from tests.integration.callers import Authority, Issuer, examples
from tests.integration.gateway import ENVOY, get, wait_until
from tests.ports import free_port

Json = dict[str, Any]
Certificate = tuple[Path, Path]
RULES, JWT_FILTER, ISSUER_CLUSTER, TRANSPORT_SOCKET = examples()


@dataclass(frozen=True)
class Doors:
    """Listeners' ports by name; certificates are those of `authority`, `stranger` is one that Envoy does not know."""

    ports: Mapping[str, int]
    issuer: Issuer
    authority: Authority
    stranger: Authority

    def ask(self, door: str, headers: Mapping[str, str] | None = None, certificate: Certificate | None = None) -> Json:
        """The answer to a request that is let in. Raises OSError for a connection that Envoy ends."""
        status, answer = self.answer(door, headers, certificate)
        assert status == 200
        return answer

    def answer(
        self,
        door: str,
        headers: Mapping[str, str] | None = None,
        certificate: Certificate | None = None,
        body: Json | None = None,
    ) -> tuple[int, Json]:
        """Asks for the models, or with a body for a chat."""
        connection = self._connection(door, certificate)
        try:
            if body is None:
                connection.request("GET", "/v1/models", headers=dict(headers or {}))
            else:
                connection.request("POST", "/v1/chat/completions", json.dumps(body), dict(headers or {}))
            response = connection.getresponse()
            return response.status, json.loads(response.read())
        finally:
            connection.close()

    def bearer(self, **claims: Any) -> dict[str, str]:
        return {"authorization": f"Bearer {self.issuer.token(time.time(), **claims)}"}

    def _connection(self, door: str, certificate: Certificate | None) -> http.client.HTTPConnection:
        if not door.startswith("tls"):
            return http.client.HTTPConnection("127.0.0.1", self.ports[door], timeout=10)
        context = ssl.create_default_context(cafile=str(self.authority.file))
        if certificate is not None:
            context.load_cert_chain(*certificate)
        return http.client.HTTPSConnection("127.0.0.1", self.ports[door], timeout=10, context=context)


@contextmanager
def opened(directory: Path, sockets: Path, clusters: Sequence[Json]) -> Iterator[Doors]:
    """`directory` gets certificates and Envoy's file, the server's socket is `w0.sock` in `sockets`."""
    made = Doors({}, Issuer(), Authority(directory), Authority(directory, "stranger"))
    made.authority.issue("tls")
    admin_port = free_port()
    options = RenderOptions(admin_port=admin_port, socket_directory=str(sockets))
    document = render(gateway("one"), clusters, options)
    (rendered,) = document["static_resources"]["listeners"]
    listeners = _listeners(rendered, made.issuer, directory)
    document["static_resources"]["listeners"] = listeners
    ports = {one["name"]: one["address"]["socket_address"]["port_value"] for one in listeners}
    bootstrap = directory / "doors.yaml"
    bootstrap.write_text(dump(document))
    envoy = subprocess.Popen([ENVOY, "-c", bootstrap, "--log-level", "error", "--disable-hot-restart"])
    try:
        wait_until(lambda: get(f"http://127.0.0.1:{admin_port}/ready")[0] == 200, what="Envoy")
        yield Doors(ports, made.issuer, made.authority, made.stranger)
    finally:
        envoy.kill()
        envoy.wait(10)


def door(rendered: Json, name: str, *filters: Json, transport_socket: Json | None = None, **manager: Any) -> Json:
    """The rendered listener, with filters before all others and other fields of the connection manager."""
    made = copy.deepcopy(rendered)
    made["name"] = name
    made["address"]["socket_address"]["port_value"] = free_port()
    (chain,) = made["filter_chains"]
    connection_manager = chain["filters"][0]["typed_config"]
    connection_manager["http_filters"][:0] = filters
    connection_manager.update(access_log=[], **manager)
    if transport_socket is not None:
        chain["transport_socket"] = transport_socket
    return made


def in_directory(extension: Json, directory: Path) -> Json:
    """The transport socket, with its files there."""
    made: Json = json.loads(json.dumps(extension).replace("/etc/envoy/tls", str(directory)))
    return made


def _listeners(rendered: Json, issuer: Issuer, directory: Path) -> list[Json]:
    jwt, tls = (
        _changed(JWT_FILTER, lambda authn: _verify_with(issuer, authn)),
        in_directory(TRANSPORT_SOCKET, directory),
    )
    return [
        door(rendered, "plain"),
        door(rendered, "behind one proxy", xff_num_trusted_hops=1),
        door(rendered, "believing", use_remote_address=False),
        door(rendered, "jwt", jwt),
        door(rendered, "jwt only", _changed(jwt, lambda authn: _require(authn, {"provider_name": "corp"}))),
        door(
            rendered,
            "jwt only extracted",
            _changed(jwt, lambda authn: _require(authn, {"extract_only_without_validation": {}})),
        ),
        door(rendered, "tls", transport_socket=tls),
        door(_untold(rendered), "tls untold", jwt, transport_socket=tls),
        door(rendered, "tls accepting untrusted", transport_socket=_changed(tls, _accept_untrusted)),
        door(rendered, "tls without authority", transport_socket=_changed(tls, _require_without_authority)),
    ]


def _changed(extension: Json, change: Callable[[Json], None]) -> Json:
    made = copy.deepcopy(extension)
    change(made["typed_config"])
    return made


def _untold(rendered: Json) -> Json:
    """As it was rendered before the server was told who the caller is."""
    made = copy.deepcopy(rendered)
    exchange = made["filter_chains"][0]["filters"][0]["typed_config"]["http_filters"][0]["typed_config"]
    del exchange["request_attributes"], exchange["metadata_options"]["forwarding_namespaces"]
    return made


def _verify_with(issuer: Issuer, authn: Json) -> None:
    """The issuer's keys without a request for them."""
    del authn["providers"]["corp"]["remote_jwks"]
    authn["providers"]["corp"]["local_jwks"] = {"inline_string": issuer.jwks}


def _require(authn: Json, requirement: Json) -> None:
    authn["rules"][0]["requires"] = requirement


def _accept_untrusted(context: Json) -> None:
    context["common_tls_context"]["validation_context"]["trust_chain_verification"] = "ACCEPT_UNTRUSTED"


def _require_without_authority(context: Json) -> None:
    del context["common_tls_context"]["validation_context"]
    context["require_client_certificate"] = True
