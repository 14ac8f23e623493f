"""The types of request fields, so that a wrong one is the caller's mistake and not the simulator's.

Only what the simulator reads is described; other fields are not looked at.
"""

import re
from dataclasses import dataclass
from typing import Annotated, Any

import msgspec

_TEXT = "a string"
_KINDS = {"str": _TEXT, "array": "an array", "object": "an object", "bool": "a boolean", "int": "an integer"}
_PROBLEM = re.compile(r"(?:Expected `(?P<expected>[^`]*)`(?:, got `(?P<got>[^`]*)`)?|[^`]*`(?P<missing>[^`]*)`)")
_PLACE = re.compile(r" - at `\$?\.?(?P<place>[^`]*)`$")


@dataclass(frozen=True, slots=True)
class Mistake:
    """A field that does not fit: `expected` and `got` in words. `got` is empty where the type fits and the value is out
    of bounds, `missing` says that the field is not there at all."""

    place: str
    expected: str = ""
    got: str = ""
    missing: bool = False

    @property
    def dotted(self) -> str:
        """`messages.0.content` for `messages[0].content`."""
        return self.place.replace("[", ".").replace("]", "")


def mistake(document: Any, shape: type[msgspec.Struct]) -> Mistake | None:
    """The first field of a JSON document that does not fit, None if all do."""
    try:
        msgspec.convert(document, shape)
    except msgspec.ValidationError as error:
        return _read(str(error))
    return None


def _read(text: str) -> Mistake:
    found, problem = _PLACE.search(text), _PROBLEM.match(text)
    place = found["place"] if found else ""
    if problem is None or problem["missing"]:
        name = problem["missing"] if problem else ""
        return Mistake(f"{place}.{name}".strip("."), missing=True)
    expected = problem["expected"].removesuffix(" | null")
    return Mistake(place, " or ".join(_kind(one) for one in expected.split(" | ")), _kind(problem["got"] or ""))


def _kind(name: str) -> str:
    return _KINDS.get(name, name)


# OpenAI

Positive = Annotated[int, msgspec.Meta(ge=1)]
Choices = Annotated[int, msgspec.Meta(ge=1, le=128)]
Alternatives = Annotated[int, msgspec.Meta(ge=0, le=20)]
Dimensions = Annotated[int, msgspec.Meta(ge=1, le=8192)]


class Function(msgspec.Struct):
    name: str
    parameters: dict[str, Any] | None = None


class FunctionTool(msgspec.Struct):
    type: str
    function: Function | None = None


class NamedFunction(msgspec.Struct):
    name: str


class NamedChoice(msgspec.Struct):
    type: str
    function: NamedFunction | None = None


class CalledFunction(msgspec.Struct):
    name: str
    arguments: str


class CalledTool(msgspec.Struct):
    id: str
    function: CalledFunction | None = None


class Part(msgspec.Struct):
    type: str
    text: str | None = None


class ChatMessage(msgspec.Struct):
    role: str
    content: str | list[Part] | None = None
    tool_calls: list[CalledTool] | None = None
    tool_call_id: str | None = None


class NamedSchema(msgspec.Struct):
    schema: dict[str, Any] | None = None


class ResponseFormat(msgspec.Struct):
    type: str
    json_schema: NamedSchema | None = None


class StreamOptions(msgspec.Struct):
    include_usage: bool | None = None


class Generation(msgspec.Struct):
    """What chat completions and completions share."""

    model: str
    n: Choices | None = None
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    stop: str | list[str] | None = None
    max_tokens: Positive | None = None
    temperature: float | None = None


class ChatRequest(Generation, kw_only=True):
    messages: list[ChatMessage]
    max_completion_tokens: Positive | None = None
    tools: list[FunctionTool] | None = None
    tool_choice: str | NamedChoice | None = None
    response_format: ResponseFormat | None = None
    reasoning_effort: str | None = None
    top_logprobs: Alternatives | None = None


class CompletionRequest(Generation, kw_only=True):
    prompt: Any


class EmbeddingRequest(msgspec.Struct):
    model: str
    input: str | list[str | int | list[int]]
    dimensions: Dimensions | None = None


class ResponseRequest(msgspec.Struct):
    model: str
    input: Any
    stream: bool | None = None
    instructions: str | None = None
    include: list[str] | None = None
    max_output_tokens: Positive | None = None
    reasoning: dict[str, Any] | None = None
    text: dict[str, Any] | None = None
    tools: list[dict[str, Any]] | None = None


# Anthropic


class Thinking(msgspec.Struct):
    type: str
    budget_tokens: int | None = None


class OutputFormat(msgspec.Struct):
    type: str
    schema: dict[str, Any] | None = None


class OutputConfig(msgspec.Struct):
    effort: str | None = None
    format: OutputFormat | None = None


class MessagesRequest(msgspec.Struct):
    model: str
    messages: list[dict[str, Any]]
    max_tokens: int | None = None
    stream: bool | None = None
    system: str | list[dict[str, Any]] | None = None
    stop_sequences: list[str] | None = None
    temperature: float | None = None
    thinking: Thinking | None = None
    output_config: OutputConfig | None = None
    tools: list[dict[str, Any]] | None = None
    tool_choice: dict[str, Any] | None = None
