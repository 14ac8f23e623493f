"""What a principal may use."""

from ipaddress import ip_network

import pytest

from extproc.errors import PermissionDenied
from extproc.policy.authorize import (
    allows_model,
    authorize_endpoint,
    authorize_model,
    authorize_network,
    model_meant,
)
from extproc.policy.principal import Principal


def principal(**more: object) -> Principal:
    return Principal("k", "k", **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("models", "team_models", "model", "configured", "message"),
    [
        (("*",), ("*",), "gpt-4o", "gpt-4o", None),
        (("gpt-4o",), ("*",), "gpt-4o", "gpt-4o", None),
        (("gpt-*",), ("gpt-*",), "gpt-5", "gpt-*", None),
        (("gpt-5",), ("*",), "gpt-5", "gpt-*", None),
        (("gpt-*",), ("*",), "gpt-4o", "gpt-4o", "This API key may not use the model 'gpt-4o'."),
        (("a",), ("*",), "b", "b", "This API key may not use the model 'b'."),
        (("a", "b"), ("a",), "b", "b", "The team of this API key may not use the model 'b'."),
        ((), ("*",), "a", "a", "This API key may not use the model 'a'."),
    ],
)
def test_a_model_must_be_on_the_keys_list_and_the_teams(
    models: tuple[str, ...], team_models: tuple[str, ...], model: str, configured: str, message: str | None
) -> None:
    caller = principal(models=models, team_models=team_models)
    if message is None:
        authorize_model(caller, model, configured)
        return
    with pytest.raises(PermissionDenied) as refusal:
        authorize_model(caller, model, configured)
    assert (refusal.value.message, refusal.value.code, refusal.value.param) == (message, "model_not_allowed", "model")


def test_a_model_is_visible_to_those_who_may_use_it() -> None:
    assert allows_model(principal(models=("a",)), "a")
    assert not allows_model(principal(models=("a",)), "b")
    assert not allows_model(principal(team_models=("a",)), "b")


def test_an_alias_stands_for_its_model() -> None:
    caller = principal(aliases=(("fast", "gpt-4o-mini"),))
    assert model_meant(caller, "fast") == "gpt-4o-mini"
    assert model_meant(caller, "gpt-4o") == "gpt-4o"


@pytest.mark.parametrize(
    ("endpoints", "team_endpoints", "path", "allowed"),
    [
        (("*",), ("*",), "/v1/chat/completions", True),
        (("/v1/embeddings",), ("*",), "/v1/embeddings", True),
        (("/v1/embeddings",), ("*",), "/v1/embeddings?x=/v1/files", True),
        (("/v1/embeddings",), ("*",), "/v1/embeddings/more", False),
        (("/v1/files*",), ("*",), "/v1/files/abc", True),
        (("/v1/files*",), ("*",), "/v1/chat/completions?/v1/files", False),
        (("*",), ("/v1/embeddings",), "/v1/chat/completions", False),
    ],
)
def test_an_endpoint_must_be_on_the_keys_list_and_the_teams(
    endpoints: tuple[str, ...], team_endpoints: tuple[str, ...], path: str, allowed: bool
) -> None:
    caller = principal(endpoints=endpoints, team_endpoints=team_endpoints)
    if allowed:
        authorize_endpoint(caller, path)
        return
    with pytest.raises(PermissionDenied) as refusal:
        authorize_endpoint(caller, path)
    assert refusal.value.code == "endpoint_not_allowed"


@pytest.mark.parametrize(
    ("source", "allowed"),
    [
        ("10.1.2.3", True),
        ("10.1.2.3:51234", True),
        ("::ffff:10.1.2.3", True),
        ("[::ffff:10.1.2.3]:51234", True),
        ("2001:db8::1", True),
        ("[2001:db8::1]:443", True),
        ("11.0.0.1", False),
        ("[2001:db9::1]:443", False),
        ("::ffff:11.0.0.1", False),
        ("", False),
        ("unix", False),
        ("10.1.2", False),
        ("[", False),
    ],
)
def test_a_key_is_good_from_its_networks_only(source: str, allowed: bool) -> None:
    caller = principal(networks=(ip_network("10.0.0.0/8"), ip_network("2001:db8::/32")))
    if allowed:
        authorize_network(caller, source)
        return
    with pytest.raises(PermissionDenied) as refusal:
        authorize_network(caller, source)
    assert refusal.value.code == "network_not_allowed"


def test_a_key_without_networks_is_good_from_anywhere() -> None:
    authorize_network(principal(), "")
