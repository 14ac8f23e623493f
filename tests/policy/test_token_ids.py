"""Which prompts are token ids."""

import pytest

from extproc.policy.token_ids import has_token_ids
from extproc.wire.json_object import parse_object


@pytest.mark.parametrize(
    "body",
    [
        b'{"input":[1960,964]}',
        b'{"input":[[1960,964],[31]]}',
        b'{"prompt": [ 1960 ] }',
        b'{"prompt":["text",[ -1 ]]}',
        b'{"input":["text",1960]}',
    ],
)
def test_lists_with_numbers_are(body: bytes) -> None:
    assert has_token_ids(parse_object(body))


@pytest.mark.parametrize(
    "body",
    [
        b'{"input":"1960"}',
        b'{"input":["1960",["964"]]}',
        b'{"input":[{"role":"user","content":[{"type":"input_text","text":"1"}],"n":1}]}',
        b'{"prompt":{"id":1}}',
        b'{"input":[]}',
        b'{"input":null,"prompt":1960}',
        b'{"messages":[1960]}',
        b"{}",
    ],
)
def test_others_are_not(body: bytes) -> None:
    assert not has_token_ids(parse_object(body))
