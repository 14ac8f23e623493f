"""OpenAI's format to OpenAI's format: the provider itself, compatible servers, and Azure OpenAI.

API references: https://platform.openai.com/docs/api-reference,
https://learn.microsoft.com/azure/ai-foundry/openai/reference (both seen 2026-11-21). Azure's classic API has the
deployment in the path and an `api-version` query; its `v1` API has OpenAI's own paths under `/openai/v1`.
"""

from urllib.parse import quote, urlencode

import msgspec
from msgspec import Raw

from extproc.apischema import openai_response
from extproc.apischema.endpoints import CHAT, COMPLETIONS, Kind
from extproc.config.model import Target
from extproc.errors import InvalidRequest, UpstreamError
from extproc.translator.base import Call, Response, UpstreamRequest
from extproc.translator.openai_meter import OtherStreamMeter, StreamMeter, WholeMeter, read_completion, read_other
from extproc.wire.json_object import encode_object

_STREAMS_WITH_USAGE_ON_DEMAND = frozenset({CHAT.path, COMPLETIONS.path})
_decode_options = msgspec.json.Decoder(dict[str, Raw]).decode
_TRUE = Raw(b"true")


class OpenAIToOpenAI:
    """Changes the model's name, and asks for the usage chunk of a stream; all else stays byte for byte."""

    identity = True

    def request(self, call: Call, target: Target) -> UpstreamRequest:
        return UpstreamRequest(path=self._path(call, target), body=_body(call, target.model))

    def response(self, call: Call, *, streamed: bool) -> Response:
        if call.endpoint.kind is not Kind.GENERATION:
            return OtherStreamMeter() if streamed else WholeMeter(read_other)
        return StreamMeter(hide_usage=not call.wants_usage) if streamed else WholeMeter(read_completion)

    def error(self, status: int, body: bytes) -> UpstreamError:
        try:
            document = openai_response.decode_error(body)
        except (msgspec.DecodeError, UnicodeDecodeError):
            return UpstreamError(
                f"The provider answered {status} with a body that is not its error format.", status=status
            )
        detail = document.error
        if isinstance(detail, openai_response.ErrorDetail) and detail.message:
            code = None if detail.code is None else str(detail.code)
            return UpstreamError(detail.message, status=status, type=detail.type, code=code, param=detail.param)
        message = detail if isinstance(detail, str) and detail else document.message or document.detail
        return UpstreamError(message or f"The provider answered {status}.", status=status)

    def _path(self, call: Call, target: Target) -> str:
        return target.backend.base_path + call.endpoint.path + _query(call.path)


class OpenAIToAzure(OpenAIToOpenAI):
    """Azure OpenAI: the same documents under other paths."""

    def _path(self, call: Call, target: Target) -> str:
        backend = target.backend
        if backend.api_version is None or backend.api_version == "v1":
            return f"{backend.base_path}/openai/v1{call.endpoint.path}{_query(call.path)}"
        version = urlencode({"api-version": backend.api_version})
        if not target.model:
            return f"{backend.base_path}/openai{call.endpoint.path}?{version}"
        return f"{backend.base_path}/openai/deployments/{quote(target.model, safe='')}{call.endpoint.path}?{version}"


def _query(path: str) -> str:
    _, mark, query = path.partition("?")
    return mark + query


def _body(call: Call, model: str) -> bytes | None:
    changes: dict[str, object] = {}
    if model and model != call.model:
        changes["model"] = model
    if call.stream and not call.wants_usage and call.endpoint.path in _STREAMS_WITH_USAGE_ON_DEMAND:
        changes["stream_options"] = _with_usage(call.fields.get("stream_options"))
    return encode_object({**call.fields, **changes}) if changes else None


def _with_usage(options: Raw | None) -> dict[str, Raw]:
    if options is None or bytes(options) == b"null":
        return {"include_usage": _TRUE}
    try:
        return {**_decode_options(options), "include_usage": _TRUE}
    except msgspec.DecodeError:
        raise InvalidRequest("'stream_options' must be an object.", param="stream_options") from None
