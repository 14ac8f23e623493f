"""A service with the API of Presidio's analyzer: what it is asked, and which of its answers are believed."""

from typing import Any

import pytest

from extproc.clients.judge import Connections, JudgeError
from extproc.clients.presidio_analyzer import AnalyzerClient, AnalyzerSettings, Found
from extproc.config.secret import Secret
from tests.clients.judge_server import JudgeServer, judge_server


def client(server: JudgeServer, connections: Connections, **changes: Any) -> AnalyzerClient:
    settings: dict[str, Any] = {"language": "en", "entities": ("PERSON", "LOCATION"), **changes}
    return AnalyzerClient(AnalyzerSettings(f"{server.url}/presidio/", **settings), connections)


def result(start: object, end: object, entity: object = "PERSON", score: object = 0.85) -> dict[str, object]:
    return {"entity_type": entity, "start": start, "end": end, "score": score, "analysis_explanation": None}


async def found(answer: Any, text: str = "I am Ann Lee", status: int = 200, **changes: Any) -> list[Found]:
    async with judge_server(lambda asked: (status, answer)) as (server, connections):
        return await client(server, connections, **changes).find(text)


async def failure(answer: Any, text: str = "I am Ann Lee", status: int = 200) -> str:
    with pytest.raises(JudgeError) as caught:
        await found(answer, text, status)
    assert caught.value.__cause__ is None
    return str(caught.value)


async def test_what_it_is_asked() -> None:
    async with judge_server(lambda asked: (200, [])) as (server, connections):
        await client(server, connections, language="de", least_score=0.6, key=Secret("sk-1")).find("Ich bin Zoë 😀")
        await client(server, connections).find("no key")
    question = {
        "text": "Ich bin Zoë 😀",
        "language": "de",
        "entities": ["PERSON", "LOCATION"],
        "score_threshold": 0.6,
    }
    assert server.asked[0] == ("/presidio/analyze", question)
    assert [headers.get("authorization") for headers in server.headers] == ["Bearer sk-1", None]


async def test_a_lone_surrogate_keeps_its_place() -> None:
    async with judge_server(lambda asked: (200, [result(5, 8)])) as (server, connections):
        assert await client(server, connections).find("\ud83d am Ann") == [Found(5, 8, "PERSON")]
    assert server.asked[0][1]["text"] == "? am Ann"


async def test_positions_count_characters() -> None:
    assert await found([result(2, 5)], "😀 Ann") == [Found(2, 5, "PERSON")]
    assert await found([result(0, 5)], "😀 Ann") == [Found(0, 5, "PERSON")]
    assert "places that the text does not have" in await failure([result(3, 6)], "😀 Ann")


async def test_what_was_not_asked_for_is_left_out() -> None:
    answer = [result(5, 12), result(0, 1, "PRONOUN"), result(0, 4, "LOCATION", 0.3), result(5, 12, "LOCATION", 0.5)]
    assert await found(answer) == [Found(5, 12, "PERSON"), Found(5, 12, "LOCATION")]


@pytest.mark.parametrize(
    ("start", "end"), [(-1, 3), (3, 3), (5, 4), (0, 13), (12, 13), (0, 2**63), (-(2**70), 2**70), (0, 10**30)]
)
async def test_places_outside_the_text_are_no_answer(start: int, end: int) -> None:
    said = await failure([result(5, 8), result(start, end)])
    assert said in (
        "the service names places that the text does not have",
        "the service's answer is not understood",
    )


@pytest.mark.parametrize(
    "answer",
    [
        "",
        "no JSON: Ann Lee",
        "null",
        {},
        {"error": "Ann Lee"},
        [None],
        [[]],
        [result("5", 8)],
        [result(5.5, 8)],
        [result(True, 8)],
        [result(None, 8)],
        [result(5, 8, None)],
        [result(5, 8, 7)],
        [result(5, 8, "PERSON", "high")],
        [{"entity_type": "PERSON", "start": 5}],
        "[" * 5000,
        '[{"entity_type": "PERSON", "start": 5, "end": 8, "score": NaN}]',
        '["\\ud800"]',
    ],
)
async def test_an_answer_of_another_form_is_none(answer: Any) -> None:
    assert await failure(answer) == "the service's answer is not understood"


@pytest.mark.parametrize("status", [204, 301, 400, 401, 500, 503])
async def test_another_status_is_no_answer(status: int) -> None:
    assert await failure([result(5, 8)], status=status) == f"the service answered {status}"


async def test_an_answer_that_is_too_large() -> None:
    assert await failure("[" + " " * (1 << 20) + "]") == "the service's answer is too large"


async def test_no_answer_in_time() -> None:
    async with judge_server(None) as (server, connections):
        with pytest.raises(JudgeError, match="did not answer in time"):
            await client(server, connections, timeout=0.05).find("I am Ann Lee")


async def test_nobody_there() -> None:
    async with judge_server(lambda asked: (200, [])) as (server, _):
        pass
    away = Connections()
    with pytest.raises(JudgeError, match="cannot be reached: ClientConnectorError"):
        await client(server, away).find("I am Ann Lee")
    await away.close()


async def test_nothing_is_shown() -> None:
    settings = AnalyzerSettings("http://a", "en", ("PERSON",), Secret("sk-1"))
    assert "sk-1" not in repr(settings)
