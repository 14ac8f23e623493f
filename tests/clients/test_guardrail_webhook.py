"""A guardrail behind a webhook: what is sent, how it is signed, and what may be answered."""

import hashlib
import hmac
from typing import Any

import pytest
from judge_server import judge_server

from extproc.clients.guardrail_webhook import Webhook, WebhookSettings
from extproc.clients.judge import JudgeError, Judgement, Question, Replacement, Ruling
from extproc.config.model import Secret

QUESTION = Question("request", ("a text",), {"model": "m"})


async def ask(answer: Any, **settings: Any) -> Judgement:
    async with judge_server(answer) as (server, connections):
        return await Webhook(WebhookSettings(server.url, **settings), connections, lambda: 1_700_000_000.9).judge(
            QUESTION
        )


async def test_what_is_sent_and_how_it_is_signed() -> None:
    async with judge_server(lambda _: (200, {"verdict": "allow"})) as (server, connections):
        settings = WebhookSettings(f"{server.url}/judge", Secret("shared"))
        assert await Webhook(settings, connections, lambda: 1_700_000_000.9).judge(QUESTION) == Judgement(Ruling.ALLOW)
    sent = {"version": 1, "phase": "request", "texts": ["a text"], "metadata": {"model": "m"}}
    assert server.asked == [("/judge", sent)]
    signed = hmac.new(b"shared", b"1700000000." + server.bodies[0], hashlib.sha256).hexdigest()
    assert server.headers[0]["x-guardrail-timestamp"] == "1700000000"
    assert server.headers[0]["x-guardrail-signature"] == f"v1={signed}"
    assert server.headers[0]["content-type"] == "application/json"


async def test_without_a_secret_nothing_is_signed() -> None:
    async with judge_server(lambda _: (200, {"verdict": "allow"})) as (server, connections):
        await Webhook(WebhookSettings(server.url), connections, lambda: 0.0).judge(QUESTION)
    assert not [name for name in server.headers[0] if name.startswith("x-guardrail")]


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ({"verdict": "allow", "more": 1}, Judgement(Ruling.ALLOW)),
        ({"verdict": "block", "reasons": ["pii", "not a reason: it quotes"]}, Judgement(Ruling.BLOCK, ("pii",))),
        (
            {"verdict": "redact", "replacements": [{"text": "a", "label": "A_1"}]},
            Judgement(Ruling.REDACT, (), (Replacement("a", "A_1"),)),
        ),
    ],
)
async def test_what_it_may_answer(answer: Any, expected: Judgement) -> None:
    assert await ask(lambda _: (200, answer)) == expected


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        ((204, ""), "the service answered 204"),
        ((200, {"verdict": "maybe"}), "the service's answer is not understood"),
        ((200, "s3cr3t"), "the service's answer is not understood"),
        ((200, {"verdict": "redact"}), "the service's replacements are not what its verdict needs"),
        (
            (200, {"verdict": "allow", "replacements": [{"text": "a", "label": "A"}]}),
            "the service's replacements are not what its verdict needs",
        ),
        (
            (200, {"verdict": "redact", "replacements": [{"text": "", "label": "A"}]}),
            "the service's replacements are not of the form asked for",
        ),
        (
            (200, {"verdict": "redact", "replacements": [{"text": "a", "label": "<b>"}]}),
            "the service's replacements are not of the form asked for",
        ),
    ],
)
async def test_other_answers_are_failures(answer: tuple[int, Any], message: str) -> None:
    with pytest.raises(JudgeError) as caught:
        await ask(lambda _: answer)
    assert str(caught.value) == message


async def test_a_receiver_that_does_not_answer() -> None:
    with pytest.raises(JudgeError, match=r"^the service did not answer in time$"):
        await ask(None, timeout=0.05)
