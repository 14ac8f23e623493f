"""OpenAI Chat Completions (caller) to Anthropic Messages as two clouds offer them (backend): Bedrock and Vertex AI.

References: https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-anthropic-claude-messages.html,
https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_InvokeModelWithResponseStream.html,
https://docs.cloud.google.com/vertex-ai/generative-ai/docs/partner-models/claude/use-claude (all seen 2026-11-21).

The documents are Anthropic's own (`openai_to_anthropic`). What differs:

|                      | Bedrock                                     | Vertex AI                                       |
|----------------------|---------------------------------------------|-------------------------------------------------|
| model                | in the path, as is whether to stream        | in the path, as is whether to stream            |
| `anthropic_version`  | `bedrock-2023-05-31`, in the body           | `vertex-2023-10-16`, in the body                |
|                      | or a later one by Anthropic's own name      | or a later one by Anthropic's own name          |
| `stream`             | not in the body                             | in the body                                     |
| `service_tier`       | a header: `default`, `flex`, `priority`     | only `auto` and `default`, which say nothing    |
| `user`               | not known; it only labels the request       | `metadata.user_id`                              |
| events               | base64 in AWS event-stream messages         | Anthropic's own                                 |
| errors               | Bedrock's                                   | Anthropic's, or Google's, alone or in a list    |

Neither fetches addresses: images and documents must be in the request. Neither knows `cache_control` of a whole
request: it goes to the last message instead, which means the same.
"""

from collections.abc import Mapping
from dataclasses import replace
from urllib.parse import quote

import msgspec
from msgspec import Raw

from extproc.apischema import bedrock, openai_chat
from extproc.apischema.malformed import MALFORMED
from extproc.config.model import Backend, Target
from extproc.errors import Unsupported, UpstreamError
from extproc.translator.anthropic_event_stream import EventStreamResponse
from extproc.translator.base import Call, Response, UpstreamRequest
from extproc.translator.losses import Losses
from extproc.translator.openai_to_anthropic import OpenAIToAnthropic
from extproc.translator.openai_to_bedrock_response import error_answer
from extproc.wire.json_object import encode_object

BEDROCK_VERSION = "bedrock-2023-05-31"
VERTEX_VERSION = "vertex-2023-10-16"
_TIER_HEADER = "x-amzn-bedrock-service-tier"
_BEDROCK_TIERS = ("default", "flex", "priority")
_SAY_NOTHING = ("auto", "default")

_FIELDS = msgspec.json.Decoder(dict[str, Raw])
_LIST = msgspec.json.Decoder(list[Raw])


class OpenAIToAnthropicBedrock(OpenAIToAnthropic):
    """Bedrock's InvokeModel and InvokeModelWithResponseStream."""

    def request(self, call: Call, target: Target) -> UpstreamRequest:
        losses = Losses(target.backend)
        tier = _tier(call)
        if tier not in (None, "auto", *_BEDROCK_TIERS):
            losses.lose("service_tier", "Bedrock has only the tiers default, flex and priority")
        made = super().request(_prepared(call), _without_name(target))
        operation = "invoke-with-response-stream" if call.stream else "invoke"
        return replace(
            made,
            path=bedrock.model_path(target.backend.base_path, target.model, operation),
            body=_body(made, target.backend.api_version or BEDROCK_VERSION, {"model", "stream", "metadata"}),
            headers=((_TIER_HEADER, tier),) if tier in _BEDROCK_TIERS else (),
            dropped=(*made.dropped, *losses.dropped),
        )

    def response(self, call: Call, *, streamed: bool) -> Response:
        response = super().response(call, streamed=streamed)
        return EventStreamResponse(response) if streamed else response

    def error(self, status: int, body: bytes) -> UpstreamError:
        return error_answer(status, body)


class OpenAIToAnthropicVertex(OpenAIToAnthropic):
    """Vertex AI's rawPredict and streamRawPredict. The backend needs `project` and `region`."""

    def request(self, call: Call, target: Target) -> UpstreamRequest:
        losses = Losses(target.backend)
        if _tier(call) not in (None, *_SAY_NOTHING):
            losses.lose("service_tier", "Vertex AI has no tiers")
        made = super().request(_prepared(call), _without_name(target))
        return replace(
            made,
            path=_vertex_path(target.backend, target.model, "streamRawPredict" if call.stream else "rawPredict"),
            body=_body(made, target.backend.api_version or VERTEX_VERSION, {"model"}),
            headers=(),
            dropped=(*made.dropped, *losses.dropped),
        )

    def error(self, status: int, body: bytes) -> UpstreamError:
        return super().error(status, _first(body))


def _vertex_path(backend: Backend, model: str, operation: str) -> str:
    where = f"/projects/{backend.project}/locations/{backend.region}/publishers/anthropic/models"
    return f"{backend.base_path}{where}/{quote(model, safe='@')}:{operation}"


def _without_name(target: Target) -> Target:
    """The clouds' own name of a version says nothing about what it takes, as Anthropic's does."""
    version = target.backend.api_version or ""
    named = not version[:1].isdigit()
    return replace(target, backend=replace(target.backend, api_version=None)) if named else target


def _body(made: UpstreamRequest, version: str, left_out: set[str]) -> bytes:
    fields = _FIELDS.decode(made.body or b"{}")
    kept = {name: value for name, value in fields.items() if name not in left_out}
    return encode_object({"anthropic_version": version, **kept})


def _prepared(call: Call) -> Call:
    """The call in words that the clouds know. Raises Unsupported for addresses."""
    _refuse_addresses(call)
    fields = {name: value for name, value in call.fields.items() if name != "service_tier"}
    control = fields.pop("cache_control", None)
    if control is not None and bytes(control) != b"null":
        fields["messages"] = _marked(fields["messages"], control)
    return call if len(fields) == len(call.fields) else replace(call, fields=fields, body=encode_object(fields))


def _marked(messages: Raw, control: Raw) -> Raw:
    """The messages with `cache_control` on the last; the translator refuses what is no list of messages."""
    try:
        *others, last = _LIST.decode(messages)
        marked = {"cache_control": control, **_FIELDS.decode(last)}
    except (ValueError, *MALFORMED):
        return messages
    return Raw(msgspec.json.encode([*others, marked]))


def _refuse_addresses(call: Call) -> None:
    if b"http" not in call.body:
        return
    for index, message in enumerate(openai_chat.parse(call.body).messages):
        for at, part in enumerate(message.content if isinstance(message.content, list) else ()):
            for name, url in _urls(part).items():
                if url.startswith(("http://", "https://")):
                    where = f"messages[{index}].content[{at}].{name}"
                    raise Unsupported(f"{where}: this cloud fetches no addresses, send a data: URL", param=where)


def _urls(part: openai_chat.Part) -> Mapping[str, str]:
    """Where a part may have an address, by its path in the part."""
    found = {}
    if part.image_url is not None:
        found["image_url.url"] = part.image_url.url
    if part.file is not None:
        found["file.file_data"] = part.file.file_data or ""
    return found


def _tier(call: Call) -> str | None:
    raw = call.fields.get("service_tier")
    return None if raw is None else openai_chat.parse(call.body).service_tier


def _first(body: bytes) -> bytes:
    """Google's streams answer errors as a list of one."""
    if not body.lstrip().startswith(b"["):
        return body
    try:
        return bytes(next(iter(_LIST.decode(body)), b""))
    except MALFORMED:
        return body
