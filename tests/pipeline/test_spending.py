"""Limits and budgets in an exchange, without Envoy."""

import json
from collections.abc import Callable
from dataclasses import replace

import pytest

from extproc.apischema.endpoints import CHAT, COMPLETIONS, MESSAGES, RESPONSES, Endpoint
from extproc.config.limits import AnyRule, BudgetRule, ConcurrencyLimit, Measure, RateLimit, Rolling, Scope, Total
from extproc.errors import BudgetExceeded, PermissionDenied, RateLimited
from extproc.exchange.actions import BodyMode, Cut, Respond, Upstream
from extproc.exchange.events import RequestHeaders, ResponseBody
from extproc.genai.prices import PriceBook
from extproc.genai.usage import TokenUsage
from extproc.pipeline.processor import Exchange, Processor
from extproc.pipeline.snapshot import Snapshot
from extproc.pipeline.spending import Spending, Treasury, allowed_output
from extproc.translator.base import Call
from extproc.wire.json_object import parse_object
from tests.pipeline.conftest import GATEWAY, FakeClock, Records, treasury
from tests.pipeline.test_exchange import answered, body, headers

Begin = Callable[..., Exchange]
WORDS = b'data: {"choices":[{"index":0,"delta":{"content":"%s"}}]}\n\n'


def budget(**changes: object) -> BudgetRule:
    boring = BudgetRule(name="b", scope=Scope.KEY, measure=Measure.TOKENS, amount=600, window=Total())
    return replace(boring, **changes)


@pytest.fixture
def shared(clock: FakeClock) -> Treasury:
    return treasury(clock)


@pytest.fixture
def begin(clock: FakeClock, records: Records, shared: Treasury) -> Begin:
    processor = Processor(worker="/run/w0.sock", clock=clock, treasury=shared, recorder=records)
    count = iter(range(1000))

    def start(*rules: AnyRule) -> Exchange:
        gateway = replace(GATEWAY, rules=rules, quantum_tokens=64)
        return processor.begin(Snapshot(gateway, PriceBook()), f"exchange-{next(count)}")

    return start


async def streaming(exchange: Exchange) -> None:
    await exchange.request_headers(headers())
    assert isinstance(await exchange.request_body(body(stream=True)), Upstream)
    assert exchange.response_headers(answered(content_type="text/event-stream")).mode is BodyMode.STREAMED


async def test_a_stream_is_cut_where_its_budget_ends(begin: Begin, records: Records, clock: FakeClock) -> None:
    exchange = begin(budget(amount=300))
    await streaming(exchange)
    delivered = 0
    while True:
        piece = await exchange.response_body(ResponseBody(WORDS % b"one two three four five ", end_of_stream=False))
        if piece.body is not None:
            break
        delivered += 5
    assert 280 <= delivered <= 300
    assert b'"code":"budget_exceeded"' in piece.body
    assert piece.body.endswith(b"data: [DONE]\n\n")
    with pytest.raises(Cut):
        await exchange.response_body(ResponseBody(WORDS % b"more", end_of_stream=False))
    assert clock.now == 101.0  # a second to leave in
    exchange.close()
    assert (records[0].status, records[0].error_type) == (200, "budget_exceeded")
    assert records[0].usage is not None
    assert records[0].usage.output_tokens == delivered + 5


async def test_a_stream_within_its_budget_is_not_touched(begin: Begin) -> None:
    exchange = begin(budget(amount=100_000))
    await streaming(exchange)
    for _ in range(100):
        piece = await exchange.response_body(ResponseBody(WORDS % b"one two three four five ", end_of_stream=False))
        assert piece.body is None


async def test_the_next_request_sees_what_this_one_holds(begin: Begin) -> None:
    rule = budget(amount=300)
    first, second = begin(rule), begin(rule)
    await first.request_headers(headers())
    await first.request_body(body())
    await second.request_headers(headers())
    with pytest.raises(BudgetExceeded):
        await second.request_body(body())
    first.close()


async def test_a_request_that_cannot_be_prepared_reserves_nothing(begin: Begin, shared: Treasury) -> None:
    exchange = begin(budget())
    await exchange.request_headers(headers())
    with pytest.raises(Exception, match="does not exist"):
        await exchange.request_body(body(model="nobody"))
    assert shared.governor.open_leases == 0


async def test_an_exchange_that_is_closed_holds_nothing(begin: Begin, shared: Treasury) -> None:
    exchange = begin(budget(), ConcurrencyLimit(name="c", scope=Scope.KEY, amount=5))
    await exchange.request_headers(headers())
    await exchange.request_body(body())
    assert shared.governor.open_leases == 1
    exchange.close()
    assert shared.governor.open_leases == 0


async def test_a_limit_is_shown_on_the_answer(begin: Begin) -> None:
    exchange = begin(RateLimit(name="r", scope=Scope.KEY, measure=Measure.REQUESTS, amount=60, seconds=60, burst=5))
    await exchange.request_headers(headers())
    await exchange.request_body(body())
    received = exchange.response_headers(answered(content_length="10"))
    assert received.headers[:3] == (
        ("x-ratelimit-limit-requests", "5"),
        ("x-ratelimit-remaining-requests", "4"),
        ("x-ratelimit-reset-requests", "1s"),
    )


async def test_embeddings_hold_their_input_only(begin: Begin) -> None:
    exchange = begin(budget(amount=3))
    await exchange.request_headers(headers(path="/v1/embeddings"))
    sent = json.dumps({"model": "gpt-4o", "input": "one two"}).encode()
    assert isinstance(await exchange.request_body(type(body())(sent)), Upstream)


async def test_counting_tokens_holds_nothing_of_a_budget(begin: Begin) -> None:
    exchange = begin(budget(amount=3))
    await exchange.request_headers(headers(path="/v1/messages/count_tokens"))
    sent = {"model": "claude", "messages": [{"role": "user", "content": "one two three four five six"}]}
    assert isinstance(await exchange.request_body(type(body())(json.dumps(sent).encode())), Upstream)


async def test_pass_through_counts_as_a_request(begin: Begin) -> None:
    limit = RateLimit(name="r", scope=Scope.KEY, measure=Measure.REQUESTS, amount=1, seconds=60, burst=1)
    sent = {":method": "GET", ":path": "/v1/files", "authorization": "Bearer sk-test"}
    for expected in (Upstream, RateLimited):
        exchange = begin(limit)
        if expected is Upstream:
            assert isinstance(await exchange.request_headers(RequestHeaders(sent, end_of_stream=True)), Upstream)
        else:
            with pytest.raises(RateLimited):
                await begin(limit).request_headers(RequestHeaders(sent, end_of_stream=True))


async def test_what_has_no_price_is_not_for_a_budget_of_money(begin: Begin) -> None:
    exchange = begin(budget(measure=Measure.MONEY, amount=10**9))
    sent = {":method": "POST", ":path": "/v1/images/generations", "authorization": "Bearer sk-test"}
    await exchange.request_headers(RequestHeaders(sent, end_of_stream=False))
    with pytest.raises(PermissionDenied) as caught:
        await exchange.request_body(type(body())(b'{"prompt": "a cat"}'))
    assert caught.value.code == "endpoint_without_price"


@pytest.mark.parametrize(("background", "code"), [(b"true", "background_not_accounted"), (b"false", None)])
async def test_a_response_in_the_background_is_not_for_a_budget(
    begin: Begin, background: bytes, code: str | None
) -> None:
    exchange = begin(budget())
    await exchange.request_headers(headers(path="/v1/responses"))
    asked = exchange.request_body(type(body())(b'{"model": "gpt-4o", "input": "hi", "background": %s}' % background))
    if code is None:
        assert isinstance(await asked, Upstream)
    else:
        with pytest.raises(PermissionDenied) as caught:
            await asked
        assert caught.value.code == code


@pytest.mark.parametrize(
    ("most", "usage", "likely"),
    [
        (1000, TokenUsage(input_tokens=10, output_tokens=5), 6),
        (5, TokenUsage(input_tokens=10, output_tokens=5), None),
        (1000, TokenUsage(input_tokens=10, output_tokens=5, estimated=True), None),
    ],
    ids=["whole", "cut by its own bound", "cut by whoever"],
)
async def test_only_whole_answers_are_learnt_from(
    shared: Treasury, most: int, usage: TokenUsage, likely: int | None
) -> None:
    for number in range(4):
        snapshot = Snapshot(replace(GATEWAY, rules=(budget(amount=10**9),)), PriceBook())
        spending = Spending(shared, snapshot.terms())
        sent = b'{"max_tokens": %d}' % most
        call = Call(endpoint=CHAT, path="/v1/chat/completions", body=sent, fields=parse_object(sent), model="gpt-4o")
        caller = snapshot.directory.find("sk-test", 0.0)
        chain = snapshot.chain("gpt-4o")
        plan = spending.plan(caller, "gpt-4o", "gpt-4o")
        await spending.reserve(f"exchange-{number}", plan, call, chain.legs[0])
        spending.settle(usage, None)
    assert shared.estimator.output("dev", "gpt-4o", stream=True) == likely


async def test_the_quota_is_shown(begin: Begin) -> None:
    exchange = begin(budget(), ConcurrencyLimit(name="c", scope=Scope.KEY, amount=5))
    sent = {":method": "GET", ":path": "/v1/quota", "authorization": "Bearer sk-test"}
    action = await exchange.request_headers(RequestHeaders(sent, end_of_stream=True))
    assert isinstance(action, Respond)
    assert json.loads(action.body) == {
        "object": "quota",
        "key": "dev",
        "user": "",
        "team": "platform",
        "organisation": "",
        "models": ["*"],
        "limits": [
            {
                "name": "c",
                "scope": "key",
                "subject": "dev",
                "models": ["*"],
                "mode": "enforce",
                "measure": "concurrent",
                "limit": 5,
                "remaining": 5,
            }
        ],
        "budgets": [
            {
                "name": "b",
                "scope": "key",
                "subject": "dev",
                "models": ["*"],
                "mode": "enforce",
                "currency": "tokens",
                "limit": 600,
                "spent": 0,
                "reserved": 0,
                "remaining": 600,
                "window": "total",
                "resets_at": None,
            }
        ],
    }


async def test_the_quota_says_when_some_of_a_rolling_budget_comes_back(begin: Begin, shared: Treasury) -> None:
    rolling = budget(window=Rolling(3600), amount=100_000)
    exchange = begin(rolling)
    await streaming(exchange)
    await exchange.response_body(ResponseBody(WORDS % b"one two three", end_of_stream=True))
    exchange.close()
    await shared.governor.close(1.0)
    sent = {":method": "GET", ":path": "/v1/quota", "authorization": "Bearer sk-test"}
    action = await begin(rolling).request_headers(RequestHeaders(sent, end_of_stream=True))
    assert isinstance(action, Respond)
    (shown,) = json.loads(action.body)["budgets"]
    assert (shown["window"], shown["resets_at"]) == ("rolling 3600s", "2023-11-14T23:14:00Z")


@pytest.mark.parametrize(
    ("endpoint", "fields", "most"),
    [
        (CHAT, {}, None),
        (CHAT, {"max_tokens": 50}, 50),
        (CHAT, {"max_completion_tokens": 60, "max_tokens": 50}, 60),
        (CHAT, {"max_completion_tokens": 1, "max_tokens": 50}, 50),
        (CHAT, {"max_output_tokens": 1}, None),
        (CHAT, {"max_tokens": 50, "n": 3}, 150),
        (CHAT, {"max_tokens": 50, "prompt": ["one", "two"]}, 50),
        (CHAT, {"max_tokens": None}, None),
        (CHAT, {"max_tokens": 0}, None),
        (CHAT, {"max_tokens": -5}, None),
        (CHAT, {"max_tokens": "many"}, None),
        (CHAT, {"max_tokens": 10**30}, 1 << 24),
        (COMPLETIONS, {"max_completion_tokens": 1}, None),
        (COMPLETIONS, {"max_tokens": 50, "n": 2, "best_of": 4}, 200),
        (COMPLETIONS, {"max_tokens": 50, "prompt": "one"}, 50),
        (COMPLETIONS, {"max_tokens": 50, "prompt": ["one", "two", "three"]}, 150),
        (COMPLETIONS, {"max_tokens": 50, "prompt": [[1, 2], [3]], "n": 2}, 200),
        (COMPLETIONS, {"max_tokens": 50, "prompt": [1, 2, 3]}, 50),
        (COMPLETIONS, {"max_tokens": 50, "prompt": []}, 50),
        (MESSAGES, {"max_tokens": 70, "max_completion_tokens": 1}, 70),
        (RESPONSES, {"max_output_tokens": 70, "max_tokens": 1}, 70),
    ],
)
def test_the_callers_bound_on_its_output(endpoint: Endpoint, fields: dict[str, object], most: int | None) -> None:
    sent = json.dumps(fields).encode()
    call = Call(endpoint=endpoint, path=f"/v1{endpoint.path}", body=sent, fields=parse_object(sent), model="m")
    assert allowed_output(call) == most


async def test_a_request_that_follows_counts_once_and_reserves_when_it_asks_after_all(shared: Treasury) -> None:
    requests = RateLimit(name="r", scope=Scope.KEY, measure=Measure.REQUESTS, amount=3, seconds=3600, burst=3)
    snapshot = Snapshot(replace(GATEWAY, rules=(requests, budget(amount=100_000))), PriceBook())
    caller, leg = snapshot.directory.find("sk-test", 0.0), snapshot.chain("gpt-4o").legs[0]
    call = Call(endpoint=CHAT, path="/v1/chat/completions", body=b"{}", fields={}, model="gpt-4o")
    follower, hit = Spending(shared, snapshot.terms()), Spending(shared, snapshot.terms())
    plan = follower.plan(caller, "gpt-4o", "gpt-4o")

    await follower.count("exchange-1", plan)
    assert (shared.governor.open_leases, follower.watches_output) == (1, False)
    await follower.reserve("exchange-1", plan, call, leg)
    assert (shared.governor.open_leases, follower.watches_output) == (2, True)
    await hit.count("exchange-2", plan)
    assert dict(hit.headers())["x-ratelimit-remaining-requests"] == "1"
    follower.settle(TokenUsage(10, 10), None)
    hit.settle(None, None)
    assert shared.governor.open_leases == 0

    await Spending(shared, snapshot.terms()).count("exchange-3", plan)
    with pytest.raises(RateLimited):
        await Spending(shared, snapshot.terms()).count("exchange-4", plan)
