"""What the server is told of a caller, by the real Envoy with the examples of docs/identities.md in front."""

import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from extproc.config.source import Source
from extproc.envoyconfig.check import check
from extproc.envoyconfig.read import read
from extproc.envoyconfig.render import RenderOptions, dump, render
from tests.envoyconfig.gateways import cluster
from tests.envoyconfig.test_envoy_files import accepted
from tests.integration.callers import Authority, Issuer, mirror
from tests.integration.conftest import SIMULATORS
from tests.integration.documents import document, key, keys
from tests.integration.doors import (
    ISSUER_CLUSTER,
    JWT_FILTER,
    RULES,
    TRANSPORT_SOCKET,
    Doors,
    door,
    in_directory,
    opened,
)
from tests.integration.gateway import KEY, LIMITED_KEY, Gateway, running_gateway, wait_until
from tests.integration.gateway import cluster as provider

WORKLOAD = "spiffe://prod.example/ns/shop/sa/cart"
FORGED = {
    "x-forwarded-for": "10.0.0.9",
    "forwarded": "for=10.0.0.9",
    "x-real-ip": "10.0.0.9",
    "x-envoy-external-address": "10.0.0.9",
    "x-forwarded-client-cert": f"By=a;Hash=b;URI={WORKLOAD}",
    "x-jwt-payload": "e30",
}
CHAT = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "Hello"}]}
Json = dict[str, Any]


@pytest.fixture(scope="module")
def told() -> Iterator[Doors]:
    """In front of a server that answers with what it was told."""
    with tempfile.TemporaryDirectory(prefix="id-") as name:
        directory = Path(name)
        with mirror(directory / "w0.sock"), opened(directory, directory, [cluster("one", 1)]) as doors:
            yield doors


def test_a_caller_at_the_edge_is_who_connects_whatever_they_say(told: Doors) -> None:
    heard = told.ask("plain", FORGED)
    assert (heard["address"], heard["spiffe_id"], heard["claims"]) == ("127.0.0.1", "", {})


@pytest.mark.parametrize(
    ("forwarded_for", "address"),
    [
        ("203.0.113.9", "203.0.113.9"),
        ("2001:db8::7", "2001:db8::7"),
        ("198.51.100.1, 203.0.113.9", "203.0.113.9"),
        ("10.0.0.1, nonsense", "127.0.0.1"),
        (None, "127.0.0.1"),
    ],
)
def test_behind_a_trusted_proxy_the_address_is_the_one_that_the_proxy_added(
    told: Doors, forwarded_for: str | None, address: str
) -> None:
    headers = {"x-forwarded-for": forwarded_for} if forwarded_for is not None else {}
    assert told.ask("behind one proxy", headers)["address"] == address


def test_without_use_remote_address_callers_choose_their_address(told: Doors) -> None:
    """Why `check` wants it."""
    assert told.ask("believing", FORGED)["address"] == "10.0.0.9"


def test_a_verified_tokens_payload_arrives_and_the_token_does_not(told: Doors) -> None:
    claims = {"email": "ann@corp.example", "groups": ["a", "b"], "deep": {"n": 1, "yes": True, "no": None, "l": [[1]]}}
    heard = told.ask("jwt", told.bearer(**claims))
    payload = heard["claims"]["corp"]
    assert {name: payload[name] for name in claims} == claims
    assert (payload["iss"], payload["aud"], payload["sub"]) == ("https://issuer.example", "llm", "ann")
    assert "authorization" not in heard["headers"]


@pytest.mark.parametrize("claims", [{"exp": 1}, {"iss": "https://other.example"}, {"aud": "other"}, {"exp": None}])
def test_a_token_that_does_not_hold_brings_no_claims_and_stays_a_key_that_nobody_has(told: Doors, claims: Json) -> None:
    headers = told.bearer(**claims)
    heard = told.ask("jwt", headers)
    assert heard["claims"] == {}
    assert heard["headers"]["authorization"] == headers["authorization"]


def test_a_token_signed_by_somebody_else_brings_no_claims(told: Doors) -> None:
    heard = told.ask("jwt", {"authorization": f"Bearer {Issuer().token(time.time())}"})
    assert heard["claims"] == {}


def test_a_token_that_nobody_signed_brings_no_claims(told: Doors) -> None:
    head, payload, _ = told.issuer.token(time.time()).split(".")
    none = "eyJhbGciOiJub25lIn0"
    for token in (f"{none}.{payload}.", f"{head}.{payload}.", f"{head}.{payload}.AAAA"):
        assert told.ask("jwt", {"authorization": f"Bearer {token}"})["claims"] == {}


def test_a_key_comes_through_beside_tokens(told: Doors) -> None:
    heard = told.ask("jwt", {"authorization": "Bearer sk-demo"})
    assert (heard["claims"], heard["headers"]["authorization"]) == ({}, "Bearer sk-demo")


def test_a_token_beside_a_key_leaves_the_key(told: Doors) -> None:
    heard = told.ask("jwt", {**told.bearer(), "x-api-key": "sk-demo"})
    assert (list(heard["claims"]), heard["headers"]["x-api-key"]) == (["corp"], "sk-demo")


def test_where_only_tokens_count_envoy_refuses_the_rest_in_openais_shape(told: Doors) -> None:
    status, answer = told.answer("jwt only", {"authorization": "Bearer sk-demo"})
    assert (status, answer["error"]["type"]) == (401, "invalid_request_error")
    assert told.ask("jwt only", told.bearer())["claims"]["corp"]["sub"] == "ann"


def test_a_token_that_is_only_to_be_extracted_brings_no_claims_either_unless_it_holds(told: Doors) -> None:
    forged = {"authorization": f"Bearer {Issuer().token(time.time(), sub='root')}"}
    assert told.ask("jwt only extracted", forged)["claims"] == {}


def test_the_spiffe_id_of_a_verified_certificate_arrives(told: Doors) -> None:
    assert told.ask("tls", FORGED, told.authority.issue("cart", WORKLOAD))["spiffe_id"] == WORKLOAD


@pytest.mark.parametrize(
    ("uris", "spiffe_id"),
    [
        ((), ""),
        (("https://prod.example/ns/shop/sa/cart",), ""),
        (("https://prod.example/", WORKLOAD), ""),
        ((WORKLOAD, "https://prod.example/"), WORKLOAD),
    ],
)
def test_a_certificate_counts_by_its_first_uri(told: Doors, uris: tuple[str, ...], spiffe_id: str) -> None:
    assert told.ask("tls", FORGED, told.authority.issue("some", *uris))["spiffe_id"] == spiffe_id


def test_without_a_certificate_there_is_no_id_whatever_the_caller_says(told: Doors) -> None:
    assert told.ask("tls", FORGED)["spiffe_id"] == ""


def test_a_strangers_certificate_ends_the_connection(told: Doors) -> None:
    with pytest.raises(OSError):  # noqa: PT011 - TLS or the socket says it, whichever is first
        told.ask("tls", certificate=told.stranger.issue("cart-too", WORKLOAD))


def test_a_certificate_that_is_accepted_untrusted_would_be_believed(told: Doors) -> None:
    """Why `check` refuses it."""
    heard = told.ask("tls accepting untrusted", certificate=told.stranger.issue("cart-too", WORKLOAD))
    assert heard["spiffe_id"] == WORKLOAD


def test_a_certificate_that_is_required_without_an_authority_is_not_even_asked_for(told: Doors) -> None:
    """Why `check` wants one."""
    assert told.ask("tls without authority", certificate=told.stranger.issue("cart-too", WORKLOAD))["spiffe_id"] == ""
    assert told.ask("tls without authority")["spiffe_id"] == ""


@pytest.fixture(scope="module")
def whole() -> Iterator[tuple[Gateway, Doors]]:
    """In front of a whole gateway, with the rules of the documentation."""
    entries = keys(
        key("demo", KEY),
        key("limited", LIMITED_KEY, models=["claude-sonnet-4-6"]),
        key("inside", "sk-inside", networks=["10.0.0.0/8", "2001:db8::/32"]),
    )
    with running_gateway(document(keys=entries, **RULES), SIMULATORS) as gateway:
        providers = [provider(name, one.port) for name, one in gateway.simulators.by_name.items()]
        with opened(gateway.directory, gateway.directory, providers) as doors:
            yield gateway, doors


def chat(doors: Doors, way: str, headers: Json, certificate: tuple[Path, Path] | None = None) -> tuple[int, str | None]:
    """Status, and the code of an error."""
    status, answer = doors.answer(way, headers, certificate, body=CHAT)
    return status, answer["error"]["code"] if "error" in answer else None


def _counted(gateway: Gateway, key: str, team: str) -> bool:
    return gateway.metric("llm_gateway_requests_total", key=key, team=team) == 1


def test_a_token_is_a_caller_by_the_rule_that_matches(whole: tuple[Gateway, Doors]) -> None:
    gateway, doors = whole
    headers = doors.bearer(email="ann@corp.example", groups=["staff", "platform"])
    assert chat(doors, "jwt", headers) == (200, None)
    wait_until(lambda: _counted(gateway, "staff", "platform"), 5, "the record of the exchange")
    received = gateway.simulator("openai").log.last
    assert received.header("authorization") == "Bearer credential-of-openai"


def test_a_certificate_is_a_caller_by_the_rule_that_matches(whole: tuple[Gateway, Doors]) -> None:
    gateway, doors = whole
    assert chat(doors, "tls", {}, doors.authority.issue("cart", WORKLOAD)) == (200, None)
    wait_until(lambda: _counted(gateway, "workloads", "shop"), 5, "the record of the exchange")


@pytest.mark.parametrize(
    ("claims", "answer"),
    [
        ({"email": "ann@corp.example"}, (401, "invalid_api_key")),
        ({"email": "ann@corp.example", "groups": ["sales"]}, (401, "invalid_api_key")),
        ({"email": "ann@corp.example", "groups": ["platform"], "exp": 1}, (401, "invalid_api_key")),
        ({"groups": ["platform"]}, (403, "identity_refused")),
        ({"email": 'ann"\n', "groups": ["platform"]}, (403, "identity_refused")),
    ],
)
def test_a_token_of_which_no_caller_can_be_made_is_refused(
    whole: tuple[Gateway, Doors], claims: Json, answer: tuple[int, str]
) -> None:
    _, doors = whole
    assert chat(doors, "jwt", doors.bearer(**claims)) == answer


def test_nobody_is_refused_whatever_they_say(whole: tuple[Gateway, Doors]) -> None:
    _, doors = whole
    for way in ("plain", "jwt", "tls"):
        assert chat(doors, way, FORGED) == (401, "invalid_api_key")
    assert chat(doors, "tls", FORGED, doors.authority.issue("other", "spiffe://test.example/x")) == (
        401,
        "invalid_api_key",
    )


def test_a_key_decides_for_a_caller_who_has_an_identity_too(whole: tuple[Gateway, Doors]) -> None:
    _, doors = whole
    token = doors.bearer(email="ann@corp.example", groups=["platform"])
    certificate = doors.authority.issue("cart", WORKLOAD)
    assert chat(doors, "jwt", {**token, "x-api-key": LIMITED_KEY}) == (403, "model_not_allowed")
    assert chat(doors, "jwt", {**token, "x-api-key": "sk-unknown"}) == (401, "invalid_api_key")
    assert chat(doors, "tls", {"x-api-key": LIMITED_KEY}, certificate) == (403, "model_not_allowed")


@pytest.mark.parametrize(
    ("way", "headers", "status"),
    [
        ("plain", {}, 403),
        ("plain", FORGED, 403),
        ("behind one proxy", {}, 403),
        ("behind one proxy", {"x-forwarded-for": "10.1.2.3"}, 200),
        ("behind one proxy", {"x-forwarded-for": "2001:db8::7"}, 200),
        ("behind one proxy", {"x-forwarded-for": "10.1.2.3, 203.0.113.9"}, 403),
    ],
)
def test_a_key_counts_in_its_networks_alone(whole: tuple[Gateway, Doors], way: str, headers: Json, status: int) -> None:
    _, doors = whole
    assert chat(doors, way, {**headers, "authorization": "Bearer sk-inside"})[0] == status


def test_an_envoy_that_does_not_say_who_calls_lets_nobody_in_by_it(whole: tuple[Gateway, Doors]) -> None:
    _, doors = whole
    token = doors.bearer(email="ann@corp.example", groups=["platform"])
    certificate = doors.authority.issue("cart", WORKLOAD)
    assert chat(doors, "tls untold", token, certificate) == (401, "invalid_api_key")
    assert chat(doors, "tls untold", {"x-api-key": "sk-inside"}, certificate) == (403, "network_not_allowed")
    assert chat(doors, "tls untold", {"x-api-key": KEY}, certificate) == (200, None)


def test_the_examples_together_are_a_configuration_that_envoy_and_check_take(tmp_path: Path) -> None:
    Authority(tmp_path).issue("tls")
    (tmp_path / "gateway.yaml").write_text(yaml.safe_dump(document(**RULES)))
    of = Source(tmp_path / "gateway.yaml", {}).read()
    clusters = [provider(name, 1) for name in SIMULATORS]
    made = render(of, [*clusters, ISSUER_CLUSTER], RenderOptions(socket_directory=str(tmp_path)))
    (rendered,) = made["static_resources"]["listeners"]
    tls = in_directory(TRANSPORT_SOCKET, tmp_path)
    made["static_resources"]["listeners"] = [door(rendered, "llm", JWT_FILTER, transport_socket=tls)]
    written = tmp_path / "envoy.yaml"
    written.write_text(dump(made))
    assert accepted(written).endswith("OK")
    assert check(of, read([written])) == []
