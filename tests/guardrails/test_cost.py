"""What all local rules cost together: no text may buy CPU. The bounds are generous, since the machine may be busy."""

import pytest

from extproc.guardrails.engine import Guardrails
from extproc.guardrails.rule import Phase
from extproc.guardrails.view import read_request
from extproc.wire.json_object import parse_object
from tests.guardrails.cost import bodies, hostile_texts, local_rules, milliseconds

MOST_MILLISECONDS = 50
FACTOR = 4


@pytest.fixture(scope="module")
def rules() -> Guardrails:
    return local_rules()


@pytest.mark.parametrize("text", [pytest.param(text, id=name) for name, text in hostile_texts().items()])
def test_hostile_texts(rules: Guardrails, text: str) -> None:
    assert milliseconds(lambda: rules.check_text(text, Phase.REQUEST)) < MOST_MILLISECONDS * FACTOR


@pytest.mark.parametrize("body", [pytest.param(body, id=name) for name, body in bodies().items()])
def test_bodies_of_many_pieces(rules: Guardrails, body: str) -> None:
    fields = parse_object(body.encode())
    assert milliseconds(lambda: rules.check_request(read_request(fields))) < MOST_MILLISECONDS * FACTOR
    assert milliseconds(lambda: rules.redact(body.encode(), Phase.REQUEST)) < MOST_MILLISECONDS * FACTOR
