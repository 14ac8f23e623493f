"""Whom a rule takes a caller for, and whom it refuses."""

from typing import Any

import pytest

from extproc.config.model import Claim, IdentityRule
from extproc.errors import PermissionDenied
from extproc.policy.identities import Identities, Identity

PAYLOAD = {
    "iss": "https://issuer.example",
    "sub": "00u1",
    "email": "ann@corp.example",
    "groups": ["staff", "platform"],
    "level": 3.0,
    "half": 0.5,
    "serial": 9007199254740993.0,
    "admin": True,
    "nothing": None,
    "realm_access": {"roles": ["reader"], "unit": {"name": "research"}},
    "https://corp.example/team": "ml",
}
WORKLOAD = "spiffe://prod.example/ns/shop/sa/cart"


def token_rule(*claims: tuple[str, str], name: str = "staff", **fields: Any) -> IdentityRule:
    return IdentityRule(name, provider="corp", claims=tuple(Claim(*claim) for claim in claims), **fields)


def by_token(rule: IdentityRule, **changes: object) -> Identity | None:
    return Identities((rule,)).match({"corp": {**PAYLOAD, **changes}}, "")


def by_certificate(pattern: str, spiffe_id: str, **fields: Any) -> Identity | None:
    return Identities((IdentityRule("workloads", spiffe=pattern, **fields),)).match({}, spiffe_id)


@pytest.mark.parametrize(
    ("claim", "value"),
    [
        ("sub", "00u1"),
        ("sub", "00*"),
        ("sub", "*"),
        ("groups", "platform"),
        ("groups", "plat*"),
        ("level", "3"),
        ("admin", "true"),
        ("half", "*"),
        ("realm_access", "*"),
        ("realm_access.roles", "reader"),
        ("realm_access.unit.name", "research"),
        ("https://corp.example/team", "ml"),
    ],
)
def test_a_claim_that_holds(claim: str, value: str) -> None:
    assert by_token(token_rule((claim, value))) is not None


@pytest.mark.parametrize(
    ("claim", "value"),
    [
        ("sub", "00u"),
        ("sub", "00U1"),
        ("sub", "x*"),
        ("groups", "plat"),
        ("level", "3.0"),
        ("half", "0.5"),
        ("serial", "9007199254740992"),
        ("admin", "True"),
        ("nothing", "*"),
        ("nothing", "None"),
        ("missing", "*"),
        ("realm_access", "reader"),
        ("realm_access.roles.reader", "*"),
        ("sub.more", "*"),
    ],
)
def test_a_claim_that_does_not_hold(claim: str, value: str) -> None:
    assert by_token(token_rule((claim, value))) is None


def test_without_claims_any_token_of_the_provider_holds() -> None:
    assert by_token(token_rule()) is not None
    assert Identities((token_rule(),)).match({}, WORKLOAD) is None


def test_all_claims_must_hold() -> None:
    assert by_token(token_rule(("sub", "00u1"), ("groups", "sales"))) is None


def test_a_name_with_dots_counts_before_a_path() -> None:
    rule = token_rule(("a.b.c", "whole"))
    assert by_token(rule, **{"a.b.c": "whole", "a": {"b": {"c": "path"}}}) is not None
    assert by_token(rule, **{"a.b": {"c": "whole"}}) is not None
    assert by_token(rule, a={"b": {"c": "path"}}) is None


def test_another_providers_token_does_not_count() -> None:
    assert Identities((token_rule(("sub", "00u1")),)).match({"partner": PAYLOAD}, WORKLOAD) is None


@pytest.mark.parametrize("payload", [None, "text", 1.0, [], ["sub"]])
def test_what_is_no_payload_is_nobody(payload: object) -> None:
    assert Identities((token_rule(("sub", "*")), token_rule())).match({"corp": payload}, "") is None


def test_the_first_rule_that_matches_counts() -> None:
    rules = (
        token_rule(("groups", "sales"), name="sales"),
        token_rule(("groups", "staff"), name="staff"),
        token_rule(("groups", "platform"), name="platform"),
    )
    identity = Identities(rules).match({"corp": PAYLOAD}, "")
    assert identity == Identity(rules[1], "", "", ())


def test_templates_are_filled_from_claims() -> None:
    rule = token_rule(("sub", "*"), user="{email}", team="t-{realm_access.unit.name}", tags=("level-{level}", "fixed"))
    assert by_token(rule) == Identity(rule, "ann@corp.example", "t-research", ("level-3", "fixed"))


@pytest.mark.parametrize(
    "spiffe_id",
    [
        "",
        "spiffe://prod.example/ns/shop/sa/",
        "spiffe://prod.example/ns/shop/sa/cart/x",
        "spiffe://prod.example/ns//sa/cart",
        "spiffe://test.example/ns/shop/sa/cart",
        "spiffe://prodxexample/ns/shop/sa/cart",
        "xspiffe://prod.example/ns/shop/sa/cart",
        "spiffe://prod.example/ns/shop/sa/cart\n",
        "spiffe://prod.example/ns/shop/sa/c%61rt",
    ],
)
def test_a_star_is_one_segment_and_the_rest_is_exact(spiffe_id: str) -> None:
    assert by_certificate("spiffe://prod.example/ns/*/sa/*", spiffe_id) is None


def test_templates_are_filled_from_stars() -> None:
    identity = by_certificate("spiffe://prod.example/ns/*/sa/*", WORKLOAD, user="{1}/{2}", team="{1}")
    assert identity is not None
    assert (identity.user, identity.team) == ("shop/cart", "shop")


def test_an_id_without_stars() -> None:
    identity = by_certificate(WORKLOAD, WORKLOAD, user="cart")
    assert identity is not None
    assert identity.user == "cart"


@pytest.mark.parametrize(
    "email",
    [
        "",
        None,
        "a b",
        "ann\n",
        'ann"}',
        "änn",
        "-ann",
        "a" * 65,
        "{sub}",
        0.5,
        9007199254740993.0,
        ["ann@corp.example"],
        {"address": "ann"},
    ],
)
def test_a_claim_that_is_not_fit_to_be_a_name_is_refused_without_repeating_it(email: object) -> None:
    with pytest.raises(PermissionDenied) as refused:
        by_token(token_rule(("sub", "*"), user="{email}"), email=email)
    assert refused.value.message == "What the caller is known by gives no user for the identity 'staff'."
    assert refused.value.code == "identity_refused"


@pytest.mark.parametrize("fields", [{"user": "{no}"}, {"team": "a{no}"}, {"tags": ("fixed", "{no}")}])
def test_a_claim_that_is_not_there_is_refused(fields: Any) -> None:
    with pytest.raises(PermissionDenied):
        by_token(token_rule(("sub", "*"), **fields))


def test_a_refusal_does_not_fall_to_the_next_rule() -> None:
    rules = (token_rule(("sub", "*"), user="{no}"), token_rule(("sub", "*"), user="guest"))
    with pytest.raises(PermissionDenied):
        Identities(rules).match({"corp": PAYLOAD}, "")


def test_a_segment_that_climbs_is_refused() -> None:
    with pytest.raises(PermissionDenied):
        by_certificate("spiffe://prod.example/ns/*/sa/*", "spiffe://prod.example/ns/../sa/cart", team="{1}")


def test_payloads_are_looked_at_once_however_many_rules_there_are() -> None:
    class Claims(dict[str, object]):
        looks = 0

        def __getitem__(self, name: str) -> object:
            self.looks += 1
            return super().__getitem__(name)

    claims = Claims(corp=PAYLOAD)
    rules = tuple(token_rule(("groups", name)) for name in ("a", "b", "staff"))
    assert Identities(rules).match(claims, "") is not None
    assert claims.looks == 1
