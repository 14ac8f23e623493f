"""What a careless or broken provider sends: the caller gets whole JSON, or a stream that says how it ended."""

import gzip
import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.integration.canned import answering, response, unending
from tests.integration.documents import backend, document, key, keys
from tests.integration.gateway import KEY, Gateway, running_gateway
from tests.integration.raw import Answer, chat, request, send

TEXT = "You said: Hello This is a simulated answer, and I am happy to help."
BOTH = pytest.mark.parametrize("model", ["gpt-4o-mini", "claude-sonnet-4-6"])


def ask(gateway: Gateway, model: str, directives: str = "", **fields: Any) -> Answer:
    content = f"Hello [[{directives}]]" if directives else "Hello"
    return send(gateway.port, request(chat(content, model, **fields)))


def events(answer: Answer) -> list[dict[str, Any]]:
    """The documents of a stream that ends as it should."""
    assert answer.whole
    assert answer.headers["content-type"].startswith("text/event-stream")
    *documents, last = [
        line.removeprefix(b"data:").strip() for line in answer.body.splitlines() if line.startswith(b"data:")
    ]
    assert last == b"[DONE]"
    return [json.loads(document) for document in documents]


def text(documents: list[dict[str, Any]]) -> str:
    return "".join(choice["delta"].get("content") or "" for one in documents for choice in one.get("choices", ()))


# -- the simulator's faults -------------------------------------------------------------------------------------------


@BOTH
@pytest.mark.parametrize("directives", ["gzip", "gzip split=1", "split=1", "split=7"])
def test_an_answer_packed_and_cut_anywhere(gateway: Gateway, model: str, directives: str) -> None:
    answer = ask(gateway, model, directives)
    assert json.loads(answer.body)["choices"][0]["message"]["content"] == TEXT
    assert "content-encoding" not in answer.headers


@BOTH
@pytest.mark.parametrize("directives", ["gzip", "gzip split=1", "split=1", "crlf split=3", "crlf gzip split=5"])
def test_a_stream_packed_and_cut_anywhere(gateway: Gateway, model: str, directives: str) -> None:
    answer = ask(gateway, model, directives, stream=True)
    assert text(events(answer)) == TEXT
    assert "content-encoding" not in answer.headers


@BOTH
@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("directives", ["html_error=404", "gzip html_error=404"])
def test_an_error_page_in_html(gateway: Gateway, model: str, directives: str, stream: bool) -> None:
    answer = ask(gateway, model, directives, stream=stream)
    assert 400 <= answer.status < 600
    assert b"<html>" not in answer.body
    assert answer.error["message"]


@BOTH
@pytest.mark.parametrize("stream", [False, True])
def test_a_refused_credential_is_not_the_callers(gateway: Gateway, model: str, stream: bool) -> None:
    answer = ask(gateway, model, "status=401", stream=stream)
    assert (answer.status, answer.error["code"]) == (502, "upstream_authentication")
    assert answer.headers["x-should-retry"] == "false"


@BOTH
@pytest.mark.parametrize("directives", ["malformed_after=5", "error_in_stream_after=5"])
def test_a_stream_that_goes_bad_says_so(gateway: Gateway, model: str, directives: str) -> None:
    documents = events(ask(gateway, model, directives, stream=True))
    assert text(documents).startswith("You said")
    assert documents[-1]["error"].keys() == {"message", "type", "param", "code"}


@BOTH
@pytest.mark.parametrize("directives", ["cut_after=5 rate=100", "reset_after=5 rate=100"])
def test_a_stream_that_is_cut_is_not_mistaken_for_a_whole_one(gateway: Gateway, model: str, directives: str) -> None:
    answer = ask(gateway, model, directives, stream=True)
    assert not answer.whole
    assert b"[DONE]" not in answer.body


@BOTH
@pytest.mark.parametrize("directives", ["cut_after=1", "reset_after=1"])
def test_an_answer_that_is_cut(gateway: Gateway, model: str, directives: str) -> None:
    answer = ask(gateway, model, directives)
    assert (answer.status, answer.error["code"]) == (502, "upstream_error")


@BOTH
def test_an_answer_without_usage(gateway: Gateway, model: str) -> None:
    document = json.loads(ask(gateway, model, "no_usage").body)
    assert document["choices"][0]["message"]["content"] == TEXT
    assert "usage" not in document


@BOTH
@pytest.mark.parametrize("directives", ["no_usage", "usage_in_last_chunk", "empty_choices"])
def test_odd_usage_and_choices_in_a_stream(gateway: Gateway, model: str, directives: str) -> None:
    expected = "" if (directives, model) == ("empty_choices", "claude-sonnet-4-6") else TEXT
    assert text(events(ask(gateway, model, directives, stream=True))) == expected


# -- bytes of our own -------------------------------------------------------------------------------------------------


def chunk(content: str | None = "Hi", finish: str | None = None) -> bytes:
    choice = {"index": 0, "delta": {"content": content} if content else {}, "finish_reason": finish}
    return b"data: " + json.dumps({"id": "c", "model": "gpt-4o", "choices": [choice]}).encode() + b"\n\n"


DONE = b"data: [DONE]\n\n"
ENDED = chunk() + chunk(None, "stop") + DONE
WHOLE = b'{"id":"c","model":"gpt-4o","choices":[{"index":0,"message":{"role":"assistant","content":"Hi"}}]}'
SSE = "text/event-stream"
GZIP = {"content-encoding": "gzip"}

GOOD_STREAMS = {
    "no last blank line": unending(ENDED.rstrip()),
    "carriage returns": unending(ENDED.replace(b"\n", b"\r")),
    "BOM, comments, no spaces": unending(
        b"\xef\xbb\xbf: wait\n\n" + ENDED.replace(b"data: ", b"data:").strip() + b"\n\n"
    ),
    "a length": response(ENDED, SSE),
    "gzip": response(gzip.compress(ENDED), SSE, headers=GZIP),
}
BROKEN_STREAMS = {
    "nothing": unending(b""),
    "an early end": unending(chunk()),
    "an end in an event": unending(chunk() + chunk()[:40]),
    "a document": unending(WHOLE),
    "an event of 17 MB": unending(chunk() + b"data: " + b"x" * (17 << 20)),
    "gzip cut short": unending(gzip.compress(ENDED)[:40], headers=GZIP),
    "a stream that is no gzip": unending(ENDED, headers=GZIP),
}
BROKEN_ANSWERS = {
    "gzip with a wrong sum": response(gzip.compress(WHOLE)[:-8] + b"\0" * 8, headers=GZIP),
    "gzip that is none": response(WHOLE, headers=GZIP),
    "gzip of a gigabyte": response(gzip.compress(gzip.compress(b"\0" * (1 << 20)) + b"\0" * (128 << 20)), headers=GZIP),
    "a coding nobody asked for": response(WHOLE, headers={"content-encoding": "br"}),
    "a short body": response(WHOLE)[:-20],
}
NO_ANSWERS = {
    "a page": response(b"<html>Sign in</html>", "text/html"),
    "no bytes": response(b""),
    "no content": b"HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n",
    "a redirection": response(b"", status="307 Temporary Redirect", headers={"location": "http://evil.example.com/"}),
    "no content type": b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%b" % (len(WHOLE), WHOLE),
}
UNREACHABLE = {
    "another protocol": b"SSH-2.0-OpenSSH_9.7\r\n",
    "half of the headers": b"HTTP/1.1 200 OK\r\ncontent-ty",
}
CANNED = {**GOOD_STREAMS, **BROKEN_STREAMS, **BROKEN_ANSWERS, **NO_ANSWERS, **UNREACHABLE}
NAMES = {case: f"canned-{number}" for number, case in enumerate(CANNED)}


@pytest.fixture(scope="module")
def canned() -> Iterator[Gateway]:
    """A model for every canned answer."""
    made = document(
        backends=[backend(name, "openai") for name in NAMES.values()],
        models=[{"name": name, "targets": [{"backend": name, "model": "gpt-4o"}]} for name in NAMES.values()],
        keys=keys(key("demo", KEY)),
        passthrough="canned-0",
    )
    with (
        answering(*CANNED.values()) as ports,
        running_gateway(made, {}, ports=dict(zip(NAMES.values(), ports, strict=True))) as gateway,
    ):
        yield gateway


@pytest.mark.parametrize("case", GOOD_STREAMS)
def test_a_stream_written_in_another_way(canned: Gateway, case: str) -> None:
    assert text(events(ask(canned, NAMES[case], stream=True))) == "Hi"


@pytest.mark.parametrize("case", BROKEN_STREAMS)
def test_a_broken_stream_ends_with_an_error(canned: Gateway, case: str) -> None:
    assert events(ask(canned, NAMES[case], stream=True))[-1]["error"]["type"] == "upstream_error"


@pytest.mark.parametrize("case", BROKEN_ANSWERS)
def test_a_broken_answer_is_a_bad_gateway(canned: Gateway, case: str) -> None:
    answer = ask(canned, NAMES[case])
    assert (answer.status, answer.error["type"]) == (502, "upstream_error")


@pytest.mark.parametrize("case", NO_ANSWERS)
def test_a_success_that_is_no_answer_is_a_bad_gateway(canned: Gateway, case: str) -> None:
    answer = ask(canned, NAMES[case])
    assert (answer.status, answer.error["type"]) == (502, "upstream_error")
    assert "location" not in answer.headers


@pytest.mark.parametrize("case", UNREACHABLE)
def test_what_is_not_http_is_no_backend(canned: Gateway, case: str) -> None:
    answer = ask(canned, NAMES[case])
    assert (answer.status, answer.error["code"], answer.headers["retry-after"]) == (503, "no_backend_available", "1")


def test_no_defect_was_met(canned: Gateway) -> None:
    assert canned.metric("llm_gateway_internal_errors_total") == 0
