"""What the simulated model says: a pure function of the request, the same for every wire format.

Tokens are counted simply: one word (a run of characters other than whitespace) is one token, an image is 85. So
`"how are you"` costs three, and a test can say what usage it expects.
"""

import json
import re
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any

from extproc.simulator import schema
from extproc.simulator.directives import Directives, strip

QUOTED = 200
IMAGE_TOKENS = 85
REFUSAL = "I'm sorry, but I can't help with that."
_FILLER = ("these", "are", "simulated", "words", "that", "only", "fill", "the", "answer", "up")
_PIECE = re.compile(r"\s*\S+\s*\Z|\s*\S+")


class ToolMode(Enum):
    """How free the model is to call tools."""

    NONE = auto()
    AUTO = auto()
    REQUIRED = auto()


class Finish(Enum):
    """Why the answer ends."""

    STOP = auto()
    STOP_SEQUENCE = auto()
    LENGTH = auto()
    TOOL_CALLS = auto()
    REFUSAL = auto()


@dataclass(frozen=True, slots=True)
class Tool:
    """A tool the model may call; `schema` is the JSON schema of its arguments."""

    name: str
    schema: Any


@dataclass(frozen=True, slots=True)
class Prompt:
    """What an answer depends on.

    `text` is the last user text, `tool_results` the results that end the conversation, `forced` the tool that must be
    called, `json_schema` the schema of a structured answer (None: plain text), `input_tokens` the words of everything,
    `preamble` what is said before tool calls.
    """

    text: str = ""
    tool_results: tuple[str, ...] = ()
    tools: tuple[Tool, ...] = ()
    tool_mode: ToolMode = ToolMode.AUTO
    forced: str | None = None
    parallel: bool = True
    json_schema: Any = None
    reasoning_tokens: int = 0
    max_tokens: int | None = None
    stop: tuple[str, ...] = ()
    input_tokens: int = 0
    preamble: str = ""


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A call with its arguments as the text of a JSON object would decode."""

    name: str
    arguments: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Answer:
    """Text in pieces (`"".join(pieces)` is the text), tool calls, and what they cost. `output_tokens` counts
    `reasoning_tokens` too."""

    pieces: tuple[str, ...]
    finish: Finish
    calls: tuple[ToolCall, ...] = ()
    stop_sequence: str | None = None
    reasoning_tokens: int = 0
    output_tokens: int = 0

    @property
    def text(self) -> str:
        return "".join(self.pieces)


def words(text: str) -> int:
    return len(text.split())


def pieces(text: str) -> tuple[str, ...]:
    """The text cut into words, each with the whitespace before it; the last one keeps the whitespace at the end."""
    return tuple(_PIECE.findall(text)) or ((text,) if text else ())


def compose(prompt: Prompt, directives: Directives, alternative: int = 0) -> Answer:
    """The answer to a prompt; `alternative` numbers the choices of one request."""
    if directives.refusal:
        said = pieces(REFUSAL)
        return Answer(said, Finish.REFUSAL, output_tokens=len(said))
    if calls := _calls(prompt, directives):
        return _calling(prompt, calls)
    return _saying(prompt, _text(prompt, directives, alternative))


def _calling(prompt: Prompt, calls: tuple[ToolCall, ...]) -> Answer:
    said = pieces(prompt.preamble)
    spent = prompt.reasoning_tokens + len(said) + sum(1 + words(json_text(call.arguments)) for call in calls)
    return Answer(said, Finish.TOOL_CALLS, calls, reasoning_tokens=prompt.reasoning_tokens, output_tokens=spent)


def _saying(prompt: Prompt, text: str) -> Answer:
    text, stop_sequence = _stopped(text, prompt.stop)
    finish = Finish.STOP if stop_sequence is None else Finish.STOP_SEQUENCE
    said, reasoning = pieces(text), prompt.reasoning_tokens
    if prompt.max_tokens is not None and len(said) + reasoning > prompt.max_tokens:
        reasoning = min(reasoning, prompt.max_tokens)
        said, finish, stop_sequence = said[: prompt.max_tokens - reasoning], Finish.LENGTH, None
    return Answer(said, finish, (), stop_sequence, reasoning, reasoning + len(said))


def _stopped(text: str, stop: tuple[str, ...]) -> tuple[str, str | None]:
    found = [(text.index(sequence), sequence) for sequence in stop if sequence and sequence in text]
    if not found:
        return text, None
    at, sequence = min(found)
    return text[:at], sequence


def _calls(prompt: Prompt, directives: Directives) -> tuple[ToolCall, ...]:
    chosen = _chosen(prompt, directives)
    subject = strip(prompt.text)[:QUOTED]
    return tuple(_call(tool, subject, number) for number, tool in enumerate(chosen))


def _call(tool: Tool, subject: str, number: int) -> ToolCall:
    text = subject if number == 0 else f"{subject} ({number + 1})"
    value = schema.example(tool.schema, text)
    return ToolCall(tool.name, value if isinstance(value, dict) else {})


def _chosen(prompt: Prompt, directives: Directives) -> list[Tool]:
    tools = [tool for tool in prompt.tools if prompt.forced in (None, tool.name)]
    if not tools or prompt.tool_mode is ToolMode.NONE:
        return []
    if directives.tool_calls is not None and not prompt.tool_results:
        wanted = directives.tool_calls if prompt.parallel else min(1, directives.tool_calls)
        return [tools[number % len(tools)] for number in range(wanted)]
    asked = "weather" in prompt.text.lower() and not prompt.tool_results
    return tools[:1] if asked or prompt.tool_mode is ToolMode.REQUIRED else []


def _text(prompt: Prompt, directives: Directives, alternative: int) -> str:
    opening = "" if alternative == 0 else f"(alternative {alternative + 1}) "
    if directives.tokens is not None:
        return opening + filler(directives.tokens)
    if prompt.json_schema is not None:
        return _json_text(prompt)
    if prompt.tool_results:
        return f"{opening}The tool says: {' / '.join(result[:QUOTED] for result in prompt.tool_results)}"
    return f"{opening}You said: {strip(prompt.text)[:QUOTED]} This is a simulated answer, and I am happy to help."


def filler(count: int) -> str:
    """So many words."""
    return " ".join(_FILLER[number % len(_FILLER)] for number in range(count))


def _json_text(prompt: Prompt) -> str:
    value = schema.example(prompt.json_schema or {"properties": {"answer": {}}}, strip(prompt.text)[:QUOTED])
    return json_text(value)


def json_text(value: Any) -> str:
    """JSON with a space after separators, as models write it, so that it has words to cut at."""
    return json.dumps(value, ensure_ascii=False)
