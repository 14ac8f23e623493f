"""Google's Gemini format, as AI Studio and Vertex AI have it.

Sources, seen 2026-11-21: https://ai.google.dev/api/generate-content, https://ai.google.dev/api/tokens,
https://ai.google.dev/api/embeddings, https://ai.google.dev/api/models,
https://docs.cloud.google.com/vertex-ai/generative-ai/docs/model-reference/inference (the same documents, other paths,
other credentials), .../text-embeddings-api (`:predict`), https://cloud.google.com/apis/design/errors.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from extproc.simulator import answer, gemini_checks
from extproc.simulator.answer import Answer, Finish, Prompt, Tool, ToolCall, ToolMode
from extproc.simulator.directives import Directives
from extproc.simulator.format import (
    EVENT_STREAM_HEADERS,
    JSON_HEADERS,
    Call,
    Event,
    Format,
    Json,
    Rejected,
    Reply,
    encode,
    read_object,
)
from extproc.simulator.openai_endpoints import DIMENSIONS, vector

THOUGHT = "The question is simple, so a simulated answer will do."
_LEVELS = {"MINIMAL": 8, "LOW": 16, "MEDIUM": 32, "HIGH": 64}
_FINISH = {
    Finish.STOP: "STOP",
    Finish.STOP_SEQUENCE: "STOP",
    Finish.LENGTH: "MAX_TOKENS",
    Finish.TOOL_CALLS: "STOP",
    Finish.REFUSAL: "SAFETY",
}
_STATUS = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    429: "RESOURCE_EXHAUSTED",
    499: "CANCELLED",
    501: "UNIMPLEMENTED",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}
_FAULTS = {
    401: "Request had invalid authentication credentials. Expected OAuth 2 access token.",
    403: "The caller does not have permission",
    404: "models/simulated is not found for API version v1beta, or is not supported for generateContent.",
    429: "You exceeded your current quota, please check your plan and billing details.",
    503: "The model is overloaded. Please try again later.",
    504: "Deadline expired before operation could complete.",
}
_STUDIO = re.compile(r"/v1(?:beta)?/(?:models|tunedModels)/(?P<model>[^/:]+):(?P<method>\w+)")
_VERTEX = re.compile(
    r"/v1(?:beta1)?/(?:projects/[^/]+/locations/[^/]+/)?(?:publishers/google/models|endpoints)/(?P<model>[^/:]+):(?P<method>\w+)"
)


def owns(call: Call) -> bool:
    """`/v1/models` is OpenAI's too; Google's clients say so with `x-goog-api-key`."""
    listing = call.path == "/v1/models" and "x-goog-api-key" in call.headers
    beta = call.path.startswith("/v1beta/") and not call.path.startswith("/v1beta/openai/")
    return listing or beta or (_STUDIO.fullmatch(call.path) or _VERTEX.fullmatch(call.path)) is not None


def answer_call(call: Call, directives: Directives) -> Reply:
    """Raises Rejected."""
    vertex = _VERTEX.fullmatch(call.path)
    if vertex is not None:
        gemini_checks.vertex_credential(call)
    else:
        gemini_checks.studio_credential(call)
    if call.method == "GET" and call.path in ("/v1/models", "/v1beta/models"):
        return _json(call, _models(call))
    found = vertex or _STUDIO.fullmatch(call.path)
    respond = _METHODS.get(found["method"]) if found is not None and call.method == "POST" else None
    if found is None or respond is None:
        raise Rejected(404, f"{call.method} {call.path} is not found")
    return respond(call, found["model"], directives)


def _generate(call: Call, model: str, directives: Directives) -> Reply:
    return _json(call, document(_composed(call, model, directives, streamed=False)))


def _stream(call: Call, model: str, directives: Directives) -> Reply:
    """Server-sent events with `alt=sse`, else the same documents in an array."""
    answered = _composed(call, model, directives, streamed=True)
    if call.query.get("alt") == "sse":
        return Reply(200, _headers(call) | EVENT_STREAM_HEADERS, events=events(answered))
    array = b"[" + b",\r\n".join(event.data for event in events(answered)) + b"]"
    return Reply(200, _headers(call) | JSON_HEADERS, array)


def _count(call: Call, _model: str, _directives: Directives) -> Reply:
    request = gemini_checks.document(call)
    request = request.get("generateContentRequest") or request
    gemini_checks.contents_of(request.get("contents"))
    tokens = _input_tokens(request)
    return _json(call, {"totalTokens": tokens, "promptTokensDetails": [{"modality": "TEXT", "tokenCount": tokens}]})


def _models(call: Call) -> Json:
    methods = ["generateContent", "countTokens"]
    return {
        "models": [
            {"name": f"models/{name}", "displayName": name, "supportedGenerationMethods": methods}
            for name in call.models
        ]
    }


# Embeddings


def _embed(call: Call, _model: str, _directives: Directives) -> Reply:
    embedding, tokens = _embedding(gemini_checks.document(call))
    return _json(call, {"embedding": embedding, "usageMetadata": {"promptTokenCount": tokens}})


def _embed_batch(call: Call, _model: str, _directives: Directives) -> Reply:
    requests = gemini_checks.document(call).get("requests")
    if not isinstance(requests, list) or not requests:
        raise gemini_checks.invalid("* BatchEmbedContentsRequest.requests: requests is not specified\n")
    found = [_embedding(request) for request in requests]
    tokens = sum(tokens for _, tokens in found)
    return _json(
        call,
        {"embeddings": [embedding for embedding, _ in found], "usageMetadata": {"promptTokenCount": tokens}},
    )


def _embedding(request: Json) -> tuple[Json, int]:
    text = _text_of(request.get("content"))
    if not text:
        raise gemini_checks.invalid("* EmbedContentRequest.content: content is not specified\n")
    settings = request.get("embedContentConfig") or request
    return {"values": vector(text, settings.get("outputDimensionality") or DIMENSIONS)}, answer.words(text)


def _predict(call: Call, _model: str, _directives: Directives) -> Reply:
    request = gemini_checks.document(call)
    instances = request.get("instances")
    if not isinstance(instances, list) or not all(isinstance(one, dict) and one.get("content") for one in instances):
        raise gemini_checks.invalid("The text content is empty.")
    size = (request.get("parameters") or {}).get("outputDimensionality") or DIMENSIONS
    predictions = [{"embeddings": _prediction(one["content"], size)} for one in instances]
    characters = sum(len(one["content"]) for one in instances)
    return _json(call, {"predictions": predictions, "metadata": {"billableCharacterCount": characters}})


def _prediction(text: str, size: int) -> Json:
    return {"values": vector(text, size), "statistics": {"truncated": False, "token_count": answer.words(text)}}


_METHODS: Mapping[str, Callable[[Call, str, Directives], Reply]] = {
    "generateContent": _generate,
    "streamGenerateContent": _stream,
    "countTokens": _count,
    "embedContent": _embed,
    "batchEmbedContents": _embed_batch,
    "predict": _predict,
}


# The request


def read(request: Json) -> Prompt:
    config = request.get("generationConfig") or {}
    calling = (request.get("toolConfig") or {}).get("functionCallingConfig") or {}
    mode, allowed = calling.get("mode", "AUTO"), calling.get("allowedFunctionNames") or []
    contents = request["contents"]
    return Prompt(
        text=last_user_text(contents),
        tool_results=tuple(_results(contents[-1])),
        tools=tuple(_functions(request, allowed)),
        tool_mode={"ANY": ToolMode.REQUIRED, "NONE": ToolMode.NONE}.get(mode, ToolMode.AUTO),
        json_schema=_schema(config),
        reasoning_tokens=_thinking_tokens(config.get("thinkingConfig") or {}),
        max_tokens=config.get("maxOutputTokens"),
        stop=tuple(config.get("stopSequences") or ()),
        input_tokens=_input_tokens(request),
    )


def _functions(request: Json, allowed: Sequence[str]) -> Iterator[Tool]:
    for tool in request.get("tools") or ():
        for function in tool.get("functionDeclarations") or ():
            if not allowed or function["name"] in allowed:
                yield Tool(function["name"], function.get("parametersJsonSchema") or function.get("parameters") or {})


def _schema(config: Json) -> Any:
    if config.get("responseMimeType") != "application/json":
        return None
    return config.get("responseJsonSchema") or config.get("responseSchema") or {}


def _thinking_tokens(config: Json) -> int:
    if config.get("thinkingLevel") is not None:
        return _LEVELS[config["thinkingLevel"]]
    return 32 if config.get("includeThoughts") or config.get("thinkingBudget") else 0


def last_user_text(contents: Any) -> str:
    """The text of the last user turn that has some (results of functions have none); never raises."""
    for one in reversed(contents if isinstance(contents, list) else []):
        if isinstance(one, dict) and one.get("role", "user") == "user" and (text := _text_of(one)):
            return text
    return ""


def _text_of(content: Any) -> str:
    parts = content.get("parts") if isinstance(content, dict) else None
    found = parts if isinstance(parts, list) else ()
    return " ".join(str(part["text"]) for part in found if isinstance(part, dict) and part.get("text"))


def _results(last: Json) -> Iterator[str]:
    for part in last["parts"]:
        if "functionResponse" in part:
            response = part["functionResponse"]["response"]
            yield str(response["output"]) if "output" in response else answer.json_text(response)


def _input_tokens(request: Json) -> int:
    contents = [*request["contents"], *filter(None, [request.get("systemInstruction")])]
    tools = sum(answer.words(answer.json_text(tool)) for tool in request.get("tools") or ())
    return tools + sum(_part_tokens(part) for content in contents for part in content["parts"])


def _part_tokens(part: Json) -> int:
    if "inlineData" in part or "fileData" in part:
        return answer.IMAGE_TOKENS
    called = part.get("functionCall") or part.get("functionResponse")
    return 1 + answer.words(answer.json_text(called)) if called else answer.words(str(part.get("text", "")))


# The answer


@dataclass(frozen=True, slots=True)
class Answered:
    """An answer that is decided but not yet written in either form: its alternatives, each in parts."""

    head: Json
    said: Sequence[Answer]
    parts: Sequence[Sequence[Json]]
    usage: Json | None
    directives: Directives
    logprobs: int | None


def _composed(call: Call, model: str, directives: Directives, *, streamed: bool) -> Answered:
    request = gemini_checks.document(call)
    gemini_checks.generate(request, model, streamed=streamed)
    config, prompt = request.get("generationConfig") or {}, read(request)
    said = [answer.compose(prompt, directives, number) for number in range(config.get("candidateCount") or 1)]
    thoughts = bool((config.get("thinkingConfig") or {}).get("includeThoughts"))
    signed = gemini_checks.signs_calls(model)
    return Answered(
        head={"modelVersion": model, "responseId": call.token},
        said=said,
        parts=[list(_parts(one, call.token, thoughts=thoughts, signed=signed)) for one in said],
        usage=None if directives.no_usage else _usage(prompt, said, directives),
        directives=directives,
        logprobs=(config.get("logprobs") or 0) if config.get("responseLogprobs") else None,
    )


def _usage(prompt: Prompt, said: Sequence[Answer], directives: Directives) -> Json:
    thoughts = sum(one.reasoning_tokens for one in said)
    made = sum(one.output_tokens for one in said) - thoughts
    usage: Json = {
        "promptTokenCount": prompt.input_tokens,
        "candidatesTokenCount": made,
        "totalTokenCount": prompt.input_tokens + made + thoughts,
        "promptTokensDetails": [{"modality": "TEXT", "tokenCount": prompt.input_tokens}],
    }
    if thoughts:
        usage["thoughtsTokenCount"] = thoughts
    if directives.cached_tokens:
        usage["cachedContentTokenCount"] = min(directives.cached_tokens, prompt.input_tokens)
    return usage


def _parts(said: Answer, token: str, *, thoughts: bool, signed: bool) -> Iterator[Json]:
    """Thoughts, text in pieces, calls; the first call is signed, or the text's end where there was thought."""
    if said.finish is Finish.REFUSAL:
        return
    if thoughts and said.reasoning_tokens:
        yield {"text": THOUGHT, "thought": True}
    yield from ({"text": piece} for piece in said.pieces)
    for number, called in enumerate(said.calls):
        yield _call_part(called, f"{token[:12]}{number:02}", signed=signed and number == 0)
    if signed and said.reasoning_tokens and not said.calls:
        yield {"text": "", "thoughtSignature": gemini_checks.signature("")}


def _call_part(called: ToolCall, id: str, *, signed: bool) -> Json:
    part: Json = {"functionCall": {"id": id, "name": called.name, "args": called.arguments}}
    return part | {"thoughtSignature": gemini_checks.signature(called.name)} if signed else part


def document(answered: Answered) -> Json:
    """The `GenerateContentResponse` of a whole answer, its text in one part."""
    candidates = [
        _candidate(answered, place, _joined(parts), said)
        for place, (parts, said) in enumerate(zip(answered.parts, answered.said, strict=True))
    ]
    whole = {"candidates": [] if answered.directives.empty_choices else candidates}
    return whole | _usage_field(answered.usage) | answered.head


def _joined(parts: Sequence[Json]) -> list[Json]:
    """Neighbouring parts of text as one, with the signature of any."""
    joined: list[Json] = []
    for part in parts:
        if (
            joined
            and "text" in part
            and "text" in joined[-1]
            and not (part.get("thought") or joined[-1].get("thought"))
        ):
            joined[-1] = joined[-1] | part | {"text": joined[-1]["text"] + part["text"]}
        else:
            joined.append(part)
    return joined


def _candidate(answered: Answered, place: int, parts: Sequence[Json], said: Answer | None) -> Json:
    """One alternative; `said` is None before its end."""
    candidate: Json = {"content": {"parts": parts, "role": "model"}, "index": place} if parts else {"index": place}
    if said is not None:
        candidate["finishReason"] = _FINISH[said.finish]
    texts = [part["text"] for part in parts if part.get("text") and not part.get("thought")]
    if answered.logprobs is not None and texts:
        candidate["logprobsResult"] = _logprobs(texts, answered.logprobs)
    return candidate


def _logprobs(texts: Sequence[str], alternatives: int) -> Json:
    tokens = [piece for text in texts for piece in answer.pieces(text)]
    chosen = [{"token": token, "tokenId": 1, "logProbability": -0.25} for token in tokens]
    return {"chosenCandidates": chosen, "topCandidates": [{"candidates": [one][:alternatives]} for one in chosen]}


def events(answered: Answered) -> Iterator[Event]:
    """A document for every piece, the last one with the finish reason; numbers so far in every one."""
    if answered.directives.empty_choices:
        yield _event({}, answered)
    so_far = None if answered.usage is None else {"promptTokenCount": answered.usage["promptTokenCount"]}
    for place, (parts, said) in enumerate(zip(answered.parts, answered.said, strict=True)):
        for part in parts:
            candidate = _candidate(answered, place, [part], None)
            yield _event({"candidates": [candidate]} | _usage_field(so_far), answered, tokens=1)
        last = _candidate(answered, place, [], said)
        yield _event({"candidates": [last]} | _usage_field(answered.usage), answered)


def _usage_field(usage: Json | None) -> Json:
    return {} if usage is None else {"usageMetadata": usage}


def _event(document: Json, answered: Answered, *, tokens: int = 0) -> Event:
    return Event(None, encode(document | answered.head), tokens)


# Headers and errors


def _json(call: Call, document: Json) -> Reply:
    return Reply(200, _headers(call) | JSON_HEADERS, encode(document))


def _headers(call: Call) -> dict[str, str]:
    return {"x-gemini-service-tier": "standard", "server-timing": "gfet4t7; dur=1"}


def subject(call: Call) -> str:
    return last_user_text((read_object(call.body) or {}).get("contents"))


def failure(call: Call, rejected: Rejected) -> Reply:
    return Reply(rejected.status, _headers(call) | JSON_HEADERS, encode(_error(rejected)))


def _error(rejected: Rejected) -> Json:
    default = "INTERNAL" if rejected.status >= 500 else "INVALID_ARGUMENT"
    error: Json = {
        "code": rejected.status,
        "message": rejected.message,
        "status": rejected.kind or _STATUS.get(rejected.status, default),
    }
    if rejected.code is not None:
        info = {
            "@type": "type.googleapis.com/google.rpc.ErrorInfo",
            "reason": rejected.code,
            "domain": "googleapis.com",
        }
        error["details"] = [info]
    return {"error": error}


def fault(status: int) -> Rejected:
    unexpected = "An internal error has occurred." if status >= 500 else "Request contains an invalid argument."
    return Rejected(status, _FAULTS.get(status, unexpected))


FORMAT = Format(
    name="gemini",
    owns=owns,
    subject=subject,
    answer=answer_call,
    failure=failure,
    fault=fault,
    error_event=Event(None, encode(_error(fault(503)))),
)
