"""The caller's request, read: from headers and body to a `Call`."""

from collections.abc import Mapping
from dataclasses import replace

import msgspec
from msgspec import Raw

from extproc.apischema.endpoints import Endpoint, Kind
from extproc.errors import InvalidRequest
from extproc.translator.base import Call
from extproc.wire.json_object import parse_object

_MOST_MODEL_NAME = 256
_decode_str = msgspec.json.Decoder(str).decode
_decode_bool = msgspec.json.Decoder(bool | None).decode


class _StreamOptions(msgspec.Struct):
    include_usage: bool | None = None


_decode_stream_options = msgspec.json.Decoder(_StreamOptions | None).decode


def read_call(endpoint: Endpoint, path: str, headers: Mapping[str, str], body: bytes, created: int) -> Call:
    """Parses a request body once. Raises InvalidRequest.

    A pass-through request may be of any content type (multipart uploads); it is a call without a model then. What
    looks like a JSON object is read as one whatever it is called, because a provider may do the same.
    """
    call = Call(endpoint=endpoint, path=path, body=body, fields={}, model="", created=created, headers=headers)
    passthrough = endpoint.kind is Kind.PASSTHROUGH
    if passthrough and not _may_be_json(headers.get("content-type", "application/json"), body):
        return call
    fields = parse_object(body)
    stream = _stream(fields)
    return replace(
        call,
        fields=fields,
        model=_model(fields, required=not passthrough),
        stream=stream,
        wants_usage=stream and _wants_usage(fields, strict=not passthrough),
    )


def _may_be_json(content_type: str, body: bytes) -> bool:
    media_type = content_type.partition(";")[0].strip().lower()
    return media_type == "application/json" or body.lstrip(b" \t\r\n\xef\xbb\xbf").startswith(b"{")


def _model(fields: dict[str, Raw], *, required: bool) -> str:
    raw = fields.get("model")
    if raw is None:
        if required:
            raise InvalidRequest("You must provide a model parameter.", param="model")
        return ""
    try:
        model = _decode_str(raw)
    except msgspec.DecodeError:
        raise InvalidRequest("'model' must be a string.", param="model") from None
    if not model or len(model) > _MOST_MODEL_NAME or not model.isprintable():
        raise InvalidRequest("'model' must be the name of a model.", param="model")
    return model


def _stream(fields: dict[str, Raw]) -> bool:
    raw = fields.get("stream")
    if raw is None:
        return False
    try:
        return bool(_decode_bool(raw))
    except msgspec.DecodeError:
        raise InvalidRequest("'stream' must be true or false.", param="stream") from None


def _wants_usage(fields: dict[str, Raw], *, strict: bool) -> bool:
    raw = fields.get("stream_options")
    if raw is None:
        return False
    try:
        options = _decode_stream_options(raw)
    except msgspec.DecodeError:
        if strict:
            raise InvalidRequest("'stream_options' must be an object.", param="stream_options") from None
        return False
    return options is not None and options.include_usage is True
