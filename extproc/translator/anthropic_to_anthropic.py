"""Anthropic Messages to Anthropic Messages: the provider itself, and compatible servers; messages and token counts.

References: https://platform.claude.com/docs/en/api/messages,
https://platform.claude.com/docs/en/api/messages-count-tokens, https://platform.claude.com/docs/en/api/versioning (all
seen 2026-11-21).
"""

from collections.abc import Mapping

from extproc.apischema import anthropic
from extproc.config.model import Backend, Target
from extproc.errors import UpstreamError
from extproc.translator.anthropic_meter import MessagesMeter, read_count, read_message
from extproc.translator.base import Call, Response, UpstreamRequest
from extproc.translator.openai_meter import WholeMeter
from extproc.translator.openai_to_anthropic_response import error_answer
from extproc.wire.json_object import encode_object

COUNT_TOKENS_PATH = "/messages/count_tokens"
BETA_HEADER = "anthropic-beta"


class AnthropicToAnthropic:
    """Changes the model's name; all else stays byte for byte."""

    identity = True

    def request(self, call: Call, target: Target) -> UpstreamRequest:
        _, mark, query = call.path.partition("?")
        renamed = bool(target.model) and target.model != call.model
        return UpstreamRequest(
            path=target.backend.base_path + call.endpoint.path + mark + query,
            body=encode_object({**call.fields, "model": target.model}) if renamed else None,
            headers=version_headers(target.backend, call.headers),
        )

    def response(self, call: Call, *, streamed: bool) -> Response:
        if streamed:
            return MessagesMeter()
        return WholeMeter(read_count if call.endpoint.path == COUNT_TOKENS_PATH else read_message)

    def error(self, status: int, body: bytes) -> UpstreamError:
        return error_answer(status, body)


def version_headers(backend: Backend, sent: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    """The headers that say what a body means: those that the caller `sent` with it (lower-case names), as it is theirs.

    A caller who names no version gets the operator's, else the one that every body is valid in.
    """
    version = sent.get(anthropic.VERSION_HEADER) or backend.api_version or anthropic.VERSION
    beta = sent.get(BETA_HEADER)
    return ((anthropic.VERSION_HEADER, version), *(((BETA_HEADER, beta),) if beta else ()))
