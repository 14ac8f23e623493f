"""What is counted where a provider gave no numbers."""

import json

import pytest

from extproc.apischema.endpoints import CHAT
from extproc.genai.prices import PriceBook
from extproc.pipeline.accounting import counted_input
from extproc.pipeline.snapshot import Snapshot
from extproc.translator.base import Call
from extproc.wire.json_object import parse_object
from tests.pipeline.conftest import GATEWAY, WordCounter


class Strings(WordCounter):
    """Words of a document's values."""

    def count_json_text(self, model: str, raw: bytes) -> int:
        return _words(json.loads(raw))


def _words(value: object) -> int:
    if isinstance(value, str):
        return len(value.split())
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return sum(map(_words, inner))


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"messages": "one two"}, 2),
        ({"messages": "one", "tools": [{"name": "two", "description": "three"}], "system": "four"}, 4),
        ({"functions": [{"description": "one two"}]}, 2),
        ({"response_format": {"schema": "one two"}, "prediction": {"content": "three"}}, 3),
        ({"input": "one", "instructions": "two", "text": {"format": "three"}}, 3),
        ({"prompt": "one", "suffix": "two"}, 2),
        ({"user": "one two", "metadata": "three", "model": "four"}, 0),
    ],
)
def test_everything_that_a_provider_reads_is_counted(fields: dict[str, object], words: int) -> None:
    sent = json.dumps(fields).encode()
    call = Call(endpoint=CHAT, path="/v1/chat/completions", body=sent, fields=parse_object(sent), model="gpt-4o")
    leg = Snapshot(GATEWAY, PriceBook()).chain("gpt-4o").legs[0]
    assert counted_input(call, leg, Strings()) == words
