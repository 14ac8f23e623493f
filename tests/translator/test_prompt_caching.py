"""Marks for the provider's prompt cache, set by configuration."""

import json
from dataclasses import replace

import pytest

from extproc.apischema.endpoints import CHAT
from extproc.config.model import Backend, Schema, Target
from extproc.errors import InvalidRequest
from extproc.pipeline.call import read_call
from extproc.translator import registry

CLAUDE = Backend("claude", "claude", "anthropic", Schema.ANTHROPIC, "api.anthropic.com", "/v1")
TOOL = {"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}
ASKED = {
    "model": "m",
    "messages": [
        {"role": "system", "content": "one"},
        {"role": "developer", "content": "two"},
        {"role": "user", "content": "hi"},
        {"role": "system", "content": "later"},
    ],
    "tools": [TOOL, {**TOOL, "function": {"name": "g", "parameters": {"type": "object"}}}],
}
MARK = {"type": "ephemeral"}


def upstream(backend: Backend, asked: dict[str, object], model: str = "claude-sonnet-4-6") -> dict[str, object]:
    translator = registry.find(CHAT, backend)
    assert translator is not None
    call = read_call(CHAT, "/v1/chat/completions", {}, json.dumps(asked).encode(), created=0)
    return json.loads(translator.request(call, Target(backend, model)).body or b"")


def test_the_end_of_the_system_prompt_is_marked() -> None:
    sent = upstream(replace(CLAUDE, cache_system=True), ASKED)
    assert [block.get("cache_control") for block in sent["system"]] == [None, MARK, None]
    assert [tool.get("cache_control") for tool in sent["tools"]] == [None, None]


def test_the_last_tool_is_marked() -> None:
    sent = upstream(replace(CLAUDE, cache_tools=True), ASKED)
    assert [tool.get("cache_control") for tool in sent["tools"]] == [None, MARK]
    assert [block.get("cache_control") for block in sent["system"]] == [None, None, None]


def test_nothing_is_marked_unless_the_backend_is_set_so() -> None:
    assert "cache_control" not in json.dumps(upstream(CLAUDE, ASKED))


def test_a_caller_who_sets_marks_sets_them_all() -> None:
    own = [{"role": "user", "content": [{"type": "text", "text": "hi", "cache_control": MARK}]}]
    sent = upstream(replace(CLAUDE, cache_system=True, cache_tools=True), {**ASKED, "messages": own})
    assert [tool.get("cache_control") for tool in sent["tools"]] == [None, None]


def test_bedrock_gets_a_cache_point() -> None:
    backend = replace(CLAUDE, schema=Schema.BEDROCK, region="eu-west-1", cache_system=True)
    sent = upstream(backend, ASKED, "anthropic.claude-sonnet-4-6-20250929-v1:0")
    assert sent["system"][2] == {"cachePoint": {"type": "default"}}


@pytest.mark.parametrize("messages", [7, [7], [{"content": "x"}], []])
def test_what_is_no_list_of_messages_is_left_to_the_translator(messages: object) -> None:
    with pytest.raises(InvalidRequest):
        upstream(replace(CLAUDE, cache_system=True), {"model": "m", "messages": messages})
