"""Between ext_proc's protobuf messages and our events and actions: the only file that knows Envoy's field names.

Replies are bytes: parts that never change are serialised once, and protobuf lets serialised messages be joined by
concatenation. Facts about Envoy that shape this file (seen on 1.40.0): only `raw_value` of a header counts; a header
set replaces; with a buffered request body a changed length must come with its `content-length`;
`clear_route_cache` works only together with a header mutation.
"""

import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from types import MappingProxyType
from typing import TYPE_CHECKING, cast

from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.struct_pb2 import Struct, Value

from extproc.errors import InternalError
from extproc.exchange.actions import BodyMode, Continue, Deliver, HeaderList, Metadata, Receive, Respond, Upstream
from extproc.exchange.events import (
    Attempt,
    Claims,
    RequestBody,
    RequestHeaders,
    ResponseBody,
    ResponseHeaders,
    ResponseTrailers,
)
from extproc.genai.usage import TokenUsage
from extproc.pb import core_pb2, priority_group_pb2, token_usage_pb2
from extproc.pb import ext_proc_pb2 as pb
from extproc.pb.processing_mode_pb2 import ProcessingMode
from extproc.pipeline.processor import Exchange

if TYPE_CHECKING:
    from extproc.pb.http_status_pb2 import StatusCode

Request = pb.ProcessingRequest
parse = pb.ProcessingRequest.FromString

NAMESPACE = "llm"
CHAIN_NAMESPACE = "llm.groups"
CLUSTER_HEADER = "x-llm-cluster"
USAGE_HEADER, NATIVE = "x-llm-usage", "native"
MAX_RETRIES_HEADER = "x-envoy-max-retries"
_ATTRIBUTES = "envoy.filters.http.ext_proc"
_USAGE_NAMESPACE = "envoy.ai.token_usage"
_JWT_NAMESPACE = "envoy.filters.http.jwt_authn"
_CERTIFICATE_URI = "connection.uri_san_peer_certificate"
_SPIFFE = "spiffe://"
_IP_AND_PORT = re.compile(r"(?:([0-9.]+)|\[([^\]]+)\]):[0-9]+")
_NO_CLAIMS: Claims = MappingProxyType({})

# Response headers are asked for here, not in Envoy's configuration: with that, Envoy would send those of its own
# answers to requests it cannot parse, and close the connection before the reply is there.
_ASKS_FOR_RESPONSE = ProcessingMode(
    request_header_mode=ProcessingMode.SEND,
    request_body_mode=ProcessingMode.BUFFERED,
    response_header_mode=ProcessingMode.SEND,
    request_trailer_mode=ProcessingMode.SKIP,
    response_trailer_mode=ProcessingMode.SKIP,
)
_CONTINUE_HEADERS = pb.ProcessingResponse(
    request_headers=pb.HeadersResponse(), mode_override=_ASKS_FOR_RESPONSE
).SerializeToString()
_CONTINUE_BODY = pb.ProcessingResponse(request_body=pb.BodyResponse()).SerializeToString()
_CONTINUE_RESPONSE_BODY = pb.ProcessingResponse(response_body=pb.BodyResponse()).SerializeToString()
_BODY_MODES = {
    BodyMode.NONE: ProcessingMode.NONE,
    BodyMode.BUFFERED: ProcessingMode.BUFFERED,
    BodyMode.STREAMED: ProcessingMode.STREAMED,
}


async def answer(exchange: Exchange, message: Request, *, retry: bool = False) -> bytes:
    """Hands one message to the exchange and returns the reply. `retry`: the message is a later attempt's headers."""
    kind = message.WhichOneof("request")
    match kind:
        case "request_headers" if retry:
            return _replace_request(await exchange.attempt(_attempt(message)))
        case "request_headers":
            return _request(await exchange.request_headers(_request_headers(message)), in_body=False)
        case "request_body":
            return _request(await exchange.request_body(RequestBody(message.request_body.body)), in_body=True)
        case "response_headers":
            event = _response_headers(message)
            await exchange.judged(event)
            return _receive(exchange.response_headers(event))
        case "response_body":
            body = message.response_body
            return _deliver(await exchange.response_body(ResponseBody(body.body, body.end_of_stream)))
        case "response_trailers":
            return _trailers(exchange.response_trailers(ResponseTrailers(_token_usage(message))))
    raise InternalError(f"Envoy sent {kind}")


def respond(action: Respond) -> bytes:
    """An answer of the gateway's own, in place of whatever Envoy was doing."""
    reply = pb.ProcessingResponse()
    immediate = reply.immediate_response
    immediate.status.code = cast("StatusCode", action.status)
    immediate.body = action.body
    immediate.details = action.details
    _set_headers(immediate.headers, action.headers)
    _set_metadata(reply, {"immediate": "true", **action.metadata})
    return reply.SerializeToString()


def _headers(headers: core_pb2.HeaderMap) -> dict[str, str]:
    return {header.key: header.raw_value.decode("latin-1") for header in headers.headers}


def _request_headers(message: Request) -> RequestHeaders:
    headers = message.request_headers
    said = _attributes(message).fields
    uri = said[_CERTIFICATE_URI].string_value if _CERTIFICATE_URI in said else ""
    return RequestHeaders(
        headers=_headers(headers.headers),
        end_of_stream=headers.end_of_stream,
        source_address=_without_port(said["source.address"].string_value),
        spiffe_id=uri if uri.startswith(_SPIFFE) else "",
        claims=_claims(message),
    )


def _claims(message: Request) -> Claims:
    """What jwt_authn put into dynamic metadata, if Envoy has that filter."""
    if not message.HasField("metadata_context"):
        return _NO_CLAIMS
    return _Payloads(message.metadata_context.filter_metadata[_JWT_NAMESPACE])


def _without_port(address: str) -> str:
    """The IP address of `192.0.2.1:80` or `[2001:db8::1]:80`; empty for a Unix socket, which has none."""
    found = _IP_AND_PORT.fullmatch(address)
    return (found[1] or found[2]) if found else ""


class _Payloads(Mapping[str, object]):
    """Claims that become Python values when they are looked at: most requests have none, or come with a key."""

    __slots__ = ("_payloads",)

    def __init__(self, payloads: Struct) -> None:
        self._payloads = payloads.fields

    def __getitem__(self, provider: str) -> object:
        if provider not in self._payloads:
            raise KeyError(provider)
        return _plain(self._payloads[provider])

    def __iter__(self) -> Iterator[str]:
        return iter(self._payloads)

    def __len__(self) -> int:
        return len(self._payloads)


def _plain(value: Value) -> object:
    match value.WhichOneof("kind"):
        case "struct_value":
            return {name: _plain(inner) for name, inner in value.struct_value.fields.items()}
        case "list_value":
            return [_plain(inner) for inner in value.list_value.values]
        case "string_value":
            return value.string_value
        case "number_value":
            return value.number_value
        case "bool_value":
            return value.bool_value
    return None


def _attributes(message: Request) -> Struct:
    return message.attributes[_ATTRIBUTES]


def _attempt(message: Request) -> Attempt:
    fields = _attributes(message).fields
    return Attempt(
        cluster=fields["xds.cluster_name"].string_value,
        number=int(fields["upstream.request_attempt_count"].number_value),
    )


def _response_headers(message: Request) -> ResponseHeaders:
    fields = _attributes(message).fields
    headers = _headers(message.response_headers.headers)
    return ResponseHeaders(
        status=int(headers.get(":status", "0")),
        headers=headers,
        end_of_stream=message.response_headers.end_of_stream,
        cluster=fields["xds.cluster_name"].string_value,
        attempt=int(fields["upstream.request_attempt_count"].number_value),
        details=fields["response.code_details"].string_value,
    )


def _token_usage(message: Request) -> TokenUsage | None:
    """What Envoy's ai_protocol_manager found: envoy.data.ai.v3.TokenUsage."""
    packed = message.metadata_context.typed_filter_metadata
    if _USAGE_NAMESPACE not in packed:
        return None
    found = token_usage_pb2.TokenUsage()
    if not packed[_USAGE_NAMESPACE].Unpack(found):
        return None
    return TokenUsage(
        input_tokens=found.input_tokens.value,
        output_tokens=found.output_tokens.value,
        cache_read_input_tokens=found.input_token_details.cached_tokens.value,
        cache_creation_input_tokens=found.input_token_details.cache_creation_tokens.value,
        reasoning_output_tokens=found.output_token_details.reasoning_tokens.value,
    )


def _request(action: Continue | Upstream | Respond, *, in_body: bool) -> bytes:
    match action:
        case Continue():
            return _CONTINUE_BODY if in_body else _CONTINUE_HEADERS
        case Respond():
            return respond(action)
        case Upstream():
            return _send_upstream(action, in_body=in_body)


def _send_upstream(action: Upstream, *, in_body: bool) -> bytes:
    """The first attempt, prepared in the downstream filter, and the chain for the later ones."""
    reply = pb.ProcessingResponse()
    common = reply.request_body.response if in_body else reply.request_headers.response
    if not in_body:
        reply.mode_override.CopyFrom(_ASKS_FOR_RESPONSE)
    common.clear_route_cache = True
    mutation = common.header_mutation
    _set_target(mutation, action)
    _set_headers(
        mutation,
        ((CLUSTER_HEADER, action.clusters[0]), (MAX_RETRIES_HEADER, str(len(action.clusters) - 1))),
    )
    if action.native_usage:
        _set_headers(mutation, ((USAGE_HEADER, NATIVE),))
    if action.body is not None:
        common.body_mutation.body = action.body
        _set_headers(mutation, (("content-length", str(len(action.body))),))
    _set_metadata(reply, action.metadata)
    return reply.SerializeToString() + _chain(action.clusters)


def _replace_request(action: Upstream) -> bytes:
    """A later attempt, prepared in the cluster's filter: headers and body at once, as it is not sent the body.

    The length goes through dynamic metadata, because Envoy drops `content-length` here; a header_mutation filter
    behind this one puts it back.
    """
    reply = pb.ProcessingResponse()
    common = reply.request_headers.response
    common.status = pb.CommonResponse.CONTINUE_AND_REPLACE
    _set_target(common.header_mutation, action)
    body = action.body or b""
    common.body_mutation.body = body
    _set_metadata(reply, {**action.metadata, "content_length": str(len(body))})
    return reply.SerializeToString()


def _receive(action: Receive) -> bytes:
    reply = pb.ProcessingResponse()
    mutation = reply.response_headers.response.header_mutation
    _set_headers(mutation, action.headers)
    mutation.remove_headers.extend(action.remove)
    if action.status is not None:
        _set_headers(mutation, ((":status", str(action.status)),))
    if action.mode is not BodyMode.NONE or action.trailers:
        override = reply.mode_override
        override.response_body_mode = _BODY_MODES[action.mode]
        override.response_trailer_mode = ProcessingMode.SEND if action.trailers else ProcessingMode.SKIP
    return reply.SerializeToString()


def _deliver(action: Deliver) -> bytes:
    if action.body is None and not action.headers and not action.metadata:
        return _CONTINUE_RESPONSE_BODY
    reply = pb.ProcessingResponse()
    reply.response_body.SetInParent()
    common = reply.response_body.response
    if action.body is not None:
        if action.body:
            common.body_mutation.body = action.body
        else:
            common.body_mutation.clear_body = True
    _set_headers(common.header_mutation, action.headers)
    common.header_mutation.remove_headers.extend(action.remove)
    if action.status is not None:
        _set_headers(common.header_mutation, ((":status", str(action.status)),))
    _set_metadata(reply, action.metadata)
    return reply.SerializeToString()


def _trailers(metadata: Metadata) -> bytes:
    reply = pb.ProcessingResponse()
    reply.response_trailers.SetInParent()
    _set_metadata(reply, metadata)
    return reply.SerializeToString()


def _set_target(mutation: pb.HeaderMutation, action: Upstream) -> None:
    _set_headers(mutation, ((":path", action.path), (":authority", action.authority), *action.headers))
    mutation.remove_headers.extend(action.remove)


def _set_headers(mutation: pb.HeaderMutation, headers: HeaderList) -> None:
    for name, value in headers:
        header = mutation.set_headers.add().header
        header.key = name
        header.raw_value = value.encode("latin-1", "replace")


def _set_metadata(reply: pb.ProcessingResponse, metadata: Metadata) -> None:
    if not metadata:
        return
    fields = reply.dynamic_metadata.fields[NAMESPACE].struct_value.fields
    for name, value in metadata.items():
        if isinstance(value, str):
            fields[name].string_value = value
        else:
            fields[name].number_value = value


@lru_cache(maxsize=1024)
def _chain(clusters: tuple[str, ...]) -> bytes:
    """The part of a reply that names the clusters of attempts 1, 2, …; the same for every request of a model."""
    groups = priority_group_pb2.PriorityGroupsOverride()
    for number, cluster in enumerate(clusters, start=1):
        group = groups.priority_groups.add()
        group.name = str(number)
        chosen = group.clusters.add()
        chosen.cluster_name = cluster
        chosen.weight.value = 1
    packed = AnyMessage()
    packed.Pack(groups)
    reply = pb.ProcessingResponse()
    reply.typed_dynamic_metadata[CHAIN_NAMESPACE].CopyFrom(packed)
    return reply.SerializeToString()
