"""How a caller is told of errors: in the format that it speaks."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from extproc.apischema import anthropic_errors, openai, openai_responses
from extproc.errors import GatewayError


class Body(Protocol):
    """Renders an error as a JSON body. `request_id` is said in it where the format has a place for it."""

    def __call__(self, error: GatewayError, request_id: str = "") -> bytes: ...


@dataclass(frozen=True, slots=True)
class Dialect:
    """`body` renders an error as a JSON body; `event` as the end of a stream that has begun, terminator included."""

    name: str
    body: Body
    event: Callable[[GatewayError], bytes]


OPENAI = Dialect("openai", openai.error_body, openai.error_event)
ANTHROPIC = Dialect("anthropic", anthropic_errors.error_body, anthropic_errors.error_event)
RESPONSES = Dialect("openai_responses", openai.error_body, openai_responses.error_event)
