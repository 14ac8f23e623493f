"""Moderation, by a server that speaks as OpenAI's moderations API does."""

from typing import Any

import pytest
from judge_server import judge_server

from extproc.clients.judge import Connections, JudgeError, Judgement, Question, Ruling, pieces
from extproc.clients.moderation import Moderation, ModerationSettings
from extproc.config.model import Secret

QUESTION = Question("request", ("I will hurt you", "hello"))
ALLOWED = Judgement(Ruling.ALLOW)


def result(**scores: float) -> dict[str, Any]:
    categories = {name: score >= 0.5 for name, score in scores.items()}
    return {"flagged": any(categories.values()), "categories": categories, "category_scores": scores}


def judged(asked: Any) -> tuple[int, Any]:
    """`hurt` is violence at 0.7, everything else at 0.1."""
    results = [result(violence=0.7 if "hurt" in text else 0.1, hate=0.2) for text in asked["input"]]
    return 200, {"id": "modr-1", "model": asked["model"], "results": results}


async def ask(settings: dict[str, Any], question: Question = QUESTION, answer: Any = judged) -> Judgement:
    async with judge_server(answer) as (server, connections):
        return await Moderation(ModerationSettings(server.url, **settings), connections).judge(question)


async def test_what_is_asked() -> None:
    async with judge_server(judged) as (server, connections):
        moderation = Moderation(ModerationSettings(f"{server.url}/v1/", Secret("sk-1")), connections)
        assert await moderation.judge(QUESTION) == Judgement(Ruling.BLOCK, ("violence",))
        assert await moderation.judge(Question("request", ("hello",))) == ALLOWED
    path, asked = server.asked[0]
    assert path == "/v1/moderations"
    assert asked == {"model": "omni-moderation-latest", "input": ["I will hurt you", "hello"]}
    assert server.headers[0]["authorization"] == "Bearer sk-1"
    assert len(server.connections) == 1


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"thresholds": {"violence": 0.8}}, ()),
        ({"thresholds": {"violence": 0.7}}, ("violence",)),
        ({"thresholds": {"hate": 0.2}}, ("hate", "violence")),
        ({"thresholds": {"hate": 0.2}, "only_thresholds": True}, ("hate",)),
        ({"thresholds": {"unheard-of": 0.0}}, ("violence",)),
    ],
)
async def test_thresholds(settings: dict[str, Any], expected: tuple[str, ...]) -> None:
    assert (await ask(settings)).reasons == expected


async def test_what_is_flagged_without_a_category() -> None:
    said = await ask({}, Question("response", ("x",)), lambda _: (200, {"results": [{"flagged": True}]}))
    assert said == Judgement(Ruling.BLOCK, ("flagged",))


async def test_many_texts_go_in_batches_and_a_few_at_once() -> None:
    texts = tuple(f"text {number}" for number in range(30))
    async with judge_server(judged) as (server, connections):
        settings = ModerationSettings(server.url, batch=4, most_requests=3)
        assert await Moderation(settings, connections).judge(Question("request", texts)) == ALLOWED
    assert sorted(text for _, asked in server.asked for text in asked["input"]) == sorted(texts)
    assert len(server.asked) == 8
    assert server.most_at_once <= 3


async def test_nothing_to_judge_is_not_asked() -> None:
    async with judge_server(judged) as (server, connections):
        moderation = Moderation(ModerationSettings(server.url), connections)
        assert await moderation.judge(Question("request", ("", " "))) == ALLOWED
    assert server.asked == []


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        ((500, "s3cr3t"), "the service answered 500"),
        ((302, "s3cr3t"), "the service answered 302"),
        ((200, "<html>s3cr3t"), "the service's answer is not understood"),
        ((200, {"results": [{}]}), "the service did not judge every text"),
        ((200, "x" * 1_100_000), "the service's answer is too large"),
    ],
)
async def test_failures_are_told_and_never_quoted(answer: tuple[int, Any], message: str) -> None:
    with pytest.raises(JudgeError) as caught:
        await ask({}, QUESTION, lambda _: answer)
    assert str(caught.value) == message


async def test_a_service_that_does_not_answer() -> None:
    with pytest.raises(JudgeError, match=r"^the service did not answer in time$"):
        await ask({"timeout": 0.05}, QUESTION, None)


async def test_a_service_that_cannot_be_reached() -> None:
    async with judge_server(judged) as (server, _):
        url = server.url
    connections = Connections()
    try:
        with pytest.raises(JudgeError, match=r"^the service cannot be reached: ClientConnectorError$"):
            await Moderation(ModerationSettings(url), connections).judge(QUESTION)
    finally:
        await connections.close()


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        (["abcdefgh"], ["abcd", "defg", "gh"]),
        (["abcd"], ["abcd"]),
        (["abcde"], ["abcd", "de"]),
        (["a", "", " ", "b"], ["a", "b"]),
    ],
)
def test_long_texts_go_in_pieces_that_overlap(texts: list[str], expected: list[str]) -> None:
    assert pieces(texts, 4, 1) == expected


@pytest.mark.parametrize(
    "settings", [{"batch": 0}, {"most_characters": 100, "overlap": 100}, {"thresholds": {"x": 2.0}}]
)
def test_settings_that_make_no_sense(settings: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="moderation"):
        ModerationSettings("http://x.example", **settings)


def test_content_is_in_no_repr() -> None:
    assert "hurt" not in repr(QUESTION)
