"""Privacy policies in an exchange: what leaves, what comes back, and what is recorded."""

import json
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import TypeVar

import pytest

from extproc.config.limits import Mode
from extproc.config.model import Gateway, UsageExtraction
from extproc.config.privacy import (
    EntityAction,
    Privacy,
    PrivacyPolicy,
    PrivacyRule,
    Unreadable,
)
from extproc.errors import ContentFiltered, InternalError, RequestTooLarge
from extproc.exchange.actions import Upstream
from extproc.exchange.events import Attempt, RequestBody, RequestHeaders, ResponseBody, ResponseHeaders
from extproc.pipeline.processor import Exchange
from extproc.pipeline.screening import Screens
from extproc.policy.redact import LARGE, Redactor
from extproc.privacy.apply import Find
from extproc.privacy.surrogate import Surrogates
from extproc.telemetry.record import DataPath, EntityCount, Redactions
from tests.pipeline.conftest import GATEWAY, Records, key
from tests.privacy.redaction_fakes import ANN, find

Begin = Callable[..., Exchange]
_T = TypeVar("_T")
CARD = "4111111111111111"


class Detectors:
    """Finds what the fakes find, and says where it was asked to search."""

    def __init__(self) -> None:
        self.searches: list[str] = []

    def search(self, heard: object = ()) -> Find:
        self.searches.append("on the loop")
        return find

    def search_apart(self, heard: object = ()) -> Find:
        self.searches.append("apart")
        return find


async def at_once(work: Callable[[], _T]) -> _T:
    return work()


def offload(work: Callable[[], _T]) -> Awaitable[_T]:
    return at_once(work)


def policy(name: str = "strict", email: EntityAction = EntityAction.REPLACE, **changes: object) -> PrivacyPolicy:
    made = PrivacyPolicy(name, (("EMAIL_ADDRESS", email), ("CREDIT_CARD", EntityAction.SURROGATE)))
    return replace(made, **changes)  # type: ignore[arg-type]


def privacy(*policies: PrivacyPolicy, rules: tuple[PrivacyRule, ...] = (), **changes: int) -> Privacy:
    policies = policies or (policy(),)
    return Privacy(b"k" * 32, policies, rules or (PrivacyRule(policies[0].name),), **changes)


def screened(
    section: Privacy, detectors: Detectors | None = None, gateway: Gateway = GATEWAY
) -> tuple[Gateway, Screens]:
    found = dict.fromkeys((one.name for one in section.policies), detectors or Detectors())
    return replace(gateway, privacy=section), Screens(Redactor(section, found, Surrogates(), offload))


def headers(path: str = "/v1/chat/completions", secret: str = "sk-test", **more: str) -> RequestHeaders:
    sent = {":method": "POST", ":path": path, "authorization": f"Bearer {secret}", "content-type": "application/json"}
    return RequestHeaders({**sent, **more}, end_of_stream=False)


def chat(text: str = f"Ask {ANN}", **changes: object) -> RequestBody:
    return RequestBody(
        json.dumps({"model": "gpt-4o", "messages": [{"role": "user", "content": text}], **changes}).encode()
    )


async def admitted(exchange: Exchange, body: RequestBody | None = None, secret: str = "sk-test") -> Upstream:
    await exchange.request_headers(headers(secret=secret))
    action = await exchange.request_body(body or chat())
    assert isinstance(action, Upstream)
    return action


def answered(status: int = 200, content_type: str = "application/json", **more: str) -> ResponseHeaders:
    sent = {":status": str(status), "content-type": content_type, **{k.replace("_", "-"): v for k, v in more.items()}}
    return ResponseHeaders(status, sent, False, "openai-cluster", 1, "via_upstream")


def token(action: Upstream) -> str:
    """The placeholder that stands for the address."""
    text: str = json.loads(action.body or b"")["messages"][0]["content"]
    assert text.startswith("Ask EMAILADDRESS")
    return text.removeprefix("Ask ")


async def test_the_provider_receives_a_placeholder_and_the_caller_the_value(begin: Begin, records: Records) -> None:
    exchange = begin(*screened(privacy()))
    action = await admitted(exchange)
    assert ANN.encode() not in (action.body or b"")
    received = exchange.response_headers(answered(content_length="100"))
    assert ("x-gateway-redactions", "EMAIL_ADDRESS=1") in received.headers
    assert "content-length" in received.remove
    answer = {"choices": [{"index": 0, "message": {"content": f"It is {token(action)}"}, "finish_reason": "stop"}]}
    delivered = await exchange.response_body(ResponseBody(json.dumps(answer).encode(), True))
    assert json.loads(delivered.body or b"")["choices"][0]["message"]["content"] == f"It is {ANN}"
    assert delivered.metadata["redactions"] == 1
    exchange.close()
    assert records[0].data_path is DataPath.TRANSFORM
    assert records[0].redactions == Redactions(
        "strict", "enforce", (EntityCount("EMAIL_ADDRESS", "replace", 1),), restored=1
    )


async def test_output_is_counted_as_the_provider_made_it(begin: Begin, records: Records) -> None:
    name = policy(entities=(("EMAIL_ADDRESS", EntityAction.REPLACE),))
    exchange = begin(*screened(privacy(name)))
    action = await admitted(exchange, chat(f"Ask {ANN}", stream=True))
    exchange.response_headers(answered(content_type="text/event-stream"))
    event = {"choices": [{"index": 0, "delta": {"content": f"{token(action)} x"}}]}
    delivered = await exchange.response_body(ResponseBody(b"data: " + json.dumps(event).encode() + b"\n\n", False))
    assert ANN.encode() in (delivered.body or b"")
    exchange.close()
    usage = records[0].usage
    assert usage is not None
    assert usage.output_tokens == 2


async def test_every_attempt_sends_the_redacted_call(begin: Begin) -> None:
    exchange = begin(*screened(privacy()))
    first = await admitted(exchange, chat(model="smart"))
    second = await exchange.attempt(Attempt("anthropic-cluster", 2))
    assert ANN.encode() not in (first.body or b"") + (second.body or b"")
    assert token(first).encode() in (second.body or b"")


async def test_what_has_nothing_passes_as_it_is(begin: Begin, records: Records) -> None:
    exchange = begin(*screened(privacy()))
    action = await admitted(exchange, chat("Hi"))
    assert action.body is None
    received = exchange.response_headers(answered(content_length="100"))
    assert "x-gateway-redactions" not in dict(received.headers)
    exchange.close()
    assert records[0].redactions == Redactions("strict", "enforce")
    assert records[0].data_path is DataPath.COUNT


async def test_envoy_reads_no_usage_of_an_answer_that_is_restored(begin: Begin) -> None:
    native = replace(GATEWAY, usage_extraction=UsageExtraction.NATIVE)
    asked = {"stream": True, "stream_options": {"include_usage": True}}
    gateway, screens = screened(privacy(), gateway=native)
    for text, expected in ((f"Ask {ANN}", False), ("Hi", True)):
        action = await admitted(begin(gateway, screens), chat(text, **asked))
        assert action.native_usage is expected


async def test_an_error_that_quotes_the_prompt_is_restored(begin: Begin) -> None:
    exchange = begin(*screened(privacy()))
    action = await admitted(exchange)
    exchange.response_headers(answered(400))
    error = {"error": {"message": f"No {token(action)} here", "type": "invalid_request_error"}}
    delivered = await exchange.response_body(ResponseBody(json.dumps(error).encode(), True))
    assert json.loads(delivered.body or b"")["error"]["message"] == f"No {ANN} here"


async def test_a_policy_that_blocks(begin: Begin, records: Records) -> None:
    exchange = begin(*screened(privacy(policy(email=EntityAction.BLOCK))))
    with pytest.raises(ContentFiltered) as caught:
        await admitted(exchange)
    assert caught.value.message == "The privacy policy 'strict' refuses requests with EMAIL_ADDRESS."
    refusal = exchange.refuse(caught.value)
    assert (refusal.status, refusal.metadata["redactions"]) == (400, 1)
    exchange.close()
    assert records[0].redactions == Redactions("strict", "enforce", (EntityCount("EMAIL_ADDRESS", "block", 1),))


async def test_a_shadow_policy_only_counts(begin: Begin, records: Records) -> None:
    exchange = begin(*screened(privacy(policy(email=EntityAction.BLOCK, mode=Mode.SHADOW))))
    assert (await admitted(exchange)).body is None
    exchange.close()
    assert records[0].redactions == Redactions("strict", "shadow", (EntityCount("EMAIL_ADDRESS", "block", 1),))
    assert records[0].redactions.changed == 0


async def test_the_first_entry_that_matches_counts(begin: Begin, records: Records) -> None:
    rules = (
        PrivacyRule("b", keys=("limited",)),
        PrivacyRule("b", models=("claude",)),
        PrivacyRule("a", teams=("platform",), models=("gpt-*",)),
    )
    gateway, screens = screened(privacy(policy("a"), policy("b"), rules=rules))
    for secret, model in (("sk-limited", "gpt-4o"), ("sk-test", "claude"), ("sk-test", "gpt-4o"), ("sk-test", "smart")):
        exchange = begin(gateway, screens)
        await admitted(exchange, chat("Hi", model=model, max_tokens=5), secret)
        exchange.close()
    assert [record.redactions and record.redactions.policy for record in records] == ["b", "b", "a", None]


async def test_a_tenant_is_an_organisation_or_a_team_or_a_key(begin: Begin) -> None:
    callers = (key("a", "sk-a"), key("b", "sk-b"), key("c", "sk-c", team=""), key("d", "sk-d", team=""))
    gateway, screens = screened(privacy(), gateway=replace(GATEWAY, keys=callers))
    made = [token(await admitted(begin(gateway, screens), secret=f"sk-{name}")) for name in "abcdc"]
    assert made[0] == made[1]
    assert made[2] == made[4]
    assert len(set(made)) == 3


@pytest.mark.parametrize(("unreadable", "refused"), [(Unreadable.REFUSE, True), (Unreadable.ALLOW, False)])
async def test_a_body_that_cannot_be_read(begin: Begin, unreadable: Unreadable, refused: bool) -> None:
    exchange = begin(*screened(privacy(policy(unreadable=unreadable))))
    await exchange.request_headers(headers("/v1/files", **{"content-type": "multipart/form-data; boundary=x"}))
    upload = RequestBody(b"--x\r\n\r\nann@example.org\r\n--x--\r\n")
    if not refused:
        assert isinstance(await exchange.request_body(upload), Upstream)
        return
    with pytest.raises(ContentFiltered) as caught:
        await exchange.request_body(upload)
    assert caught.value.message == "The privacy policy 'strict' lets nothing pass that it cannot read."


@pytest.mark.parametrize("unreadable", Unreadable)
async def test_a_prompt_of_token_ids_cannot_be_read(begin: Begin, unreadable: Unreadable) -> None:
    exchange = begin(*screened(privacy(policy(unreadable=unreadable))))
    await exchange.request_headers(headers("/v1/embeddings"))
    body = RequestBody(json.dumps({"model": "gpt-4o", "input": [[1960, 964]], "user": ANN}).encode())
    if unreadable is Unreadable.ALLOW:
        action = await exchange.request_body(body)
        assert isinstance(action, Upstream)
        assert ANN.encode() not in (action.body or b"")
        return
    with pytest.raises(ContentFiltered) as caught:
        await exchange.request_body(body)
    assert caught.value.message == "The privacy policy 'strict' lets nothing pass that it cannot read."


async def test_a_large_body_is_searched_apart(begin: Begin) -> None:
    detectors = Detectors()
    gateway, screens = screened(privacy(), detectors)
    await admitted(begin(gateway, screens))
    await admitted(begin(gateway, screens), chat("x" * LARGE + ANN))
    await admitted(begin(gateway, screens), chat(stop=["b"] * (LARGE // 50)))
    assert detectors.searches == ["on the loop", "apart", "apart"]


async def test_more_text_than_is_searched_is_refused(begin: Begin) -> None:
    exchange = begin(*screened(privacy(max_characters=1024)))
    with pytest.raises(RequestTooLarge) as caught:
        await admitted(exchange, chat("x" * 1025))
    assert caught.value.message == "The request has more than the 1024 characters that can be searched."


async def test_a_shadow_policy_refuses_no_length(begin: Begin) -> None:
    exchange = begin(*screened(privacy(policy(mode=Mode.SHADOW), max_characters=1024)))
    assert (await admitted(exchange, chat("x" * 1025))).body is None


async def test_a_request_without_a_body(begin: Begin) -> None:
    exchange = begin(*screened(privacy()))
    asked = {":method": "GET", ":path": "/v1/files", "authorization": "Bearer sk-test"}
    assert isinstance(await exchange.request_headers(RequestHeaders(asked, end_of_stream=True)), Upstream)


async def test_nothing_passes_where_the_redactor_is_missing(begin: Begin) -> None:
    gateway, _ = screened(privacy())
    with pytest.raises(InternalError):
        await admitted(begin(gateway))
