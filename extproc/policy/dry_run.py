"""What a privacy policy and guardrails would do to prompts, without a provider: for `extproc dry-run`."""

import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

from extproc.apischema.endpoints import CHAT
from extproc.config.privacy import PrivacyPolicy
from extproc.errors import InvalidRequest
from extproc.guardrails.engine import Guardrails
from extproc.guardrails.verdict import Count, counted
from extproc.guardrails.view import read_request
from extproc.policy.principal import Principal
from extproc.policy.redact import Redactor
from extproc.privacy.apply import Action, Finding
from extproc.translator.base import Call
from extproc.wire.json_object import parse_object


@dataclass(frozen=True, slots=True)
class Tried:
    """What would become of a prompt. `text` is what would leave of it; `refused` says that nothing would."""

    found: Mapping[Finding, int] = field(default_factory=dict)
    verdicts: Mapping[Count, int] = field(default_factory=dict)
    text: str = field(default="", repr=False)
    refused: bool = False


class DryRun:
    """`policy` None: guardrails only. `guardrails` None: redaction only. Prompts are those of one caller.

    `closing` ends what recognisers had open.
    """

    def __init__(
        self,
        redactor: Redactor | None,
        policy: PrivacyPolicy | None,
        guardrails: Guardrails | None,
        closing: Callable[[], Awaitable[None]],
    ) -> None:
        self._redactor = redactor
        self._policy = policy
        self._guardrails = guardrails
        self._closing = closing
        self._caller = Principal(id="dry-run", alias="dry-run")

    async def prompt(self, line: str) -> Tried:
        """A JSON object is a request's body, anything else what a user wrote. Raises a GatewayError."""
        call = _call(line)
        verdicts = self._guardrails.check_request(read_request(call.fields)) if self._guardrails is not None else None
        refused = verdicts is not None and verdicts.blocking is not None
        found: Mapping[Finding, int] = {}
        body = call.body
        if self._redactor is not None and self._policy is not None:
            redaction = await self._redactor.redact(self._policy, call, self._caller)
            found, body = redaction.counts, redaction.call.body
            refused = refused or any(finding.action is Action.BLOCK for finding in found)
        counts = counted(verdicts.all) if verdicts is not None else {}
        return Tried(found, counts, _text(line, body), refused)

    async def close(self) -> None:
        await self._closing()


def _call(line: str) -> Call:
    try:
        body = line.encode()
    except UnicodeEncodeError:
        raise InvalidRequest("The prompt is not valid text.") from None
    if not line.lstrip().startswith("{"):
        body = json.dumps({"messages": [{"role": "user", "content": line}]}).encode()
    return Call(endpoint=CHAT, path=CHAT.path, body=body, fields=parse_object(body), model="")


def _text(line: str, body: bytes) -> str:
    if line.lstrip().startswith("{"):
        return str(body, "utf-8")
    return str(json.loads(body)["messages"][0]["content"])
