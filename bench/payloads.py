"""The requests that are measured, as bytes on the wire: what OpenAI's and Anthropic's SDKs send."""

import json
from typing import Any

from bench.gateway import KEY

_TEXT = "The quick brown fox jumps over the lazy dog, and then it writes a short report about how far it came. "
_SDK_HEADERS = (
    ("host", "127.0.0.1"),
    ("accept", "application/json"),
    ("accept-encoding", "gzip, deflate"),
    ("connection", "keep-alive"),
    ("user-agent", "OpenAI/Python 3.52.0"),
    ("x-stainless-arch", "x64"),
    ("x-stainless-async", "async:asyncio"),
    ("x-stainless-lang", "python"),
    ("x-stainless-os", "Linux"),
    ("x-stainless-package-version", "3.52.0"),
    ("x-stainless-read-timeout", "600"),
    ("x-stainless-retry-count", "0"),
    ("x-stainless-runtime", "CPython"),
    ("x-stainless-runtime-version", "3.11.7"),
    ("content-type", "application/json"),
)
OPENAI_ENDING = b"data: [DONE]\n\n"
ANTHROPIC_ENDING = b'data: {"type":"message_stop"}\n\n'


def openai_chat(model: str, size: int, directive: str, *, key: str = KEY, **fields: Any) -> bytes:
    """A chat completion request whose body has `size` bytes or a little more; `directive` is for the upstream."""
    document = {"model": model, "temperature": 0.7, **fields}
    return _post("/v1/chat/completions", ("authorization", f"Bearer {key}"), document, size, directive)


def anthropic_messages(model: str, size: int, directive: str, **fields: Any) -> bytes:
    """The same in Anthropic's format: what the upstream is asked without the gateway."""
    document = {"model": model, "max_tokens": 256, "temperature": 0.7, **fields}
    return _post("/v1/messages", ("x-api-key", KEY), document, size, directive)


def words(count: int) -> str:
    """Asks the upstream for a whole answer of so many words."""
    return f"[[words={count}]]"


def frames(count: int, every: float) -> str:
    """Asks the upstream for a stream of so many frames, `every` seconds apart."""
    return f"[[frames={count} every={every}]]"


def _post(path: str, credential: tuple[str, str], document: dict[str, Any], size: int, directive: str) -> bytes:
    body = _encode({**document, "messages": _messages(directive)})
    missing = max(0, size - len(body))
    text = directive + " " + (_TEXT * (missing // len(_TEXT) + 1))[:missing]
    body = _encode({**document, "messages": _messages(text)})
    headers = (*_SDK_HEADERS, credential, ("content-length", str(len(body))))
    head = "".join(f"{name}: {value}\r\n" for name, value in headers)
    return f"POST {path} HTTP/1.1\r\n{head}\r\n".encode() + body


def _messages(text: str) -> list[dict[str, str]]:
    return [{"role": "user", "content": text}]


def _encode(document: dict[str, Any]) -> bytes:
    return json.dumps(document, separators=(",", ":")).encode()
