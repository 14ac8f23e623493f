"""What stands behind callers without keys, and behind callers' addresses. What Envoy does was seen on 1.40.0."""

import difflib
from collections.abc import Callable, Iterator

from extproc.config.model import Gateway
from extproc.envoyconfig import names
from extproc.envoyconfig.cluster_rules import error
from extproc.envoyconfig.finding import Finding
from extproc.envoyconfig.read import EnvoyConfig, Place
from extproc.envoyconfig.views import Door, doors

_VERIFYING = ("trusted_ca", "verify_certificate_spki", "verify_certificate_hash", "custom_validator_config")


def caller_is_told(gateway: Gateway, config: EnvoyConfig) -> Iterator[Finding]:
    """The server hears of the caller what the document asks about."""
    for ext_proc in (door.exchange_filter for door in _doors(config)):
        if ext_proc is None:
            continue
        attributes = ext_proc.at("request_attributes")
        forwarded = ext_proc.at("metadata_options", "forwarding_namespaces", "untyped")
        for place, wanted, needed, otherwise in (
            (attributes, names.SOURCE_ADDRESS, _has_networks(gateway), "keys with networks would be refused"),
            (attributes, names.CERTIFICATE_URI, _has_spiffe(gateway), "no SPIFFE id would be known"),
            (forwarded, names.JWT_NAMESPACE, bool(_providers(gateway)), "no token would be known"),
        ):
            if needed and wanted not in (place.value or []):
                yield error(place, f"lacks {wanted}: {otherwise}")


def address_is_not_the_callers_word(gateway: Gateway, config: EnvoyConfig) -> Iterator[Finding]:
    for door in _doors(config) if _has_networks(gateway) else ():
        detection = door.manager.get("original_ip_detection_extensions")
        if not door.manager.get("use_remote_address") and not detection:
            yield error(
                door.manager.at("use_remote_address"),
                "must be true: callers could choose their address, with x-forwarded-for",
            )


def tokens_are_verified(gateway: Gateway, config: EnvoyConfig) -> Iterator[Finding]:
    """Some listener has the tokens that rules ask for; there may be others, for other callers."""
    entries = [entry for door in _doors(config) for entry in _jwt_providers(door)]
    published = [str(entry.get("payload_in_metadata")) for entry in entries]
    for door in _doors(config)[:1]:
        for name in _providers(gateway):
            if name not in published:
                near = difflib.get_close_matches(name, published, n=1)
                message = (
                    f"identities ask for tokens of {name!r}, and no jwt_authn filter before {names.EXCHANGE_FILTER}"
                )
                yield error(
                    door.manager.at("http_filters"), f"{message} has it as payload_in_metadata", near[0] if near else ""
                )


def tokens_are_not_taken_for_keys(gateway: Gateway, config: EnvoyConfig) -> Iterator[Finding]:
    for door in _doors(config):
        for entry in _jwt_providers(door):
            headers = [str(header.get("name")).lower() for header in entry.at("from_headers").items()]
            read = set(headers or ["authorization"]) & set(names.HEADERS_READ)
            if entry.get("payload_in_metadata") in _providers(gateway) and entry.get("forward") and read:
                yield error(entry.at("forward"), f"must be false: the server takes what is in {min(read)} for a key")


def certificates_are_verified(gateway: Gateway, config: EnvoyConfig) -> Iterator[Finding]:
    """Envoy tells the id of any certificate that it lets in, verified or not."""
    if not _has_spiffe(gateway):
        return
    contexts = [context for door in _doors(config) for context in _tls(door)]
    for trust in (_validation(context).at("trust_chain_verification") for context in contexts):
        if trust.value == "ACCEPT_UNTRUSTED":
            yield error(trust, "must not be ACCEPT_UNTRUSTED: callers could write any SPIFFE id into a certificate")
    for door in _doors(config)[:1]:
        if not any(_verifies(context) for context in contexts):
            yield error(
                door.listener.at("filter_chains"),
                "identities ask for SPIFFE ids, and no client certificate is verified",
            )


def _verifies(context: Place) -> bool:
    """Whether client certificates are asked for and verified; a context by discovery is taken to have them so.

    `require_client_certificate` alone does neither.
    """
    validation, common = _validation(context), context.at("common_tls_context")
    remote = any(str(field).startswith("validation_context_") for field in common.value or {})
    combined = common.get("combined_validation_context") is not None
    return remote or combined or any(validation.get(field) for field in _VERIFYING)


def _validation(context: Place) -> Place:
    common = context.at("common_tls_context")
    combined = common.at("combined_validation_context", "default_validation_context")
    return combined if combined.value is not None else common.at("validation_context")


def _tls(door: Door) -> Iterator[Place]:
    for chain in (*door.listener.at("filter_chains").items(), door.listener.at("default_filter_chain")):
        context = chain.at("transport_socket", "typed_config")
        if context.type == names.DOWNSTREAM_TLS:
            yield context


def _jwt_providers(door: Door) -> Iterator[Place]:
    """Of the filters before the one that decides."""
    for item in door.manager.at("http_filters").items():
        if item.name == names.EXCHANGE_FILTER:
            return
        providers = item.at("typed_config", "providers")
        if item.at("typed_config").type == names.JWT_AUTHN and isinstance(providers.value, dict):
            yield from (providers.at(name) for name in providers.value)


def _doors(config: EnvoyConfig) -> list[Door]:
    return [door for door in doors(config) if door.exchange_filter is not None]


def _has_networks(gateway: Gateway) -> bool:
    """A key of the registry may have some at any time."""
    return gateway.registry or any(key.networks for key in gateway.keys)


def _has_spiffe(gateway: Gateway) -> bool:
    return any(rule.spiffe for rule in gateway.identities)


def _providers(gateway: Gateway) -> list[str]:
    return list(dict.fromkeys(rule.provider for rule in gateway.identities if rule.provider))


RULES: tuple[Callable[[Gateway, EnvoyConfig], Iterator[Finding]], ...] = (
    caller_is_told,
    address_is_not_the_callers_word,
    tokens_are_verified,
    tokens_are_not_taken_for_keys,
    certificates_are_verified,
)
