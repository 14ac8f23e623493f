"""Amazon Bedrock's runtime: Converse for every model, InvokeModel for Claude, Titan and Cohere embeddings.

Sources, seen 2026-11-21: https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html (request,
answer), …/API_runtime_ConverseStreamOutput.html (events), …/API_runtime_ResponseStream.html (chunks), below
https://docs.aws.amazon.com/bedrock/latest/userguide/: troubleshooting-api-error-codes.html,
model-parameters-anthropic-claude-messages.html, model-parameters-titan-embed-text.html, model-parameters-embed-v4.html.
"""

import base64
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from extproc.apischema.bedrock import EVENT_STREAM
from extproc.simulator import answer, anthropic, bedrock_checks, openai_endpoints
from extproc.simulator.answer import Answer, Finish, Prompt, Tool, ToolMode
from extproc.simulator.directives import Directives
from extproc.simulator.format import JSON_HEADERS, Call, Event, Format, Json, Rejected, Reply, encode, read_object
from extproc.wire import aws_event_stream

_PATH = re.compile(r"/model/(?P<model>.+)/(?P<operation>converse|converse-stream|invoke|invoke-with-response-stream)")
_EFFORT = {"low": 16, "medium": 32, "high": 64, "xhigh": 128, "max": 256}
_TITAN_SIZE, _COHERE_SIZE = 1024, 1536
_ARGUMENT_PIECE = 7
_PADDING = "abcdefghijklmnopqrstuvwxyz"
_STOP_REASON = {
    Finish.STOP: "end_turn",
    Finish.STOP_SEQUENCE: "stop_sequence",
    Finish.LENGTH: "max_tokens",
    Finish.TOOL_CALLS: "tool_use",
    Finish.REFUSAL: "content_filtered",
}
_ERROR_TYPES = {
    400: "ValidationException",
    403: "AccessDeniedException",
    404: "ResourceNotFoundException",
    408: "ModelTimeoutException",
    424: "ModelErrorException",
    429: "ThrottlingException",
    500: "InternalServerException",
    503: "ServiceUnavailableException",
}
_FAULTS = {
    403: "You don't have access to the model with the specified model ID.",
    404: "Could not resolve the foundation model from the provided model identifier.",
    408: "Model has timed out in processing the request. Try your request again.",
    429: "Too many requests, please wait before trying again.",
    503: "Bedrock is unable to process your request.",
}


@dataclass(frozen=True, slots=True)
class StreamEvent(Event):
    """One message of an AWS event stream. `kind` is its `:message-type`, `event` or `exception`."""

    kind: str = "event"

    def frame(self, newline: bytes) -> bytes:
        """Binary: there are no line ends."""
        headers = {
            f":{self.kind}-type": self.name or "",
            ":content-type": "application/json",
            ":message-type": self.kind,
        }
        return aws_event_stream.encode(headers, self.data)


def owns(call: Call) -> bool:
    return call.path.startswith("/model/")


def answer_call(call: Call, directives: Directives) -> Reply:
    """Raises Rejected."""
    bedrock_checks.credential(call)
    match = _PATH.fullmatch(call.path)
    if match is None or call.method != "POST":
        raise Rejected(404, "Not found", kind="UnknownOperationException")
    return _OPERATIONS[match["operation"]](call, match["model"], directives)


def _converse(call: Call, model: str, directives: Directives) -> Reply:
    return _json(call, document(_composed(call, directives)))


def _converse_stream(call: Call, model: str, directives: Directives) -> Reply:
    return _stream(call, events(_composed(call, directives)))


def _composed(call: Call, directives: Directives) -> "Message":
    return compose(bedrock_checks.converse(call), directives, call.token)


# Converse: the request


def read(request: Json) -> Prompt:
    messages, tools = request["messages"], request.get("toolConfig") or {}
    config = request.get("inferenceConfig") or {}
    mode, forced, parallel = _tool_choice(request)
    specs = [tool["toolSpec"] for tool in tools.get("tools") or () if "toolSpec" in tool]
    return Prompt(
        text=last_user_text(messages),
        tool_results=_tool_results(messages[-1]),
        tools=tuple(Tool(spec["name"], spec["inputSchema"]["json"]) for spec in specs),
        tool_mode=mode,
        forced=forced,
        parallel=parallel,
        json_schema=bedrock_checks.text_schema(request),
        reasoning_tokens=_reasoning_tokens(request),
        max_tokens=config.get("maxTokens"),
        stop=tuple(config.get("stopSequences") or ()),
        input_tokens=sum(tokens for tokens, _ in _parts(request)),
        preamble=anthropic.PREAMBLE if mode is ToolMode.AUTO else "",
    )


def _tool_choice(request: Json) -> tuple[ToolMode, str | None, bool]:
    """Converse's choice, or Claude's own among the model's fields."""
    claudes = (request.get("additionalModelRequestFields") or {}).get("tool_choice") or {}
    parallel = not claudes.get("disable_parallel_tool_use")
    kind = claudes.get("type", "auto")
    choice = (request.get("toolConfig") or {}).get("toolChoice") or {}
    if kind == "none":
        return ToolMode.NONE, None, parallel
    if "tool" in choice or kind == "tool":
        return ToolMode.REQUIRED, choice.get("tool", claudes)["name"], parallel
    return ToolMode.REQUIRED if "any" in choice or kind == "any" else ToolMode.AUTO, None, parallel


def _reasoning_tokens(request: Json) -> int:
    own = request.get("additionalModelRequestFields") or {}
    thinks = (own.get("thinking") or {}).get("type") in ("enabled", "adaptive")
    nova = (own.get("reasoningConfig") or {}).get("type") == "enabled"
    effort = (request.get("outputConfig") or {}).get("effort") or own.get("reasoning_effort")
    effort = effort or (own.get("reasoning") or {}).get("effort")
    if effort in _EFFORT:
        return _EFFORT[effort]
    return 32 if thinks or nova else 0


def last_user_text(messages: Any) -> str:
    """The text of the last user message that has some (results of tools have none); never raises."""
    found: list[Any] = messages if isinstance(messages, list) else []
    for one in reversed(found):
        if isinstance(one, dict) and one.get("role") == "user" and (text := _text_of(one.get("content"))):
            return text
    return ""


def _text_of(content: Any) -> str:
    blocks = content if isinstance(content, list) else ()
    return " ".join(str(block["text"]) for block in blocks if isinstance(block, dict) and "text" in block)


def _tool_results(last: Json) -> tuple[str, ...]:
    return tuple(_text_of(block["toolResult"]["content"]) for block in last["content"] if "toolResult" in block)


def _parts(request: Json) -> Iterator[tuple[int, bool]]:
    """The tokens of every part of a prompt in the order of the cache, and whether it is a cache point."""
    for tool in (request.get("toolConfig") or {}).get("tools") or ():
        yield (0, True) if "cachePoint" in tool else (answer.words(answer.json_text(tool)), False)
    for block in request.get("system") or ():
        yield _block_tokens(block), "cachePoint" in block
    for one in request["messages"]:
        for block in one["content"]:
            yield _block_tokens(block), "cachePoint" in block


def _block_tokens(block: Json) -> int:
    kind, value = next(iter(block.items()))
    if kind == "text":
        return answer.words(value)
    if kind == "toolUse":
        return 1 + answer.words(answer.json_text(value["input"]))
    if kind == "toolResult":
        return sum(_block_tokens(each) for each in value["content"])
    if kind == "reasoningContent":
        return answer.words((value.get("reasoningText") or {}).get("text", ""))
    return answer.IMAGE_TOKENS if kind in ("image", "document", "video", "audio") else 0


# Converse: the answer


@dataclass(frozen=True, slots=True)
class Message:
    """An answer that is decided but not yet written in either form: each block whole, and as `contentBlockStart` (None
    where there is none) with its deltas."""

    blocks: tuple[tuple[Json, Json | None, list[Json]], ...]
    said: Answer
    usage: Json | None


def compose(request: Json, directives: Directives, token: str) -> Message:
    prompt = read(request)
    said = answer.compose(prompt, directives)
    usage = None if directives.no_usage else _usage(request, prompt, said, directives)
    blocks = () if directives.empty_choices else (*_reasoning(prompt, directives), *_content(said, token))
    return Message(blocks, said, usage)


def _usage(request: Json, prompt: Prompt, said: Answer, directives: Directives) -> Json:
    """The three input counts exclude each other."""
    total = marked = 0
    for tokens, mark in _parts(request):
        total += tokens
        marked = total if mark else marked
    cached = min(directives.cached_tokens or 0, prompt.input_tokens)
    written = max(0, marked - cached)
    return {
        "inputTokens": prompt.input_tokens - cached - written,
        "outputTokens": said.output_tokens,
        "totalTokens": prompt.input_tokens + said.output_tokens,
        "cacheReadInputTokens": cached,
        "cacheWriteInputTokens": written,
    }


def _reasoning(prompt: Prompt, directives: Directives) -> Iterator[tuple[Json, Json | None, list[Json]]]:
    if directives.redacted_thinking:
        redacted = {"redactedContent": base64.b64encode(b"simulated redacted thinking").decode()}
        yield {"reasoningContent": redacted}, None, [{"reasoningContent": redacted}]
    if prompt.reasoning_tokens:
        signature = bedrock_checks.signature(anthropic.THOUGHT)
        whole = {"reasoningText": {"text": anthropic.THOUGHT, "signature": signature}}
        deltas: list[Json] = [{"reasoningContent": {"text": piece}} for piece in answer.pieces(anthropic.THOUGHT)]
        yield {"reasoningContent": whole}, None, [*deltas, {"reasoningContent": {"signature": signature}}]


def _content(said: Answer, token: str) -> Iterator[tuple[Json, Json | None, list[Json]]]:
    """Text and tool calls; the model explains itself before calls that were not forced."""
    if said.pieces or not said.calls:
        yield {"text": said.text}, None, [{"text": piece} for piece in said.pieces]
    for number, call in enumerate(said.calls):
        head = {"toolUseId": f"tooluse_{token[:20]}{number:02}", "name": call.name}
        text = answer.json_text(call.arguments)
        pieces = [text[at : at + _ARGUMENT_PIECE] for at in range(0, len(text), _ARGUMENT_PIECE)]
        deltas: list[Json] = [{"toolUse": {"input": piece}} for piece in pieces]
        yield {"toolUse": head | {"input": call.arguments}}, {"toolUse": head}, deltas


def document(message: Message) -> Json:
    """The answer of Converse."""
    whole: Json = {
        "output": {"message": {"role": "assistant", "content": [whole for whole, _, _ in message.blocks]}},
        "stopReason": _STOP_REASON[message.said.finish],
        "metrics": {"latencyMs": 1},
    }
    return whole if message.usage is None else whole | {"usage": message.usage}


def events(message: Message) -> Iterator[Event]:
    """messageStart; for each block contentBlockStart (tools only), contentBlockDelta …, contentBlockStop; messageStop;
    metadata with the usage."""
    yield _event("messageStart", role="assistant")
    for index, (_, start, deltas) in enumerate(message.blocks):
        if start is not None:
            yield _event("contentBlockStart", contentBlockIndex=index, start=start)
        for delta in deltas:
            yield _event("contentBlockDelta", tokens=1, contentBlockIndex=index, delta=delta)
        yield _event("contentBlockStop", contentBlockIndex=index)
    yield _event("messageStop", stopReason=_STOP_REASON[message.said.finish])
    usage: Json = {} if message.usage is None else {"usage": message.usage}
    metrics: Json = {"metrics": {"latencyMs": 1}}
    yield _event("metadata", tokens=0, **(metrics | usage))


def _event(name: str, /, *, tokens: int = 0, **fields: Any) -> Event:
    """Padding hides how long the words are."""
    return StreamEvent(name, encode(fields | {"p": _PADDING[: 3 + len(name) % 9]}), tokens)


# InvokeModel


def _invoke(call: Call, model: str, directives: Directives) -> Reply:
    if "titan-embed-text" in model:
        return _json(call, _titan(bedrock_checks.titan(call)))
    if "cohere.embed" in model:
        return _json(call, _cohere(bedrock_checks.cohere(call), call.token))
    return _json(call, anthropic.document(_claude(call, model, directives)))


def _invoke_stream(call: Call, model: str, directives: Directives) -> Reply:
    return _stream(call, (_chunk(event) for event in anthropic.events(_claude(call, model, directives))))


def _claude(call: Call, model: str, directives: Directives) -> anthropic.Message:
    return anthropic.compose(bedrock_checks.claude(call, model), directives, call.token)


def _chunk(event: Event) -> Event:
    packed = base64.b64encode(event.data).decode()
    return StreamEvent("chunk", encode({"bytes": packed, "p": _PADDING[:5]}), event.tokens)


def _titan(request: Json) -> Json:
    vector = openai_endpoints.vector(request["inputText"], request.get("dimensions") or _TITAN_SIZE)
    tokens = answer.words(request["inputText"])
    return {"embedding": vector, "embeddingsByType": {"float": vector}, "inputTextTokenCount": tokens}


def _cohere(request: Json, token: str) -> Json:
    size = request.get("output_dimension") or _COHERE_SIZE
    vectors = [openai_endpoints.vector(text, size) for text in request["texts"]]
    by_type = {"embeddings": {"float": vectors}, "response_type": "embeddings_by_type"}
    plain = {"embeddings": vectors, "response_type": "embeddings_floats"}
    return {"id": token, "texts": request["texts"]} | (by_type if request.get("embedding_types") else plain)


_OPERATIONS: dict[str, Callable[[Call, str, Directives], Reply]] = {
    "converse": _converse,
    "converse-stream": _converse_stream,
    "invoke": _invoke,
    "invoke-with-response-stream": _invoke_stream,
}


# Headers and errors


def _json(call: Call, document: Json) -> Reply:
    return Reply(200, _headers(call) | JSON_HEADERS, encode(document))


def _stream(call: Call, found: Iterator[Event]) -> Reply:
    return Reply(200, _headers(call) | {"content-type": EVENT_STREAM}, events=found)


def _headers(call: Call) -> dict[str, str]:
    return {"x-amzn-requestid": call.token}


def subject(call: Call) -> str:
    """In Converse's blocks or Anthropic's; texts to embed hold directives too."""
    request = read_object(call.body) or {}
    messages = request.get("messages")
    return last_user_text(messages) or anthropic.last_user_text(messages) or str(request.get("inputText", ""))


def failure(call: Call, rejected: Rejected) -> Reply:
    default = "InternalServerException" if rejected.status >= 500 else "ValidationException"
    kind = rejected.kind or _ERROR_TYPES.get(rejected.status, default)
    headers = _headers(call) | {"x-amzn-errortype": f"{kind}:http://internal.amazon.com/coral/com.amazon.bedrock/"}
    return Reply(rejected.status, headers | JSON_HEADERS, encode({"message": rejected.message}))


def fault(status: int) -> Rejected:
    server = "The system encountered an unexpected error during processing. Try your request again."
    return Rejected(status, _FAULTS.get(status, server if status >= 500 else "The request is invalid."))


FORMAT = Format(
    name="bedrock",
    owns=owns,
    subject=subject,
    answer=answer_call,
    failure=failure,
    fault=fault,
    error_event=StreamEvent("throttlingException", encode({"message": _FAULTS[429]}), kind="exception"),
)
