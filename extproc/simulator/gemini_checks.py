"""What Gemini refuses in a request, in Google's words.

Sources, seen 2026-11-21: https://ai.google.dev/api/generate-content (fields), https://ai.google.dev/gemini-api/docs/:
thinking (budgets and levels), thought-signatures, function-calling, structured-output, troubleshooting;
https://ai.google.dev/gemini-api/docs/generate-content/whats-new-gemini-3.6 (no `candidateCount`, no model turn at the
end). The words are those of answers seen in public issues.
"""

import base64
import binascii
import hashlib
import re
from collections.abc import Iterator
from typing import Any

from extproc.apischema.gemini import NO_SIGNATURE
from extproc.simulator.format import Call, Json, Rejected, read_object

_REQUEST = frozenset({
    "contents", "systemInstruction", "tools", "toolConfig", "generationConfig", "safetySettings", "cachedContent",
    "labels", "serviceTier", "store",
})  # fmt: skip
_CONFIG = frozenset({
    "maxOutputTokens", "temperature", "topP", "topK", "candidateCount", "seed", "stopSequences", "presencePenalty",
    "frequencyPenalty", "responseLogprobs", "logprobs", "responseMimeType", "responseSchema", "responseJsonSchema",
    "thinkingConfig", "mediaResolution", "responseModalities", "speechConfig", "imageConfig",
})  # fmt: skip
_DATA = frozenset({
    "text", "inlineData", "fileData", "functionCall", "functionResponse", "executableCode", "codeExecutionResult",
})  # fmt: skip
_PART = _DATA | {"thought", "thoughtSignature", "videoMetadata", "mediaResolution"}
_CALL = frozenset({"id", "name", "args"})
_RESPONSE = frozenset({"id", "name", "response", "parts", "scheduling", "willContinue"})
_DECLARATION = frozenset({
    "name", "description", "parameters", "parametersJsonSchema", "response", "responseJsonSchema", "behavior",
})  # fmt: skip
_TOOL = frozenset({
    "functionDeclarations", "googleSearch", "googleSearchRetrieval", "codeExecution", "urlContext", "googleMaps",
    "computerUse", "fileSearch", "enterpriseWebSearch", "retrieval",
})  # fmt: skip
# What the caller names: schemas, arguments, results.
_OPAQUE = frozenset({
    "args", "labels", "parameters", "parametersJsonSchema", "response", "responseJsonSchema", "responseSchema",
})  # fmt: skip
_CALLING = frozenset({"mode", "allowedFunctionNames", "streamFunctionCallArguments"})
_THINKING = frozenset({"includeThoughts", "thinkingBudget", "thinkingLevel"})
_MODES = ("MODE_UNSPECIFIED", "AUTO", "ANY", "NONE", "VALIDATED")
_LEVELS = ("MINIMAL", "LOW", "MEDIUM", "HIGH")
_FUNCTION_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.:-]{0,127}")
_MODEL = re.compile(r"gemini-(\d)(?:\.(\d))?(?:-(pro|flash-lite|flash))?")
_BUDGETS = {"pro": (128, 32768), "flash": (0, 24576), "flash-lite": (0, 24576)}
_MOST_STOP_SEQUENCES = 5
_BAD_KEY = "API key not valid. Please pass a valid API key."


def studio_credential(call: Call) -> None:
    """AI Studio's key in `x-goog-api-key` or the query; a wrong one is a bad request to Google."""
    key = call.headers.get("x-goog-api-key") or call.query.get("key", "")
    if not key:
        raise Rejected(403, "Method doesn't allow unregistered callers (callers without established identity).")
    if not call.accepts(key):
        raise Rejected(400, _BAD_KEY, code="API_KEY_INVALID")


def vertex_credential(call: Call) -> None:
    """Vertex AI's OAuth token; in express mode, whose paths name no project, a key."""
    express = "/projects/" not in call.path
    found = call.bearer() or (call.headers.get("x-goog-api-key", "") if express else "")
    if not call.accepts(found):
        raise Rejected(401, "Request had invalid authentication credentials. Expected OAuth 2 access token.")


def document(call: Call) -> Json:
    """The request, its fields by their camel-case names: Google takes a field by both its names."""
    found = read_object(call.body)
    if found is None:
        raise invalid("Invalid JSON payload received. Unexpected token.")
    request: Json = _camel_case(found)
    return request


def generate(request: Json, model: str, *, streamed: bool) -> None:
    """Refuses a request to generate content that Gemini would."""
    generation = _generation(model)
    _fields(request, _REQUEST, "")
    _contents(request.get("contents"))
    if request.get("systemInstruction") is not None:
        _parts(request["systemInstruction"], "system_instruction")
    declared = _tools(request.get("tools") or [])
    _tool_config(request.get("toolConfig") or {}, declared)
    _tool_turns(request["contents"], ids=generation >= (3, 5))
    if generation >= (3, 0):
        _signatures(request["contents"])
    if generation >= (3, 6) and request["contents"][-1].get("role") == "model":
        raise invalid("Requests ending with a model turn are not supported.")
    _config(request.get("generationConfig") or {}, model, tools=bool(request.get("tools")), streamed=streamed)


def signature(call: str) -> str:
    """The signature of a call of this function, or of a text (''): one that comes back changed is refused."""
    return base64.b64encode(hashlib.sha256(b"simulated thought: " + call.encode()).digest()).decode()


def signs_calls(model: str) -> bool:
    return _generation(model) >= (3, 0)


def invalid(text: str) -> Rejected:
    return Rejected(400, text)


def contents_of(value: Any) -> list[Json]:
    """Refuses what is no list of contents."""
    if not isinstance(value, list) or not value or not all(isinstance(one, dict) for one in value):
        raise invalid("* GenerateContentRequest.contents: contents is not specified\n")
    return value


def _generation(model: str) -> tuple[int, int]:
    """(0, 0) for a name without one, of which nothing particular is asked."""
    found = _MODEL.search(model)
    return (int(found[1]), int(found[2] or 0)) if found else (0, 0)


def _fields(given: Any, known: frozenset[str], place: str) -> None:
    if not isinstance(given, dict):
        raise invalid(f"Invalid value at '{place}', Starting an object on a scalar field")
    for name in given:
        if name not in known:
            where = f" at '{place}'" if place else ""
            raise invalid(f'Invalid JSON payload received. Unknown name "{name}"{where}: Cannot find field.')


def _camel_case(value: Any) -> Any:
    if isinstance(value, list):
        return [_camel_case(one) for one in value]
    if not isinstance(value, dict):
        return value
    renamed = {_camel(name): inner for name, inner in value.items()}
    return {name: inner if name in _OPAQUE else _camel_case(inner) for name, inner in renamed.items()}


def _camel(name: str) -> str:
    head, *rest = name.split("_")
    return head + "".join(word.capitalize() for word in rest)


# Contents


def _contents(value: Any) -> None:
    for index, content in enumerate(contents_of(value)):
        place = f"contents[{index}]"
        _fields(content, frozenset({"parts", "role"}), place)
        if content.get("role", "user") not in ("user", "model", "function"):
            raise invalid("Please use a valid role: user, model.")
        _parts(content, place)


def _parts(content: Any, place: str) -> None:
    _fields(content, frozenset({"parts", "role"}), place)
    parts = content.get("parts")
    if not isinstance(parts, list) or not parts:
        raise invalid(f"* GenerateContentRequest.{place}.parts: contents.parts must not be empty.\n")
    for index, part in enumerate(parts):
        _part(part, f"{place}.parts[{index}]", empty=content.get("role") == "model")


def _part(part: Any, place: str, *, empty: bool) -> None:
    _fields(part, _PART, place)
    data = [name for name in part if name in _DATA]
    if len(data) != 1 or (part[data[0]] == "" and not empty):
        raise invalid(
            f"* GenerateContentRequest.{place}.data: required oneof field 'data' must have one initialized field\n"
        )
    check = _DATA_CHECKS.get(data[0])
    if check is not None:
        check(part[data[0]], f"{place}.{data[0]}")


def _text(text: Any, place: str) -> None:
    if not isinstance(text, str):
        raise invalid(f"Invalid value at '{place}' (TYPE_STRING), {text}")


def _inline_data(blob: Any, place: str) -> None:
    _fields(blob, frozenset({"mimeType", "data", "displayName"}), place)
    if not blob.get("mimeType"):
        raise invalid(f"* GenerateContentRequest.{place}.mime_type: must be specified\n")
    try:
        base64.b64decode(blob.get("data", ""), validate=True)
    except (binascii.Error, ValueError, TypeError):
        raise invalid(f"Invalid value at '{place}.data' (TYPE_BYTES), Base64 decoding failed") from None


def _function_call(call: Any, place: str) -> None:
    _fields(call, _CALL, place)
    _named(call, place)
    if not isinstance(call.get("args", {}), dict):
        raise invalid(f"Invalid value at '{place}.args' (type.googleapis.com/google.protobuf.Struct)")


def _function_response(response: Any, place: str) -> None:
    _fields(response, _RESPONSE, place)
    _named(response, place)
    if not isinstance(response.get("response"), dict):
        raise invalid(f"Invalid value at '{place}.response' (type.googleapis.com/google.protobuf.Struct)")


def _named(value: Json, place: str) -> None:
    if not value.get("name"):
        raise invalid(f"* GenerateContentRequest.{place}.name: Name cannot be empty.\n")


_DATA_CHECKS = {
    "text": _text,
    "inlineData": _inline_data,
    "functionCall": _function_call,
    "functionResponse": _function_response,
}


# Tools and their turns


def _tools(tools: Any) -> list[str]:
    """The names of the functions."""
    names: list[str] = []
    for index, tool in enumerate(tools):
        _fields(tool, _TOOL, f"tools[{index}]")
        for number, function in enumerate(tool.get("functionDeclarations") or ()):
            place = f"tools[{index}].function_declarations[{number}]"
            _fields(function, _DECLARATION, place)
            if not _FUNCTION_NAME.fullmatch(str(function.get("name", ""))):
                raise invalid(f"* GenerateContentRequest.{place}.name: Invalid function name.\n")
            if function["name"] in names:
                raise invalid(f"Duplicate function declaration found: {function['name']}")
            names.append(function["name"])
    return names


def _tool_config(config: Json, declared: list[str]) -> None:
    _fields(config, frozenset({"functionCallingConfig", "retrievalConfig"}), "tool_config")
    calling = config.get("functionCallingConfig") or {}
    _fields(calling, _CALLING, "tool_config.function_calling_config")
    mode, allowed = calling.get("mode", "AUTO"), calling.get("allowedFunctionNames") or []
    if mode not in _MODES:
        raise invalid(f"Invalid value at 'tool_config.function_calling_config.mode' (TYPE_ENUM), \"{mode}\"")
    if mode in ("ANY", "VALIDATED") and not declared:
        raise invalid("Function calling config is set without function_declarations.")
    if allowed and mode not in ("ANY", "VALIDATED"):
        raise invalid("allowed_function_names should be set only when function calling mode is ANY or VALIDATED.")
    if missing := [name for name in allowed if name not in declared]:
        raise invalid(f"allowed_function_names contains functions that are not declared: {missing[0]}")


def _inside(content: Json, name: str) -> list[Json]:
    return [part[name] for part in content["parts"] if name in part]


def _tool_turns(contents: list[Json], *, ids: bool) -> None:
    """The results of a turn's calls follow at once, as many as calls; with `ids` each names its call."""
    asked: list[Json] = []
    for content in contents:
        given = _inside(content, "functionResponse")
        if given and not asked:
            raise invalid("Please ensure that function response turn comes immediately after a function call turn.")
        if len(given) != len(asked):
            raise invalid(
                "Please ensure that the number of function response parts is equal to the number of function call "
                "parts of the function call turn."
            )
        _matched(given, asked, ids=ids)
        asked = _inside(content, "functionCall")


def _matched(given: list[Json], asked: list[Json], *, ids: bool) -> None:
    def keys(found: list[Json]) -> list[Any]:
        return sorted((str(one.get("id")), one["name"]) if ids else one["name"] for one in found)

    if keys(given) != keys(asked):
        raise invalid("Function response id and name must match those of the function call.")


def _signatures(contents: list[Json]) -> None:
    """The first call of every step since the user last spoke must have the signature that was given with it."""
    for position, content in _current_turn(contents):
        signed = [part for part in content["parts"] if "functionCall" in part]
        if signed and not signed[0].get("thoughtSignature"):
            raise invalid(
                "Function call is missing a thought_signature in functionCall parts. This is required for tools to "
                "work correctly, and missing thought_signature may lead to degraded model performance. Additional "
                f"data, function call `default_api:{signed[0]['functionCall']['name']}` , position {position}."
            )
        for part in content["parts"]:
            known = (None, NO_SIGNATURE, signature(part.get("functionCall", {}).get("name", "")))
            if part.get("thoughtSignature") not in known:
                raise invalid("Thought signature is not valid.")


def _current_turn(contents: list[Json]) -> Iterator[tuple[int, Json]]:
    begin = max((n for n, one in enumerate(contents) if _speaks(one)), default=0)
    return ((n + 1, one) for n, one in enumerate(contents) if n > begin and one.get("role") == "model")


def _speaks(content: Json) -> bool:
    return content.get("role", "user") == "user" and not _inside(content, "functionResponse")


# Settings


def _config(config: Json, model: str, *, tools: bool, streamed: bool) -> None:
    _fields(config, _CONFIG, "generation_config")
    _number(config, "temperature", 0, 2)
    _number(config, "topP", 0, 1)
    _number(config, "candidateCount", 1, 8)
    _number(config, "maxOutputTokens", 1, 1_000_000)
    if config.get("candidateCount", 1) > 1 and (streamed or _generation(model) >= (3, 0)):
        raise invalid("Multiple candidates is not enabled for this model")
    if len(config.get("stopSequences") or ()) > _MOST_STOP_SEQUENCES:
        raise invalid(f"* GenerateContentRequest.generation_config.stop_sequences: at most {_MOST_STOP_SEQUENCES}\n")
    if config.get("logprobs") is not None and not config.get("responseLogprobs"):
        raise invalid("logprobs is only supported when response_logprobs is set.")
    _format(config, tools_forbid=tools and (0, 0) < _generation(model) < (3, 0))
    _thinking(config.get("thinkingConfig") or {}, model)


def _number(config: Json, name: str, low: float, high: float) -> None:
    value = config.get(name)
    if value is None:
        return
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise invalid(f"Invalid value at 'generation_config.{name}' (TYPE_FLOAT), \"{value}\"")
    if not low <= value <= high:
        raise invalid(
            f"* GenerateContentRequest.generation_config.{name}: {name} must be in the range [{low}, {high}]\n"
        )


def _format(config: Json, *, tools_forbid: bool) -> None:
    mime_type = config.get("responseMimeType", "text/plain")
    schemas = [name for name in ("responseSchema", "responseJsonSchema") if config.get(name) is not None]
    if len(schemas) > 1:
        raise invalid("Only one of response_schema and response_json_schema can be set.")
    if schemas and mime_type != "application/json":
        raise invalid(f"{schemas[0]} is only supported with response_mime_type 'application/json'")
    if tools_forbid and mime_type == "application/json":
        raise invalid("Function calling with a response mime type: 'application/json' is unsupported")


def _thinking(config: Json, model: str) -> None:
    _fields(config, _THINKING, "generation_config.thinking_config")
    budget, level = config.get("thinkingBudget"), config.get("thinkingLevel")
    if budget is not None and level is not None:
        raise invalid("You can only set only one of thinking budget and thinking level.")
    found, generation = _MODEL.search(model), _generation(model)
    if found is None:
        return
    if config and generation < (2, 5):
        raise invalid("Thinking is not enabled for this model.")
    if level is not None and (generation < (3, 0) or level not in _levels(found[3] or "pro", generation)):
        raise invalid(f"Thinking level {level} is not supported for this model.")
    if budget is not None and generation < (3, 0):
        _budget(budget, found[3] or "pro")


def _levels(tier: str, generation: tuple[int, int]) -> tuple[str, ...]:
    if tier == "pro":
        return ("LOW", "HIGH") if generation == (3, 0) else _LEVELS[1:]
    return _LEVELS[1:] if tier == "flash" and generation >= (3, 7) else _LEVELS


def _budget(budget: int, tier: str) -> None:
    least, most = _BUDGETS[tier]
    if budget != -1 and not least <= budget <= most:
        raise invalid(f"The thinking budget {budget} is invalid. Please choose a value between {least} and {most}.")
