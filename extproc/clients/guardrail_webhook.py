"""A guardrail of the operator's own, behind a webhook.

The gateway sends `POST` with JSON:

    {"version": 1, "phase": "request" | "response", "texts": ["…"], "metadata": {"name": "value"}}

and with `x-guardrail-timestamp` (Unix time in seconds) and `x-guardrail-signature` (`v1=` and the hexadecimal
HMAC-SHA256, under the shared secret, of the timestamp, a full stop and the body). A receiver compares the signature in
constant time and refuses an old timestamp. It answers 200 with JSON:

    {"verdict": "allow" | "block" | "redact", "reasons": ["pii"],
     "replacements": [{"text": "what stands there", "label": "CASE_NUMBER"}]}

`reasons` (optional; letters, digits, `_`, `-`, `.`, `/`) are counted by the gateway. `replacements` belong to `redact`:
every occurrence of each text becomes `<label>`. Any other answer is a failure.
"""

import hashlib
import hmac
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import msgspec

from extproc.apischema.malformed import MALFORMED
from extproc.clients.judge import Connections, JudgeError, Judgement, Question, Replacement, Ruling
from extproc.config.model import Secret

_LABEL = re.compile(r"[A-Z][A-Z0-9_]{0,63}")
_REASON = re.compile(r"[A-Za-z0-9_./-]{1,64}")
_MOST_REPLACEMENTS, _MOST_REASONS = 1_000, 32


@dataclass(frozen=True, slots=True)
class WebhookSettings:
    """`timeout` is in seconds. Without a `secret` nothing is signed."""

    url: str
    secret: Secret | None = None
    timeout: float = 3.0


class _Replacement(msgspec.Struct):
    text: str
    label: str


class _Answer(msgspec.Struct):
    verdict: Literal["allow", "block", "redact"]
    reasons: list[str] = []
    replacements: list[_Replacement] = []


_decode = msgspec.json.Decoder(_Answer).decode
_encode = msgspec.json.encode


class Webhook:
    """Asks the receiver. `now` is Unix time in seconds."""

    def __init__(self, settings: WebhookSettings, connections: Connections, now: Callable[[], float]) -> None:
        self._settings = settings
        self._connections = connections
        self._now = now

    async def judge(self, question: Question) -> Judgement:
        """Raises JudgeError."""
        asked = {"phase": question.phase, "texts": question.texts, "metadata": dict(question.metadata)}
        body = _encode({"version": 1, **asked})
        answer = await self._connections.post(self._settings.url, body, self._headers(body), self._settings.timeout)
        try:
            return _judgement(_decode(answer))
        except MALFORMED:
            raise JudgeError("the service's answer is not understood") from None

    def _headers(self, body: bytes) -> dict[str, str]:
        secret = self._settings.secret
        if secret is None:
            return {}
        timestamp = str(int(self._now()))
        return {"x-guardrail-timestamp": timestamp, "x-guardrail-signature": signature(secret, timestamp, body)}


def signature(secret: Secret, timestamp: str, body: bytes) -> str:
    """The value of `x-guardrail-signature`."""
    signed = timestamp.encode() + b"." + body
    return f"v1={hmac.new(secret.reveal().encode(), signed, hashlib.sha256).hexdigest()}"


def _judgement(answer: _Answer) -> Judgement:
    ruling = Ruling(answer.verdict)
    redacts = ruling is Ruling.REDACT
    if redacts is not bool(answer.replacements) or len(answer.replacements) > _MOST_REPLACEMENTS:
        raise JudgeError("the service's replacements are not what its verdict needs")
    if not all(each.text and _LABEL.fullmatch(each.label) for each in answer.replacements):
        raise JudgeError("the service's replacements are not of the form asked for")
    reasons = tuple(reason for reason in answer.reasons[:_MOST_REASONS] if _REASON.fullmatch(reason))
    return Judgement(ruling, reasons, tuple(Replacement(each.text, each.label) for each in answer.replacements))
