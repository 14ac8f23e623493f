"""What each endpoint's request means to the cache: which fields say nothing of the answer, and which forbid to keep it.

Defaults and fields as in https://platform.openai.com/docs/api-reference (chat, completions, embeddings, responses) and
https://platform.claude.com/docs/en/api/messages/create; from memory, 2026-11-21. A field that is in no table is part of
the key as it is: one that is missing here costs hits, never a wrong one.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from extproc.apischema.endpoints import CHAT, COMPLETIONS, EMBEDDINGS, MESSAGES, RESPONSES, Endpoint

_DELIVERY = frozenset({"model", "stream", "stream_options", "prompt_cache_key", "prompt_cache_retention"})
_SCHEMAS = frozenset({"response_format", "text", "output_config", "output_format", "tools", "functions"})
_SAMPLING = {"temperature": b"1", "top_p": b"1"}
_PENALTIES = {"frequency_penalty": b"0", "presence_penalty": b"0"}


@dataclass(frozen=True, slots=True)
class Reading:
    """Values are in canonical JSON. `null` at the top level is the same as nothing, everywhere.

    `ignored` says how the answer is delivered, `user` on whose behalf it is asked for. `neutral` are values that ask
    for nothing in any format, `defaults` those that only a backend of this same format is known to assume. `stateful`
    are fields that make an answer depend on more than the request, unless they have the value here. `headers` change
    what the request means. In `ordered` fields the order of members means something: a model that must keep to a schema
    gives its members in that order, and thinks in it.
    """

    ignored: frozenset[str] = _DELIVERY
    user: frozenset[str] = frozenset({"user"})
    neutral: Mapping[str, bytes] = field(default_factory=dict)
    defaults: Mapping[str, bytes] = field(default_factory=dict)
    stateful: Mapping[str, bytes] = field(default_factory=dict)
    headers: tuple[str, ...] = ("openai-beta",)
    ordered: frozenset[str] = _SCHEMAS


_READINGS: Mapping[Endpoint, Reading] = {
    CHAT: Reading(
        user=frozenset({"user", "safety_identifier", "metadata"}),
        neutral={"n": b"1", "logprobs": b"false", "response_format": b'{"type":"text"}', **_PENALTIES},
        defaults={**_SAMPLING, "parallel_tool_calls": b"true", "service_tier": b'"auto"'},
        stateful={"store": b"false", "web_search_options": b"null", "audio": b"null"},
    ),
    COMPLETIONS: Reading(
        neutral={"n": b"1", "best_of": b"1", "echo": b"false", **_PENALTIES},
        defaults={**_SAMPLING, "max_tokens": b"16"},
    ),
    EMBEDDINGS: Reading(neutral={"encoding_format": b'"float"'}),
    RESPONSES: Reading(
        user=frozenset({"user", "safety_identifier", "metadata"}),
        neutral={
            "background": b"false",
            "include": b"[]",
            "text": b'{"format":{"type":"text"}}',
            "tools": b"[]",
            "top_logprobs": b"0",
            "truncation": b'"disabled"',
        },
        defaults={**_SAMPLING, "parallel_tool_calls": b"true", "service_tier": b'"auto"', "tool_choice": b'"auto"'},
        stateful={
            "background": b"false",
            "conversation": b"null",
            "previous_response_id": b"null",
            "prompt": b"null",
        },
    ),
    MESSAGES: Reading(
        user=frozenset({"metadata"}),
        neutral={"stop_sequences": b"[]", "tools": b"[]"},
        defaults={**_SAMPLING, "service_tier": b'"auto"'},
        stateful={"container": b"null", "mcp_servers": b"[]"},
        headers=("anthropic-version", "anthropic-beta"),
    ),
}


def reading_of(endpoint: Endpoint) -> Reading | None:
    """None for an endpoint whose answers are not kept."""
    return _READINGS.get(endpoint)
