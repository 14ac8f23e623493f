"""Whether what a request names is there, and how its fields become those of a record."""

from collections.abc import Iterable, Mapping
from ipaddress import ip_network
from typing import Any

from msgspec import Struct

from extproc.admin.refusals import InvalidField, unknown_name
from extproc.config.limit_fields import LimitFields
from extproc.config.lookup import ModelLookup
from extproc.config.model import WILDCARD, Gateway

_RENAMED = {
    "key_alias": "alias",
    "user_id": "user",
    "team_id": "team",
    "organization_id": "organisation",
    "allowed_routes": "endpoints",
}
_BY_MODEL = ("model_rpm_limit", "model_tpm_limit", "model_max_budget")
_NOTHING: tuple[object, ...] = (None, (), {})


def stored(fields: Struct, given: Iterable[str], default: Struct) -> dict[str, Any]:
    """The fields of a record that a request changes: null, or an empty list or mapping, is the `default` record's."""
    changes: dict[str, Any] = {}
    for name in given:
        own = _RENAMED.get(name, name)
        if own in default.__struct_fields__:
            value = getattr(fields, name)
            changes[own] = getattr(default, own) if value in _NOTHING else value
    return changes


def limits(record: LimitFields) -> dict[str, Any]:
    """The limit fields of a record, as they were given."""
    return {name: getattr(record, name) for name in LimitFields.__struct_fields__}


def require_models(gateway: Gateway, changes: Mapping[str, Any]) -> None:
    """Raises InvalidField for a model that nobody answers for."""
    served = ModelLookup(gateway.models)
    names = {model.name for model in gateway.models}
    for field in ("models", *_BY_MODEL):
        for name in changes.get(field, ()):
            if name != WILDCARD and name not in names and served.find(name) is None:
                raise unknown_name("model", name, names, field)
    for alias, name in changes.get("aliases", {}).items():
        if alias in names:
            raise InvalidField(f"{alias!r} is the name of a model.", param="aliases")
        if name not in names and served.find(name) is None:
            raise unknown_name("model", name, names, "aliases")


def require_networks(networks: Iterable[str]) -> None:
    """Raises InvalidField."""
    for network in networks:
        try:
            meant = ip_network(network, strict=False)
        except ValueError:
            raise InvalidField(f"{network!r} is not a CIDR block.", param="networks") from None
        if "/" in network and meant.network_address != ip_network(network.partition("/")[0]).network_address:
            message = f"{network!r} has bits of a host: the network is {str(meant)!r}."
            raise InvalidField(message, param="networks")


def refused(error: ValueError) -> InvalidField:
    """What the makers of rules say: `field: what is wrong`."""
    field, _, _ = str(error).partition(":")
    return InvalidField(f"{error}.", param=field)


def one_name(name: str | None, alias: str | None, what: str) -> str:
    """The name of something that is called by an id or by an alias. Raises InvalidField for none, or for two."""
    if name is None and alias is None:
        raise InvalidField(f"Give {what}_id.", param=f"{what}_id")
    if name is not None and alias not in (None, name):
        raise InvalidField(f"A {what} has one name: leave out {what}_alias.", param=f"{what}_alias")
    return name or alias or ""
