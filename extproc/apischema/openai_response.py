"""The fields that are read of OpenAI-format responses, whole and streamed.

API reference: https://platform.openai.com/docs/api-reference/chat (seen 2026-11-21). OpenAI-compatible servers vary, so
everything is optional and unknown fields are ignored. `reasoning_content` is DeepSeek's and vLLM's name for reasoning
text, `reasoning` is OpenRouter's. The Responses API counts in `input_tokens` and `output_tokens`.
"""

import msgspec
from msgspec import Raw, Struct

from extproc.genai.usage import TokenUsage


class TokenDetails(Struct):
    """`prompt_tokens_details`, `completion_tokens_details` and their Responses API twins."""

    cached_tokens: int | None = None
    cache_write_tokens: int | None = None
    reasoning_tokens: int | None = None
    audio_tokens: int | None = None


class Usage(Struct):
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    prompt_tokens_details: TokenDetails | None = None
    completion_tokens_details: TokenDetails | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None
    input_tokens_details: TokenDetails | None = None
    output_tokens_details: TokenDetails | None = None

    def to_token_usage(self) -> TokenUsage:
        spent = self.prompt_tokens_details or self.input_tokens_details or _NO_DETAILS
        made = self.completion_tokens_details or self.output_tokens_details or _NO_DETAILS
        return TokenUsage(
            input_tokens=_count(self.prompt_tokens, self.input_tokens),
            output_tokens=_count(self.completion_tokens, self.output_tokens),
            cache_read_input_tokens=_count(spent.cached_tokens),
            cache_creation_input_tokens=_count(spent.cache_write_tokens),
            reasoning_output_tokens=_count(made.reasoning_tokens),
            audio_input_tokens=_count(spent.audio_tokens),
            audio_output_tokens=_count(made.audio_tokens),
        )


_NO_DETAILS = TokenDetails()


def _count(*candidates: int | None) -> int:
    """The first number that is given. A negative one, which no provider means, counts as none."""
    return max(0, next((number for number in candidates if number is not None), 0))


class FunctionCall(Struct):
    name: str | None = None
    arguments: str | None = None


class ToolCall(Struct):
    function: FunctionCall | None = None


class Message(Struct):
    """A message of a whole answer, or the delta of a chunk."""

    content: str | None = None
    refusal: str | None = None
    reasoning_content: str | None = None
    reasoning: str | None = None
    tool_calls: list[ToolCall] | None = None

    def texts(self) -> list[str]:
        """Everything the model produced here, in no particular order: what output tokens are counted of."""
        found = [self.content, self.refusal, self.reasoning_content, self.reasoning]
        for call in self.tool_calls or ():
            if call.function is not None:
                found += (call.function.name, call.function.arguments)
        return [text for text in found if text]


class Choice(Struct):
    delta: Message | None = None
    message: Message | None = None
    text: str | None = None
    finish_reason: str | None = None

    def texts(self) -> list[str]:
        said = self.delta or self.message
        texts = said.texts() if said is not None else []
        if self.text:
            texts.append(self.text)
        return texts


class Completion(Struct):
    """A whole answer or one chunk of a stream, of chat completions, completions or embeddings."""

    id: str | None = None
    model: str | None = None
    choices: list[Choice] | None = None
    usage: Usage | None = None
    error: Raw = Raw()

    @property
    def has_error(self) -> bool:
        return bytes(self.error) not in (b"", b"null")


class UsageOnly(Struct):
    """What is left to read when a document's other fields are not of the shape we know."""

    usage: Usage | None = None


class ResponsesEvent(Struct):
    """A document of another endpoint: usage at the top, or inside `response` (Responses API stream events)."""

    usage: Usage | None = None
    model: str | None = None
    response: "ResponsesEvent | None" = None


class ErrorDetail(Struct):
    message: str | None = None
    type: str | None = None
    param: str | None = None
    code: str | int | None = None


class ErrorDocument(Struct):
    """OpenAI's error object, and the flat form of some compatible servers (`{"message": …}`, `{"detail": …}`)."""

    error: ErrorDetail | str | None = None
    message: str | None = None
    detail: str | None = None


decode_completion = msgspec.json.Decoder(Completion).decode
decode_usage_only = msgspec.json.Decoder(UsageOnly).decode
decode_responses_event = msgspec.json.Decoder(ResponsesEvent).decode
decode_error = msgspec.json.Decoder(ErrorDocument).decode
