"""How a caller of the Messages API is told of errors."""

import anthropic
import msgspec
import pytest
from anthropic.types import ErrorResponse

from extproc.apischema.dialect import ANTHROPIC
from extproc.errors import GatewayError, InternalError, NotFound, UpstreamError
from tests.translator.messages_stream import final_message


@pytest.mark.parametrize(
    ("status", "type_"),
    [
        (400, "invalid_request_error"),
        (401, "authentication_error"),
        (402, "billing_error"),
        (403, "permission_error"),
        (404, "not_found_error"),
        (413, "request_too_large"),
        (422, "invalid_request_error"),
        (429, "rate_limit_error"),
        (500, "api_error"),
        (502, "api_error"),
        (503, "overloaded_error"),
        (504, "timeout_error"),
        (529, "overloaded_error"),
    ],
)
def test_the_type_is_that_of_the_status(status: int, type_: str) -> None:
    body = ANTHROPIC.body(UpstreamError('It said "no".', status=status))
    assert msgspec.json.decode(body) == {"type": "error", "error": {"type": type_, "message": 'It said "no".'}}


def test_the_gateways_own_code_and_the_place_are_kept() -> None:
    assert ANTHROPIC.body(NotFound("No such model.", param="model")) == (
        b'{"type":"error","error":{"type":"not_found_error","message":"No such model.",'
        b'"code":"model_not_found","param":"model"}}'
    )


@pytest.mark.parametrize("error", [InternalError("Oh."), NotFound("No."), UpstreamError("Slow.", status=429)])
def test_the_sdk_reads_it(error: GatewayError) -> None:
    read = ErrorResponse.model_validate_json(ANTHROPIC.body(error), strict=True)
    assert (read.type, read.error.message) == ("error", error.message)


def test_the_sdk_raises_the_event() -> None:
    with pytest.raises(anthropic.APIError) as raised:
        final_message([ANTHROPIC.event(UpstreamError("Slow."))])
    assert raised.value.body == {"type": "error", "error": {"type": "api_error", "message": "Slow."}}
