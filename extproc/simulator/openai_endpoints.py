"""OpenAI's endpoints beside chat: each a small document that has the published shape.

Sources, seen 2026-11-21, below https://platform.openai.com/docs/api-reference/: completions, embeddings, models,
moderations, images, audio, files, batch.
"""

import base64
import email.parser
import email.policy
import hashlib
import struct
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from extproc.simulator import answer as answers
from extproc.simulator import openai_checks
from extproc.simulator.answer import Answer, Finish, Prompt
from extproc.simulator.directives import Directives
from extproc.simulator.format import JSON_HEADERS, Call, Json, Rejected, Reply, encode
from extproc.simulator.openai_chat import FINGERPRINT, Chunk, content_text, usage_of
from extproc.simulator.shapes import EmbeddingRequest

DIMENSIONS = 8
_MODEL_CREATED = 1_700_000_000
_PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR42mNoAAAAggCB2kUIOwAAAABJRU5ErkJggg=="  # one grey pixel
_SILENCE = b"RIFF" + struct.pack("<I4s4sIHHIIHH4sI", 36, b"WAVE", b"fmt ", 16, 1, 1, 8000, 8000, 1, 8, b"data", 0)
_CATEGORIES = (
    "harassment", "harassment/threatening", "hate", "hate/threatening", "illicit", "illicit/violent", "self-harm",
    "self-harm/instructions", "self-harm/intent", "sexual", "sexual/minors", "violence", "violence/graphic",
)  # fmt: skip
_FINISH = {Finish.LENGTH: "length"}


def answer(call: Call, directives: Directives, path: str) -> Reply:
    """Answers `METHOD path`; raises Rejected 404 for one that OpenAI does not have."""
    for (method, known), respond in _ENDPOINTS.items():
        if method == call.method and (path == known or (known.endswith("/") and _is_member(path, known))):
            found = respond(call, directives, path)
            return found if isinstance(found, Reply) else Reply(200, _headers(call) | JSON_HEADERS, encode(found))
    raise Rejected(404, f"Invalid URL ({call.method} {call.path})", kind="invalid_request_error")


def _is_member(path: str, collection: str) -> bool:
    return path.startswith(collection) and "/" not in path[len(collection) :] and len(path) > len(collection)


def _headers(call: Call) -> dict[str, str]:
    return {"x-request-id": f"req_{call.token}", "openai-version": "2020-10-01"}


# Completions


def completion(call: Call, request: Json, directives: Directives) -> Json:
    prompt, found = _completed(request, directives)
    choices = [_completion_choice(index, one.text, _finish(one)) for index, one in enumerate(found)]
    whole = _completion_head(call, request) | {"choices": choices}
    return whole if directives.no_usage else whole | {"usage": usage_of(prompt, found, directives)}


def completion_chunks(call: Call, request: Json, directives: Directives) -> Iterator[Chunk]:
    """One chunk a piece, one with the finish reason for each choice, then the usage if it was asked for."""
    prompt, found = _completed(request, directives)
    wanted = (request.get("stream_options") or {}).get("include_usage") and not directives.no_usage
    head = _completion_head(call, request) | ({"usage": None} if wanted else {})
    for index, one in enumerate(found):
        for piece in one.pieces:
            yield Chunk(head | {"choices": [_completion_choice(index, piece, None)]}, tokens=1)
        yield Chunk(head | {"choices": [_completion_choice(index, "", _finish(one))]})
    if wanted:
        yield Chunk(head | {"choices": [], "usage": usage_of(prompt, found, directives)})


def _completed(request: Json, directives: Directives) -> tuple[Prompt, list[Answer]]:
    text = input_text(request["prompt"])
    stop = request.get("stop") or ()
    prompt = Prompt(
        text=text,
        max_tokens=request.get("max_tokens") or 16,
        stop=(stop,) if isinstance(stop, str) else tuple(stop),
        input_tokens=answers.words(text),
    )
    return prompt, [answers.compose(prompt, directives, number) for number in range(request.get("n") or 1)]


def _completion_head(call: Call, request: Json) -> Json:
    return {
        "id": f"cmpl-{call.token}",
        "object": "text_completion",
        "created": call.now,
        "model": request["model"],
        "system_fingerprint": FINGERPRINT,
    }


def _completion_choice(index: int, text: str, finish: str | None) -> Json:
    return {"text": text, "index": index, "logprobs": None, "finish_reason": finish}


def _finish(one: Answer) -> str:
    return _FINISH.get(one.finish, "stop")


# Embeddings


def _embeddings(call: Call, directives: Directives, _path: str) -> Json:
    request = openai_checks.document(call)
    model = openai_checks.model(request)
    openai_checks.shape(request, EmbeddingRequest)
    given = request["input"]
    inputs = given if isinstance(given, list) and given and not isinstance(given[0], int) else [given]
    size, encoded = request.get("dimensions") or DIMENSIONS, request.get("encoding_format") == "base64"
    used = sum(_input_tokens(one) for one in inputs)
    data = [
        {"object": "embedding", "index": index, "embedding": _packed(vector(one, size), encoded)}
        for index, one in enumerate(inputs)
    ]
    whole: Json = {"object": "list", "data": data, "model": model}
    return whole if directives.no_usage else whole | {"usage": {"prompt_tokens": used, "total_tokens": used}}


def _input_tokens(given: Any) -> int:
    return len(given) if isinstance(given, list) else answers.words(str(given))


def vector(given: Any, size: int) -> list[float]:
    """A unit vector that depends only on the input (text or token numbers)."""
    seed = hashlib.shake_128(repr(given).encode()).digest(2 * size)
    raw = [value / 32768 for value in struct.unpack(f"<{size}h", seed)]
    length = sum(value * value for value in raw) ** 0.5 or 1.0
    return [value / length for value in raw]


def _packed(values: list[float], encoded: bool) -> list[float] | str:
    """Little-endian 32-bit floats in base64, as `encoding_format: base64` asks."""
    return base64.b64encode(struct.pack(f"<{len(values)}f", *values)).decode() if encoded else values


def input_text(given: Any) -> str:
    """The text of a `prompt` or `input`: a string, strings, or messages with content."""
    if isinstance(given, str):
        return given
    if not isinstance(given, list):
        return ""
    return " ".join(content_text(one.get("content")) if isinstance(one, dict) else str(one) for one in given)


# Models


def _models(call: Call, _directives: Directives, _path: str) -> Json:
    return {"object": "list", "data": [_model(name) for name in call.models]}


def _one_model(call: Call, _directives: Directives, path: str) -> Json:
    name = path.removeprefix("/models/")
    if name not in call.models:
        raise Rejected(404, f"The model '{name}' does not exist", kind="invalid_request_error", param="model",
                       code="model_not_found")  # fmt: skip
    return _model(name)


def _model(name: str) -> Json:
    return {"id": name, "object": "model", "created": _MODEL_CREATED, "owned_by": "simulator"}


# Moderations, images, audio, files, batches


def _moderations(call: Call, _directives: Directives, _path: str) -> Json:
    request = openai_checks.document(call)
    given = openai_checks.required(request, "input")
    inputs = given if isinstance(given, list) else [given]
    model = request.get("model", "omni-moderation-latest")
    return {"id": f"modr-{call.token}", "model": model, "results": [_moderation(one) for one in inputs]}


def _moderation(given: Any) -> Json:
    """Flags text that contains the word `kill` as violence, and nothing else."""
    violent = "kill" in input_text([given]).lower()
    flags = {name: violent and name == "violence" for name in _CATEGORIES}
    return {
        "flagged": violent,
        "categories": flags,
        "category_scores": {name: 0.99 if flag else 0.0001 for name, flag in flags.items()},
        "category_applied_input_types": {name: ["text"] for name in _CATEGORIES},
    }


def _images(call: Call, directives: Directives, _path: str) -> Json:
    request = openai_checks.document(call)
    return _pictures(call, directives, str(openai_checks.required(request, "prompt")), request.get("n") or 1)


def _image_edits(call: Call, directives: Directives, _path: str) -> Json:
    fields = form(call)
    if "image" not in fields and "image[]" not in fields:
        raise Rejected(400, "Missing required parameter: 'image'.", param="image", code="missing_required_parameter")
    return _pictures(call, directives, fields.get("prompt", b"").decode(), int(fields.get("n", b"1")))


def _pictures(call: Call, directives: Directives, prompt: str, count: int) -> Json:
    text, drawn = answers.words(prompt), count * answers.IMAGE_TOKENS
    usage = {
        "input_tokens": text,
        "input_tokens_details": {"text_tokens": text, "image_tokens": 0},
        "output_tokens": drawn,
        "total_tokens": text + drawn,
    }
    whole: Json = {"created": call.now, "data": [{"b64_json": _PNG}] * count}
    return whole if directives.no_usage else whole | {"usage": usage}


def _transcription(call: Call, _directives: Directives, _path: str) -> Json | Reply:
    fields = form(call)
    if "file" not in fields:
        raise Rejected(400, "Missing required parameter: 'file'.", param="file", code="missing_required_parameter")
    if "model" not in fields:
        raise Rejected(400, "you must provide a model parameter")
    text = f"A simulated transcript of {len(fields['file'])} bytes of audio."
    if fields.get("response_format") == b"text":
        return Reply(200, _headers(call) | {"content-type": "text/plain; charset=utf-8"}, text.encode() + b"\n")
    return {"text": text, "usage": {"type": "duration", "seconds": 1}}


def _speech(call: Call, _directives: Directives, _path: str) -> Reply:
    request = openai_checks.document(call)
    openai_checks.model(request)
    openai_checks.required(request, "input")
    return Reply(200, _headers(call) | {"content-type": "audio/wav"}, _SILENCE)


def _upload(call: Call, _directives: Directives, _path: str) -> Json:
    fields = form(call)
    if "file" not in fields:
        raise Rejected(400, "Missing required parameter: 'file'.", param="file", code="missing_required_parameter")
    return _file(call, f"file-{call.token}", len(fields["file"]), fields.get("purpose", b"user_data").decode())


def _one_file(call: Call, _directives: Directives, path: str) -> Json:
    return _file(call, path.removeprefix("/files/"), 0, "user_data")


def _file(call: Call, name: str, size: int, purpose: str) -> Json:
    return {
        "id": name,
        "object": "file",
        "bytes": size,
        "created_at": call.now,
        "filename": "simulated",
        "purpose": purpose,
        "status": "processed",
    }


def _delete_file(_call: Call, _directives: Directives, path: str) -> Json:
    return {"id": path.removeprefix("/files/"), "object": "file", "deleted": True}


def _batch(call: Call, _directives: Directives, _path: str) -> Json:
    request = openai_checks.document(call)
    return {
        "id": f"batch_{call.token}",
        "object": "batch",
        "endpoint": openai_checks.required(request, "endpoint"),
        "input_file_id": openai_checks.required(request, "input_file_id"),
        "completion_window": request.get("completion_window", "24h"),
        "status": "validating",
        "created_at": call.now,
    }


def _empty_list(_call: Call, _directives: Directives, _path: str) -> Json:
    return {"object": "list", "data": [], "has_more": False}


def form(call: Call) -> dict[str, bytes]:
    """The fields of a multipart body (RFC 7578), the last of each name; empty if it is none."""
    head = f"content-type: {call.headers.get('content-type', '')}\r\n\r\n".encode()
    message = email.parser.BytesParser(policy=email.policy.HTTP).parsebytes(head + call.body)
    if not message.is_multipart():
        return {}
    parts = ((part.get_param("name", header="content-disposition"), part) for part in message.iter_parts())
    return {str(name): bytes(part.get_payload(decode=True)) for name, part in parts if name}


_ENDPOINTS: Mapping[tuple[str, str], Callable[[Call, Directives, str], Json | Reply]] = {
    ("POST", "/embeddings"): _embeddings,
    ("GET", "/models"): _models,
    ("GET", "/models/"): _one_model,
    ("POST", "/moderations"): _moderations,
    ("POST", "/images/generations"): _images,
    ("POST", "/images/edits"): _image_edits,
    ("POST", "/audio/transcriptions"): _transcription,
    ("POST", "/audio/translations"): _transcription,
    ("POST", "/audio/speech"): _speech,
    ("GET", "/files"): _empty_list,
    ("POST", "/files"): _upload,
    ("GET", "/files/"): _one_file,
    ("DELETE", "/files/"): _delete_file,
    ("GET", "/batches"): _empty_list,
    ("POST", "/batches"): _batch,
}
