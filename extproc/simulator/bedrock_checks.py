"""What Bedrock refuses, in the words of its ValidationException.

Sources, seen 2026-11-21: botocore's service model of `bedrock-runtime` 1.44 (shapes, bounds, required members),
https://docs.aws.amazon.com/bedrock/latest/userguide/conversation-inference.html and
https://docs.aws.amazon.com/bedrock/latest/userguide/tool-use-inference-call.html (order of turns, tools and results).
"""

import base64
import binascii
import json
import re
from collections.abc import Callable
from typing import Any

import msgspec

from extproc.apischema.bedrock import ConverseRequest
from extproc.simulator import anthropic_checks
from extproc.simulator.format import Call, Json, Rejected, read_object

_SIGNATURE = re.compile(
    r"AWS4-HMAC-SHA256 Credential=(?P<key>[^/]+)/\d{8}/[a-z0-9-]+/bedrock/aws4_request, "
    r"SignedHeaders=[a-z0-9;-]*host[a-z0-9;-]*, Signature=[0-9a-f]{64}"
)
_BLOCKS = frozenset(
    {"text", "image", "document", "video", "audio", "toolUse", "toolResult", "reasoningContent", "cachePoint"}
)
_SYSTEM_BLOCKS = frozenset({"text", "cachePoint", "guardContent"})
_TOOLS = frozenset({"toolSpec", "systemTool", "cachePoint"})
_CHOICES = frozenset({"auto", "any", "tool"})
_FORMATS = {
    "image": ("png", "jpeg", "gif", "webp"),
    "document": ("pdf", "csv", "doc", "docx", "xls", "xlsx", "html", "txt", "md"),
    "video": ("mkv", "mov", "mp4", "webm", "flv", "mpeg", "mpg", "wmv", "three_gp"),
    "audio": ("mp3", "opus", "wav", "aac", "flac", "mp4", "ogg", "mkv", "m4a", "webm"),
}
_NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")
_ID = re.compile(r"[a-zA-Z0-9_.:-]{1,64}")
_DOCUMENT_NAME = re.compile(r"(?!.*\s\s)[a-zA-Z0-9\s\-()\[\]]{1,200}")
_REQUEST = msgspec.json.Decoder(ConverseRequest)
# Bedrock's own name of the first version, and later ones by Anthropic's.
_ANTHROPIC_VERSIONS = {"bedrock-2023-05-31": "2023-06-01", "2026-10-21": "2026-10-21"}

signature = anthropic_checks.signature


def credential(call: Call) -> None:
    """403 unless the request is signed with an access key it knows, or carries a Bedrock API key."""
    found = call.headers.get("authorization", "")
    if not found:
        raise Rejected(403, "Missing Authentication Token", kind="MissingAuthenticationTokenException")
    match = _SIGNATURE.fullmatch(found)
    key = match["key"] if match is not None and "x-amz-date" in call.headers else call.bearer()
    if not call.accepts(key):
        kind = "UnrecognizedClientException"
        raise Rejected(403, "The security token included in the request is invalid.", kind=kind)


def document(call: Call) -> Json:
    found = read_object(call.body)
    if found is None:
        raise Rejected(400, "The request body is not valid JSON.", kind="SerializationException")
    return found


# Converse


def converse(call: Call) -> Json:
    """The request. Refuses one that Converse would."""
    request = document(call)
    _types(call.body)
    messages = request.get("messages")
    if not isinstance(messages, list) or not messages:
        raise _invalid("The messages field is empty. Add at least one message and try again.")
    _inference(request.get("inferenceConfig") or {})
    for block in _list(request.get("system") or [], "system"):
        _union(block, _SYSTEM_BLOCKS, "system")
    for index, one in enumerate(messages):
        _turn(one, index)
    _tools(request)
    _calls_and_results(messages, request.get("toolConfig"))
    text_schema(request)
    return request


def _types(body: bytes) -> None:
    try:
        fields = _REQUEST.decode(body).additional_model_request_fields
    except (msgspec.ValidationError, UnicodeDecodeError) as error:
        raise Rejected(400, str(error), kind="SerializationException") from None
    for name in ("thinking", "reasoning", "reasoningConfig", "tool_choice"):
        if not isinstance(fields.get(name) or {}, dict):
            raise _invalid(f"The model returned the following errors: {name}: Input should be an object")


def text_schema(request: Json) -> Any:
    """The schema of a structured answer, None where there is none."""
    found = (request.get("outputConfig") or {}).get("textFormat")
    if found is None:
        return None
    try:
        return json.loads(found["structure"]["jsonSchema"]["schema"])
    except (KeyError, TypeError, ValueError):
        raise _invalid("outputConfig.textFormat.structure.jsonSchema.schema: not a JSON schema") from None


def _inference(config: Json) -> None:
    if config.get("maxTokens", 1) < 1:
        raise _constraint("inferenceConfig.maxTokens", "Member must have value greater than or equal to 1")
    for name in ("temperature", "topP"):
        if not 0 <= config.get(name, 0) <= 1:
            raise _constraint(f"inferenceConfig.{name}", "Member must have value less than or equal to 1")


def _turn(one: Any, index: int) -> None:
    place = f"messages.{index}"
    if not isinstance(one, dict) or one.get("role") not in ("user", "assistant"):
        raise _constraint(f"{place}.member.role", "Member must satisfy enum value set: [user, assistant]")
    expected = "user" if index % 2 == 0 else "assistant"
    if one["role"] != expected:
        if index == 0:
            raise _invalid("A conversation must start with a user message. Try again with a conversation that does.")
        raise _invalid("A conversation must alternate between user and assistant roles. Make sure the roles alternate.")
    content = _list(one.get("content"), f"{place}.content")
    if not content:
        raise _invalid(f"The content field in the Message object at {place} is empty.")
    for number, block in enumerate(content):
        _block(block, one["role"], f"{place}.content.{number}", after=content[number - 1] if number else None)


def _block(block: Any, role: str, place: str, after: Json | None) -> None:
    kind = _union(block, _BLOCKS, place)
    if kind in _FORMATS and role == "assistant":
        raise _invalid(f"{place}: images and documents can be in messages of the user only")
    if kind == "cachePoint" and after is not None and "reasoningContent" in after:
        raise _invalid(f"{place}: a cachePoint cannot be inserted after a reasoning block")
    _BLOCK_CHECKS[kind](block[kind], place)


def _text(value: Any, place: str) -> None:
    if not isinstance(value, str) or not value.strip():
        raise _invalid(f"The text field in the ContentBlock object at {place} is blank. Add text and try again.")


def _media(kind: str) -> Callable[[Any, str], None]:
    def check(value: Any, place: str) -> None:
        if value.get("format") not in _FORMATS[kind]:
            raise _constraint(f"{place}.{kind}.format", f"Member must satisfy enum value set: {_FORMATS[kind]}")
        _source(value.get("source") or {}, f"{place}.{kind}.source")

    return check


def _document(value: Any, place: str) -> None:
    _media("document")(value, place)
    if not _DOCUMENT_NAME.fullmatch(str(value.get("name", ""))):
        raise _invalid(
            "The document file name can only contain alphanumeric characters, whitespace characters, hyphens, "
            "parentheses, and square brackets. The name can't contain more than one consecutive whitespace character."
        )


def _source(source: Json, place: str) -> None:
    kind = _union(source, frozenset({"bytes", "s3Location"}), place)
    if kind == "s3Location":
        if not str(source[kind].get("uri", "")).startswith("s3://"):
            raise _constraint(f"{place}.s3Location.uri", "Member must satisfy regular expression pattern: s3://")
        return
    try:
        base64.b64decode(source["bytes"], validate=True)
    except (binascii.Error, ValueError, TypeError):
        raise Rejected(400, f"{place}.bytes: not base64", kind="SerializationException") from None


def _tool_use(value: Any, place: str) -> None:
    if not _NAME.fullmatch(str(value.get("name", ""))):
        raise _constraint(f"{place}.toolUse.name", "Member must satisfy regular expression pattern: [a-zA-Z0-9_-]+")
    if not _ID.fullmatch(str(value.get("toolUseId", ""))):
        raise _constraint(f"{place}.toolUse.toolUseId", "Member must satisfy regular expression pattern")
    if not isinstance(value.get("input"), dict):
        raise _invalid(f"The format of the value at {place}.toolUse.input is invalid. Provide a json object.")


def _tool_result(value: Any, place: str) -> None:
    for number, block in enumerate(_list(value.get("content"), f"{place}.toolResult.content")):
        kinds = frozenset({"text", "json", "image", "document", "video"})
        kind = _union(block, kinds, f"{place}.toolResult.content.{number}")
        if kind in _BLOCK_CHECKS and kind != "text":
            _BLOCK_CHECKS[kind](block[kind], f"{place}.toolResult.content.{number}")


def _reasoning(value: Any, place: str) -> None:
    kind = _union(value, frozenset({"reasoningText", "redactedContent"}), f"{place}.reasoningContent")
    if kind == "reasoningText":
        given = value[kind]
        if given.get("signature") not in (None, signature(given.get("text", ""))):
            raise _invalid(f"{place}: Invalid `signature` in `thinking` block")


def _cache_point(value: Any, place: str) -> None:
    if value.get("type") != "default" or value.get("ttl", "5m") not in ("5m", "1h"):
        raise _constraint(f"{place}.cachePoint", "Member must satisfy enum value set: [default]")


_BLOCK_CHECKS: dict[str, Callable[[Any, str], None]] = {
    "text": _text,
    "image": _media("image"),
    "video": _media("video"),
    "audio": _media("audio"),
    "document": _document,
    "toolUse": _tool_use,
    "toolResult": _tool_result,
    "reasoningContent": _reasoning,
    "cachePoint": _cache_point,
}


def _tools(request: Json) -> None:
    config = request.get("toolConfig")
    if config is None:
        return
    tools = _list(config.get("tools"), "toolConfig.tools")
    if not tools:
        raise _constraint("toolConfig.tools", "Member must have length greater than or equal to 1")
    names = [_tool(tool, f"toolConfig.tools.{index}") for index, tool in enumerate(tools)]
    choice = config.get("toolChoice")
    if choice is None:
        return
    kind = _union(choice, _CHOICES, "toolConfig.toolChoice")
    if "tool_choice" in (request.get("additionalModelRequestFields") or {}):
        raise _invalid("The additional field tool_choice conflicts with an existing field.")
    if kind == "tool" and choice["tool"]["name"] not in names:
        raise _invalid("The tool that toolConfig.toolChoice names is not in toolConfig.tools.")


def _tool(tool: Any, place: str) -> str:
    kind = _union(tool, _TOOLS, place)
    if kind != "toolSpec":
        return ""
    spec = tool["toolSpec"]
    if not _NAME.fullmatch(str(spec.get("name", ""))):
        raise _constraint(f"{place}.toolSpec.name", "Member must satisfy regular expression pattern: [a-zA-Z0-9_-]+")
    if spec.get("description") == "":
        raise _constraint(f"{place}.toolSpec.description", "Member must have length greater than or equal to 1")
    schema = (spec.get("inputSchema") or {}).get("json")
    if not isinstance(schema, dict) or schema.get("type") != "object":
        raise _invalid(f"The value at {place}.toolSpec.inputSchema.json.type must be one of the following: object.")
    return str(spec["name"])


def _calls_and_results(messages: list[Json], config: Any) -> None:
    """Every call is answered in the next turn, every result answers one of the turn before."""
    asked: list[str] = []
    for one in messages:
        answered = [block["toolResult"]["toolUseId"] for block in one["content"] if "toolResult" in block]
        calls = [block["toolUse"]["toolUseId"] for block in one["content"] if "toolUse" in block]
        if (answered or calls) and config is None:
            raise _invalid("The toolConfig field must be defined when using toolUse and toolResult content blocks.")
        if sorted(answered) != sorted(asked):
            raise _invalid(
                "The number of toolResult blocks and their ids must match those of the toolUse blocks of previous turn."
            )
        asked = calls


# InvokeModel


def claude(call: Call, model: str) -> Json:
    """The request as Anthropic's own API would have it."""
    request = document(call)
    version = _ANTHROPIC_VERSIONS.get(str(request.pop("anthropic_version", None)))
    if version is None:
        raise _invalid("anthropic_version: Field required")
    for name in ("model", "stream", "metadata", "service_tier", "cache_control"):
        if name in request:
            raise _invalid(f"{name}: Extra inputs are not permitted")
    if b'"type":"url"' in call.body:
        raise _invalid("messages: URL sources are not supported")
    beta = request.pop("anthropic_beta", None) is not None
    request["model"] = model
    anthropic_checks.message(request, version, beta=beta)
    return request


def titan(call: Call) -> Json:
    request = document(call)
    if not isinstance(request.get("inputText"), str) or not request["inputText"]:
        raise _malformed("#/inputText: expected minLength: 1, actual: 0")
    if extra := request.keys() - {"inputText", "dimensions", "normalize", "embeddingTypes"}:
        raise _malformed(f"#: extraneous key [{min(extra)}] is not permitted")
    if request.get("dimensions") not in (None, 256, 512, 1024):
        raise _malformed("#/dimensions: value is not a valid enum value")
    return request


def cohere(call: Call) -> Json:
    request = document(call)
    texts = request.get("texts")
    if not isinstance(texts, list) or not 1 <= len(texts) <= 96:
        raise _malformed("#/texts: expected minimum item count: 1, maximum item count: 96")
    if not isinstance(request.get("output_dimension", 1), int):
        raise _malformed("#/output_dimension: expected type: Integer")
    if request.get("input_type") not in ("search_document", "search_query", "classification", "clustering"):
        raise _malformed("#/input_type: value is not a valid enum value")
    return request


# Words


def _union(value: Any, members: frozenset[str], place: str) -> str:
    """The member that is set. Raises Rejected unless it is exactly one of those that there are."""
    if not isinstance(value, dict):
        raise Rejected(400, f"{place}: expected an object", kind="SerializationException")
    found: list[str] = [name for name in value if name in members]
    if len(found) != 1 or len(value) != 1:
        raise _invalid(f"The value at {place} is a union: exactly one of {sorted(members)} must be set.")
    return found[0]


def _list(value: Any, place: str) -> list[Any]:
    if not isinstance(value, list):
        raise Rejected(400, f"{place}: expected a list", kind="SerializationException")
    return value


def _constraint(place: str, words: str) -> Rejected:
    return _invalid(f"1 validation error detected: Value at '{place}' failed to satisfy constraint: {words}")


def _malformed(words: str) -> Rejected:
    return _invalid(f"Malformed input request: {words}, please reformat your input and try again.")


def _invalid(text: str) -> Rejected:
    return Rejected(400, text)
