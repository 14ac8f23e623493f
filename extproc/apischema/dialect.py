"""How a caller is told of errors: in the format that it speaks."""

from collections.abc import Callable
from dataclasses import dataclass

from extproc.apischema import anthropic_errors, openai, openai_responses
from extproc.errors import GatewayError


@dataclass(frozen=True, slots=True)
class Dialect:
    """`body` renders an error as a JSON body; `event` as the end of a stream that has begun, terminator included."""

    name: str
    body: Callable[[GatewayError], bytes]
    event: Callable[[GatewayError], bytes]


OPENAI = Dialect("openai", openai.error_body, openai.error_event)
ANTHROPIC = Dialect("anthropic", anthropic_errors.error_body, anthropic_errors.error_event)
RESPONSES = Dialect("openai_responses", openai.error_body, openai_responses.error_event)
