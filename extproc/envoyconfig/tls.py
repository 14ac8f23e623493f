"""TLS of the listener: a certificate, and client certificates if wanted, read again when their files are replaced."""

from dataclasses import dataclass

from extproc.envoyconfig.names import Json, typed

_DOWNSTREAM_TLS = "envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext"
_SECRET = "envoy.extensions.transport_sockets.tls.v3.Secret"  # noqa: S105 - a type's name
_CERTIFICATE, _CLIENT_CA = "certificate", "client_ca"


@dataclass(frozen=True, slots=True)
class ListenerTls:
    """Where the files are, named as in a Kubernetes TLS Secret: `tls.crt`, `tls.key`, and `ca.crt` for clients.

    `resources` is the directory of the files that `secrets` makes. Through them Envoy finds these, and only so does it
    watch them.
    """

    directory: str
    resources: str
    client_certificates: bool = False


def with_tls(listener: Json, tls: ListenerTls) -> Json:
    context: Json = {
        "alpn_protocols": ["h2", "http/1.1"],
        "tls_params": {"tls_minimum_protocol_version": "TLSv1_2"},
        "tls_certificate_sds_secret_configs": [_reference(_CERTIFICATE, tls)],
    }
    if tls.client_certificates:
        context["validation_context_sds_secret_config"] = _reference(_CLIENT_CA, tls)
    config = typed(_DOWNSTREAM_TLS, common_tls_context=context, require_client_certificate=tls.client_certificates)
    socket = {"name": "envoy.transport_sockets.tls", "typed_config": config}
    chains = [{**chain, "transport_socket": socket} for chain in listener["filter_chains"]]
    return {**listener, "filter_chains": chains}


def secrets(tls: ListenerTls) -> dict[str, Json]:
    """The resource files, by name: one secret each, or Envoy refuses both.

    A directory is watched rather than a file: Kubernetes swaps a link beside the files.
    """
    watched = {"watched_directory": {"path": tls.directory}}
    certificate = {
        "certificate_chain": {"filename": f"{tls.directory}/tls.crt"},
        "private_key": {"filename": f"{tls.directory}/tls.key"},
        **watched,
    }
    made = {_CERTIFICATE: typed(_SECRET, name=_CERTIFICATE, tls_certificate=certificate)}
    if tls.client_certificates:
        authority = {"trusted_ca": {"filename": f"{tls.directory}/ca.crt"}, **watched}
        made[_CLIENT_CA] = typed(_SECRET, name=_CLIENT_CA, validation_context=authority)
    return {_file(name): {"resources": [secret]} for name, secret in made.items()}


def _reference(name: str, tls: ListenerTls) -> Json:
    return {"name": name, "sds_config": {"path_config_source": {"path": f"{tls.resources}/{_file(name)}"}}}


def _file(name: str) -> str:
    return f"{name}.yaml"
