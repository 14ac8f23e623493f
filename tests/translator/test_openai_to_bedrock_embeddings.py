"""OpenAI embeddings to Titan and Cohere on Bedrock: the golden cases, and OpenAI's own types."""

import pytest
from openai.types import CreateEmbeddingResponse

from extproc.errors import UpstreamError
from tests.translator import openai_answers
from tests.translator.golden import MADE, Case, cases, made_files

ALL = cases("openai_to_bedrock_embeddings")
ANSWERS = [case for case in ALL if case.has("caller.json") and b'"data"' in case.read("caller.json")]


def case(name: str) -> Case:
    return next(each for each in ALL if each.directory.name == name)


@pytest.mark.parametrize("golden", ALL, ids=openai_answers.names(ALL))
def test_golden(golden: Case) -> None:
    assert made_files(golden) == {name: golden.read(name) for name in MADE if golden.has(name)}


@pytest.mark.parametrize("golden", ANSWERS, ids=openai_answers.names(ANSWERS))
def test_an_answer_is_the_same_byte_by_byte(golden: Case) -> None:
    openai_answers.check_whole_byte_by_byte(golden)


def test_an_answer_that_is_cut_off_is_an_upstream_error() -> None:
    response = case("titan").response(streamed=False)
    assert response.feed(case("titan").read("response.json")[:-20]) == b""
    with pytest.raises(UpstreamError, match="cannot be read"):
        response.finish()
    assert response.outcome.error == "upstream_error"


def test_the_openai_sdk_reads_our_answers() -> None:
    answer = CreateEmbeddingResponse.model_validate_json(case("titan").read("caller.json"), strict=True)
    assert not answer.model_extra
    assert answer.data[0].embedding == [0.5, -0.25, 1.0]
    assert answer.usage.prompt_tokens == 2
