"""Cohere's API, version 2: the requests that translators write, and the fields they read of answers and streams.

References: https://docs.cohere.com/reference/chat, https://docs.cohere.com/reference/chat-stream,
https://docs.cohere.com/reference/embed, https://docs.cohere.com/reference/rerank and the types of the official Python
SDK 7.3 (the pages in excerpts, 2026-11-21). What is read has defaults wherever a compatible server might leave a field
out; unknown fields are ignored. Cohere's counts are numbers that may have a fraction.
"""

from typing import Any

from msgspec import Raw, Struct

from extproc.genai.usage import TokenUsage

# --- chat: requests ---------------------------------------------------------------------------------------------------


class TextPart(Struct, tag="text", tag_field="type"):
    text: str


class ImageUrl(Struct):
    """`url` is http(s) or a `data:` URL."""

    url: str


class ImagePart(Struct, tag="image_url", tag_field="type"):
    image_url: ImageUrl


Part = TextPart | ImagePart


class FunctionCall(Struct):
    """`arguments` is JSON in a string."""

    name: str
    arguments: str


class ToolCall(Struct):
    id: str
    function: FunctionCall
    type: str = "function"


class ChatMessage(Struct, omit_defaults=True):
    """`role` is `system`, `user`, `assistant` or `tool`. `tool_plan` is what the model said before its tool calls."""

    role: str
    content: str | list[Part] | None = None
    tool_plan: str | None = None
    tool_calls: list[ToolCall] = []
    tool_call_id: str | None = None


class Function(Struct, omit_defaults=True):
    """`parameters` is a JSON schema of an object."""

    name: str
    parameters: Raw
    description: str | None = None


class Tool(Struct):
    function: Function
    type: str = "function"


class ResponseFormat(Struct, omit_defaults=True):
    """`type` is `json_object`; without a schema any object will do."""

    type: str
    json_schema: Raw | None = None


class Thinking(Struct, omit_defaults=True):
    """`type` is `enabled` or `disabled`; `token_budget` the most tokens of reasoning."""

    type: str
    token_budget: int | None = None


class ChatRequest(Struct, omit_defaults=True):
    """The body of `POST /v2/chat`. `tool_choice` is `REQUIRED` or `NONE`; without it the model is free."""

    model: str
    messages: list[ChatMessage]
    tools: list[Tool] = []
    strict_tools: bool = False
    tool_choice: str | None = None
    response_format: ResponseFormat | None = None
    thinking: Thinking | Raw | None = None
    max_tokens: int | None = None
    stop_sequences: list[str] = []
    temperature: int | float | None = None
    p: int | float | None = None
    k: Raw | None = None
    seed: Raw | None = None
    frequency_penalty: int | float | None = None
    presence_penalty: int | float | None = None
    documents: Raw | None = None
    citation_options: Raw | None = None
    safety_mode: Raw | None = None
    priority: Raw | None = None
    stream: bool = False


# --- chat: answers and streams ----------------------------------------------------------------------------------------


class Tokens(Struct):
    input_tokens: float | None = None
    output_tokens: float | None = None


class Usage(Struct):
    """`billed_units` leaves out what Cohere itself adds to a prompt. `cached_tokens` are part of the input."""

    billed_units: Tokens | None = None
    tokens: Tokens | None = None
    cached_tokens: float | None = None

    def total(self) -> TokenUsage | None:
        """What is billed, or what was counted where no bill is given; None where there is neither."""
        spent = self.billed_units or self.tokens
        if spent is None or (spent.input_tokens is None and spent.output_tokens is None):
            return None
        input_tokens = int(spent.input_tokens or 0)
        return TokenUsage(
            input_tokens=input_tokens,
            output_tokens=int(spent.output_tokens or 0),
            cache_read_input_tokens=min(int(self.cached_tokens or 0), input_tokens),
        )


class CalledFunction(Struct):
    name: str = ""
    arguments: str = ""


class Called(Struct):
    """A tool call of an answer, or a piece of one."""

    id: str = ""
    function: CalledFunction | None = None


class Source(Struct):
    """Where a cited text comes from: fields that the caller put into a document, or that a tool gave."""

    document: dict[str, Any] | None = None
    tool_output: dict[str, Any] | None = None


class Citation(Struct):
    """`start` and `end` are character positions in the content block `content_index`. `type` says what cites: the
    answer (`TEXT_CONTENT`), the reasoning or the tool plan."""

    start: int = 0
    end: int = 0
    content_index: int = 0
    type: str | None = None
    sources: list[Source] | None = None


class Content(Struct):
    """A content block of an answer, or a piece of one."""

    type: str = ""
    text: str | None = None
    thinking: str | None = None


class AnswerMessage(Struct):
    content: list[Content] | None = None
    tool_plan: str | None = None
    tool_calls: list[Called] | None = None
    citations: list[Citation] | None = None


class ChatAnswer(Struct):
    """A whole answer. It does not say which model gave it."""

    id: str
    finish_reason: str
    message: AnswerMessage
    usage: Usage | None = None


class ContentMessage(Struct):
    content: Content | None = None


class ContentDelta(Struct):
    message: ContentMessage | None = None


class ContentEvent(Struct):
    """`content-start` and `content-delta`."""

    index: int = 0
    delta: ContentDelta | None = None

    @property
    def content(self) -> Content:
        message = self.delta.message if self.delta is not None else None
        return (message.content if message is not None else None) or _NO_CONTENT


_NO_CONTENT = Content()


class PlanMessage(Struct):
    tool_plan: str = ""


class PlanDelta(Struct):
    message: PlanMessage


class PlanEvent(Struct):
    """`tool-plan-delta`."""

    delta: PlanDelta


class CallMessage(Struct):
    tool_calls: Called


class CallDelta(Struct):
    message: CallMessage


class CallEvent(Struct):
    """`tool-call-start` and `tool-call-delta`."""

    delta: CallDelta
    index: int = 0


class CitationMessage(Struct):
    citations: Citation


class CitationDelta(Struct):
    message: CitationMessage


class CitationEvent(Struct):
    """`citation-start`."""

    delta: CitationDelta


class MessageStart(Struct):
    id: str = ""


class EndDelta(Struct):
    finish_reason: str | None = None
    usage: Usage | None = None
    error: str | None = None


class MessageEnd(Struct):
    delta: EndDelta


class UntypedEvent(Struct):
    """An event whose `event:` line is missing. Without a type, one with a `message` is an error."""

    type: str = ""
    message: str = ""


class ErrorBody(Struct):
    """An error answer."""

    message: str


# --- embed and rerank -------------------------------------------------------------------------------------------------


class EmbedRequest(Struct, omit_defaults=True):
    """The body of `POST /v2/embed`. `embedding_types` holds `float` or `base64`."""

    model: str
    texts: list[str]
    input_type: Raw
    embedding_types: list[str]
    output_dimension: int | None = None
    truncate: Raw | None = None
    max_tokens: Raw | None = None
    priority: Raw | None = None


class Embeddings(Struct):
    """One list of vectors for each type that was asked for."""

    float: list[Raw] | None = None
    base64: list[Raw] | None = None


class Meta(Struct):
    billed_units: Tokens | None = None
    tokens: Tokens | None = None

    def total(self) -> TokenUsage | None:
        return Usage(self.billed_units, self.tokens).total()


class EmbedAnswer(Struct):
    id: str
    embeddings: Embeddings
    meta: Meta | None = None


class RerankRequest(Struct, omit_defaults=True):
    """The body of `POST /v2/rerank`."""

    model: str
    query: str
    documents: list[str]
    top_n: int | None = None
    max_tokens_per_doc: int | None = None
    relevant_spans: Raw | None = None
    priority: Raw | None = None


class RerankResult(Struct):
    """`index` is the document's place in the request; `relevance_score` is passed on as it was written."""

    index: int
    relevance_score: Raw


class RerankAnswer(Struct):
    results: list[RerankResult]
    id: str = ""
    meta: Raw = Raw(b"null")
