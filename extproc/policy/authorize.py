"""What a principal may use: models, endpoints, and the networks it may come from."""

from ipaddress import IPv4Address, IPv6Address, ip_address

from extproc.config.model import WILDCARD
from extproc.errors import PermissionDenied
from extproc.policy.principal import Principal


def model_meant(principal: Principal, name: str) -> str:
    """The model that the caller names: what its own alias stands for, else the name itself."""
    return next((model for alias, model in principal.aliases if alias == name), name)


def allows_model(principal: Principal, model: str) -> bool:
    """Whether both the principal's and its team's list have the model."""
    return _lists_model(principal.models, model, model) and _lists_model(principal.team_models, model, model)


def authorize_model(principal: Principal, model: str, configured: str) -> None:
    """Raises PermissionDenied. `model` is the name that the caller meant, `configured` the operator's entry that
    answers for it; a list may have either."""
    if not _lists_model(principal.models, model, configured):
        raise PermissionDenied(f"This API key may not use the model {model[:200]!r}.", param="model")
    if not _lists_model(principal.team_models, model, configured):
        message = f"The team of this API key may not use the model {model[:200]!r}."
        raise PermissionDenied(message, param="model")


def authorize_any_model(principal: Principal) -> None:
    """Raises PermissionDenied for who may not use every model, where a request does not say which it uses."""
    if WILDCARD not in principal.models or WILDCARD not in principal.team_models:
        raise PermissionDenied("This API key may use some models only, and this request names none.", param="model")


def authorize_endpoint(principal: Principal, path: str) -> None:
    """Raises PermissionDenied. `path` is the request's, such as `/v1/files/abc?limit=2`."""
    bare = path.partition("?")[0]
    if not (_lists_path(principal.endpoints, bare) and _lists_path(principal.team_endpoints, bare)):
        raise PermissionDenied("This API key may not use this endpoint.", code="endpoint_not_allowed")


def authorize_network(principal: Principal, source: str) -> None:
    """Raises PermissionDenied. `source` is the address that the request came from, with a port or without; one that is
    not known is in no network."""
    if not principal.networks:
        return
    address = _address(source)
    if address is None or not any(address in network for network in principal.networks):
        raise PermissionDenied("This API key may not be used from this network.", code="network_not_allowed")


def _lists_model(models: tuple[str, ...], model: str, configured: str) -> bool:
    return WILDCARD in models or model in models or configured in models


def _lists_path(patterns: tuple[str, ...], path: str) -> bool:
    return any(path.startswith(pattern[:-1]) if pattern.endswith(WILDCARD) else path == pattern for pattern in patterns)


def _address(source: str) -> IPv4Address | IPv6Address | None:
    """`10.0.0.1`, `10.0.0.1:443`, `::1` or `[::1]:443`. IPv4 in IPv6's notation is IPv4 (RFC 4291, 2.5.5.2)."""
    if source.startswith("["):
        source = source[1:].partition("]")[0]
    elif source.count(":") == 1:
        source = source.partition(":")[0]
    try:
        address = ip_address(source)
    except ValueError:
        return None
    return address.ipv4_mapped or address if isinstance(address, IPv6Address) else address
