"""OpenAI's error object, as a body and as the end of a stream.

Reference: https://platform.openai.com/docs/guides/error-codes (seen 2026-11-21). The official SDKs raise on a stream's
`data: {"error": ...}` whatever its event name, so the error event is an unnamed one.
"""

import msgspec

from extproc.errors import GatewayError

DONE = b"data: [DONE]\n\n"


def error_body(error: GatewayError, request_id: str = "") -> bytes:
    """The JSON body of an error answer: `{"error": {"message", "type", "param", "code", …its details}}`. OpenAI says
    the id of the request in a header only."""
    fields = {"message": error.message, "type": error.type, "param": error.param, "code": error.code}
    return msgspec.json.encode({"error": {**fields, **error.details}})


def error_event(error: GatewayError) -> bytes:
    """The end of a stream that has begun already: the error as one event, then the terminator."""
    return b"data: " + error_body(error) + b"\n\n" + DONE
