"""An OpenAI chat answer in Anthropic's format: what whole and streamed answers share, and the whole answer.

References: https://platform.openai.com/docs/api-reference/chat/object,
https://platform.claude.com/docs/en/api/messages#response-content (both seen 2026-11-21).

| OpenAI                                       | Anthropic                                                           |
|----------------------------------------------|---------------------------------------------------------------------|
| `thinking_blocks`                            | `thinking` and `redacted_thinking` blocks, first                    |
| `reasoning_content`, `reasoning`             | the same text where it comes unsigned: a block without a signature  |
| `content`                                    | a `text` block                                                      |
| `annotations`                                | `citations` of the text                                             |
| `tool_calls`                                 | `tool_use` blocks                                                   |
| `refusal`                                    | `stop_reason` `refusal`, its text in `stop_details.explanation`     |
| `stop`                                       | `end_turn`; `tool_use` where there are calls, as OpenAI ends an     |
|                                              | answer whose call was forced with `stop`                            |
| `length`, `tool_calls`, `content_filter`     | `max_tokens`, `tool_use`, `refusal`                                 |
| choices after the first, `logprobs`          | nothing: they cannot be asked for                                   |

`stop_sequence` stays null: a chat answer does not tell which one ended it.
"""

import msgspec
from msgspec import Raw

from extproc.apischema.anthropic import RedactedThinkingBlock, SignedBlock, ThinkingBlock
from extproc.apischema.malformed import MALFORMED
from extproc.apischema.openai_chat_answer import Annotation, Answer, Message, ToolCall, decode_answer
from extproc.errors import UpstreamError
from extproc.translator import anthropic_events
from extproc.translator.anthropic_events import Block, Citation, StopReason, TextBlock, ToolUseBlock
from extproc.translator.base import Call, Outcome
from extproc.translator.openai_errors import error_inside

_STOP_REASONS: dict[str, StopReason] = {
    "stop": "end_turn",
    "length": "max_tokens",
    "tool_calls": "tool_use",
    "function_call": "tool_use",
    "content_filter": "refusal",
}
# The HTTP status that an error inside a stream would have had: all that is left of it there is its type or code.
_NO_INPUT = Raw(b"{}")

_SIGNED = msgspec.json.Decoder(SignedBlock)
_OBJECT = msgspec.json.Decoder(dict[str, Raw])


def stop_reason(finish_reason: str, *, tool_calls: int, refused: bool) -> StopReason:
    """An end of no known name is an ordinary one."""
    reason = _STOP_REASONS.get(finish_reason, "end_turn")
    if reason == "end_turn" and refused:
        return "refusal"
    return "tool_use" if reason == "end_turn" and tool_calls else reason


def signed_block(raw: Raw) -> SignedBlock | None:
    """A block of reasoning that can be sent back; None for one without a signature, whose text came as text."""
    try:
        block: SignedBlock = _SIGNED.decode(raw)
    except MALFORMED:
        return None
    return block


def citation(annotation: Annotation, text: str) -> Citation | None:
    """What an annotation says of the whole text so far."""
    cited = annotation.url_citation
    if cited is None or not cited.url:
        return None
    return Citation(text[cited.start_index : cited.end_index], cited.url, cited.title or None)


def is_input(arguments: str) -> bool:
    """Whether arguments are the whole of a tool's input."""
    if not arguments.rstrip().endswith("}"):
        return False
    try:
        _OBJECT.decode(arguments)
    except MALFORMED:
        return False
    return True


def bad_arguments() -> UpstreamError:
    return UpstreamError("The provider called a tool with arguments that are not a JSON object.")


class WholeResponse:
    """A whole answer: nothing can be said before its last byte."""

    def __init__(self, call: Call) -> None:
        self.outcome = Outcome()
        self._call = call
        self._body = bytearray()

    def feed(self, data: bytes) -> bytes:
        self._body += data
        return b""

    def finish(self) -> bytes:
        answer = self._answer()
        choice = next((each for each in answer.choices or () if each.index == 0), None)
        said = (choice.message if choice is not None else None) or Message()
        finish_reason = (choice.finish_reason if choice is not None else None) or "stop"
        calls = said.tool_calls or []
        refusal = said.refusal or ""
        return anthropic_events.message(
            id=answer.id or "",
            model=answer.model or self._call.model,
            content=[*_reasoning(said), *_text(said), *_tool_uses(answer.id or "", calls, finish_reason)],
            reason=stop_reason(finish_reason, tool_calls=len(calls), refused=bool(refusal)),
            refusal=refusal,
            usage=answer.usage.to_token_usage() if answer.usage is not None else None,
        )

    def _answer(self) -> Answer:
        try:
            answer = decode_answer(self._body)
        except MALFORMED:
            raise UpstreamError("The provider's answer cannot be read.") from None
        if answer.error is not None:
            raise error_inside(answer.error)
        return answer


def _reasoning(said: Message) -> list[Block]:
    text = said.reasoning_content or said.reasoning or ""
    blocks: list[Block] = []
    for raw in said.thinking_blocks or ():
        match signed_block(raw):
            case ThinkingBlock(thinking, signature):
                blocks.append(anthropic_events.ThinkingBlock(thinking, signature))
                text = "" if thinking else text
            case RedactedThinkingBlock(data):
                blocks.append(anthropic_events.RedactedThinkingBlock(data))
            case None:
                pass
    return [anthropic_events.ThinkingBlock(text, ""), *blocks] if text else blocks


def _text(said: Message) -> list[Block]:
    if not said.content:
        return []
    found = (citation(annotation, said.content) for annotation in said.annotations or ())
    return [TextBlock(said.content, [each for each in found if each is not None])]


def _tool_uses(answer_id: str, calls: list[ToolCall], finish_reason: str) -> list[Block]:
    return [_tool_use(call_id(call, answer_id, at), call, finish_reason) for at, call in enumerate(calls)]


def call_id(call: ToolCall, answer_id: str, at: int) -> str:
    """A call's id; servers that give none get one that no other call of the conversation has."""
    return call.id or f"{answer_id}_{at}"


def _tool_use(id: str, call: ToolCall, finish_reason: str) -> ToolUseBlock:
    """A call that the limit cut off has no input, and `max_tokens` tells why; any other is the provider's fault."""
    function = call.function
    name = (function.name if function is not None else None) or ""
    arguments = (function.arguments if function is not None else None) or ""
    if not arguments:
        return ToolUseBlock(id, name, _NO_INPUT)
    if is_input(arguments):
        return ToolUseBlock(id, name, Raw(arguments.encode()))
    if finish_reason == "length":
        return ToolUseBlock(id, name, _NO_INPUT)
    raise bad_arguments()
