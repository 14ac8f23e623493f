"""Who calls: by a key of ours, else by what Envoy verified."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from extproc.config.model import Claim, ForeignKeys, IdentityRule
from extproc.errors import Unauthenticated
from extproc.exchange.events import RequestHeaders
from extproc.genai.prices import PriceBook
from extproc.pipeline.processor import Exchange, Processor
from extproc.pipeline.snapshot import Snapshot
from tests.pipeline.conftest import GATEWAY, FakeClock, Records, treasury
from tests.pipeline.test_exchange import body

CART = "spiffe://prod.example/ns/shop/sa/cart"
WORKLOADS = IdentityRule("workloads", spiffe="spiffe://prod.example/ns/*/sa/*", user="{2}", team="{1}")
STAFF = IdentityRule("staff", provider="corp", claims=(Claim("groups", "llm"),), user="{sub}")

Call = Callable[..., Exchange]


@pytest.fixture
def exchange(clock: FakeClock, records: Records) -> Call:
    processor = Processor(worker="/run/w0.sock", clock=clock, treasury=treasury(clock), recorder=records)

    def start(*rules: IdentityRule) -> Exchange:
        return processor.begin(Snapshot(replace(GATEWAY, identities=rules), PriceBook()), "exchange-1")

    return start


def asked(key: str = "", spiffe: str = "", **claims: object) -> RequestHeaders:
    sent = {":method": "POST", ":path": "/v1/chat/completions", **({"x-api-key": key} if key else {})}
    return RequestHeaders(sent, end_of_stream=False, spiffe_id=spiffe, claims={"corp": claims} if claims else {})


async def known(exchange: Exchange, records: Records, event: RequestHeaders) -> tuple[str, str]:
    await exchange.request_headers(event)
    await exchange.request_body(body())
    exchange.close()
    return records[-1].key_alias, records[-1].team


async def test_a_workload_is_known_by_its_certificate(exchange: Call, records: Records) -> None:
    assert await known(exchange(WORKLOADS), records, asked(spiffe=CART)) == ("workloads", "shop")


async def test_a_person_is_known_by_a_token(exchange: Call, records: Records) -> None:
    event = asked(sub="ann", groups=["llm", "all"])
    assert await known(exchange(WORKLOADS, STAFF), records, event) == ("staff", "")


async def test_a_key_of_ours_counts_before_both(exchange: Call, records: Records) -> None:
    assert await known(exchange(WORKLOADS), records, asked("sk-test", CART)) == ("dev", "platform")


@pytest.mark.parametrize("event", [asked(), asked("sk-personal"), asked(spiffe="spiffe://other.example/ns/a/sa/b")])
async def test_nobody_is_refused(exchange: Call, event: RequestHeaders) -> None:
    with pytest.raises(Unauthenticated):
        await exchange(WORKLOADS, STAFF).request_headers(event)


async def test_a_credential_of_another_scheme_hides_no_key(exchange: Call, records: Records) -> None:
    sent = {**asked("sk-test").headers, "authorization": "Basic dXNlcjpwYXNz"}
    assert await known(exchange(), records, RequestHeaders(sent, end_of_stream=False)) == ("dev", "platform")


async def test_a_credential_of_another_scheme_is_foreign_like_a_key(exchange: Call, records: Records) -> None:
    sent = {**asked().headers, "authorization": "Basic dXNlcjpwYXNz"}
    event = RequestHeaders(sent, end_of_stream=False, spiffe_id=CART)
    with pytest.raises(Unauthenticated):
        await exchange(WORKLOADS).request_headers(event)
    lenient = replace(WORKLOADS, foreign_keys=ForeignKeys.IGNORE)
    assert await known(exchange(lenient), records, event) == ("workloads", "shop")


async def test_an_empty_bearer_token_is_no_key(exchange: Call, records: Records) -> None:
    event = RequestHeaders({**asked().headers, "authorization": "Bearer "}, end_of_stream=False, spiffe_id=CART)
    assert await known(exchange(WORKLOADS), records, event) == ("workloads", "shop")


async def test_a_personal_key_is_refused_unless_the_document_ignores_it(exchange: Call, records: Records) -> None:
    with pytest.raises(Unauthenticated):
        await exchange(WORKLOADS).request_headers(asked("sk-personal", CART))
    lenient = replace(WORKLOADS, foreign_keys=ForeignKeys.IGNORE)
    assert await known(exchange(lenient), records, asked("sk-personal", CART)) == ("workloads", "shop")
