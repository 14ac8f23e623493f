"""Rerank: the golden cases, and Cohere's SDK on both sides."""

import inspect
from typing import get_type_hints

import msgspec
import pytest
from cohere import RerankResponse, V2RerankResponse
from cohere.v2.client import V2Client
from pydantic import TypeAdapter

from extproc.errors import UpstreamError
from tests.translator.golden import MADE, Case, cases, made_files, translate
from tests.translator.openai_answers import names, requests

ALL = cases("rerank")


def case(name: str) -> Case:
    return next(each for each in ALL if each.directory.name == name)


@pytest.mark.parametrize("golden", ALL, ids=names(ALL))
def test_golden(golden: Case) -> None:
    assert made_files(golden) == {name: golden.read(name) for name in MADE if golden.has(name)}


@pytest.mark.parametrize("name", ["cohere_v2", "cohere_v1", "jina"])
def test_an_answer_is_the_same_byte_by_byte(name: str) -> None:
    body = case(name).read("response.json")
    whole = translate(case(name).response(streamed=False), [body])
    assert translate(case(name).response(streamed=False), [body[at : at + 1] for at in range(len(body))]) == whole


def test_an_answer_that_is_cut_off_is_an_upstream_error() -> None:
    response = case("jina").response(streamed=False)
    response.feed(case("jina").read("response.json")[:-20])
    with pytest.raises(UpstreamError, match="cannot be read"):
        response.finish()
    assert response.outcome.error == "upstream_error"


OURS = [golden for golden in requests(ALL) if golden.directory.name != "cohere_v2"]


@pytest.mark.parametrize("golden", OURS, ids=names(OURS))
def test_the_cohere_sdk_knows_our_requests(golden: Case) -> None:
    body = msgspec.json.decode(golden.read("upstream.json"))["body"]
    types = get_type_hints(V2Client.rerank)
    for name, value in body.items():
        assert name in inspect.signature(V2Client.rerank).parameters
        TypeAdapter(types[name]).validate_python(value)


def test_the_cohere_sdk_reads_what_passes_through() -> None:
    answer = V2RerankResponse.model_validate_json(case("cohere_v2").read("caller.json"))
    assert [result.index for result in answer.results] == [1, 0]


@pytest.mark.parametrize("name", ["cohere_v1", "jina"])
def test_the_cohere_sdk_of_version_1_reads_our_answers(name: str) -> None:
    answer = RerankResponse.model_validate_json(case(name).read("caller.json"))
    assert [result.document.text for result in answer.results if result.document] == ["Washington", "Carson City"]
    assert answer.id == "07734bd2"
