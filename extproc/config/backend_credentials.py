"""Credentials of backends, from their entries in the document.

Keys are read here. What is exchanged for a key or a token over the network is only described: it is fetched later, in
the background.
"""

import configparser

import msgspec

from extproc.config.credentials import SecretReader
from extproc.config.document import (
    AwsEntry,
    AwsFileEntry,
    CredentialEntry,
    EntraEntry,
    GcpEntry,
    SecretSource,
    VaultEntry,
)
from extproc.config.mistakes import Mistakes
from extproc.config.model import (
    AwsByEnvoy,
    AwsChain,
    AwsKeys,
    AwsSecret,
    Credential,
    EntraApplication,
    EntraManagedIdentity,
    FederatedToken,
    GcpAccount,
    GcpMetadata,
    Schema,
    Secret,
    VaultSecret,
)
from extproc.config.providers import WITH_AWS_SIGNATURE, WITH_ENTRA_TOKEN, WITH_GCP_TOKEN

_FIT = {"aws": WITH_AWS_SIGNATURE, "gcp": WITH_GCP_TOKEN, "entra": WITH_ENTRA_TOKEN}
_KEY_FILE_FIELDS = ("client_email", "private_key", "token_uri")
_EXCHANGE_FILE_FIELDS = ("audience", "subject_token_type", "token_url")


class CredentialReader:
    """Gives the credentials of backends their meaning; what is wrong with them is in `mistakes`."""

    def __init__(self, secrets: SecretReader, mistakes: Mistakes) -> None:
        self._secrets = secrets
        self._mistakes = mistakes

    def read(self, entry: CredentialEntry, schema: Schema, path: str) -> Credential | None:
        """The credential of a backend that speaks `schema`; None where there is a mistake."""
        for name, schemas in _FIT.items():
            if getattr(entry, name) is not None and schema not in schemas:
                self._mistakes.add(f"{path}.{name}", f"has no meaning for the schema {schema.value}")
        if entry.aws is not None:
            return self._aws(entry.aws, f"{path}.aws")
        if entry.gcp is not None:
            return self._gcp(entry.gcp, f"{path}.gcp")
        if entry.entra is not None:
            return self._entra(entry.entra, f"{path}.entra")
        if entry.aws_secret is not None:
            return AwsSecret(entry.aws_secret.id, entry.aws_secret.region, entry.aws_secret.field)
        if entry.vault is not None:
            return self._vault(entry.vault, f"{path}.vault")
        return self._secret(entry, path)

    def _secret(self, source: SecretSource, path: str) -> Secret | None:
        value = self._secrets.read(source, path)
        return Secret(value) if value is not None else None

    def _aws(self, entry: AwsEntry, path: str) -> Credential | None:
        if entry.access_key_id is not None:
            return self._aws_keys(entry.access_key_id, entry, path)
        for name in ("secret_access_key", "session_token"):
            if getattr(entry, name) is not None:
                self._mistakes.add(f"{path}.{name}", "comes with access_key_id only")
        if entry.shared_credentials is not None:
            return self._aws_file(entry.shared_credentials, f"{path}.shared_credentials")
        return AwsChain(entry.chain.profile) if entry.chain is not None else AwsByEnvoy()

    def _aws_keys(self, access_key_id: SecretSource, entry: AwsEntry, path: str) -> AwsKeys | None:
        if entry.secret_access_key is None:
            self._mistakes.add(path, "the field 'secret_access_key' is missing")
            return None
        identity = self._secrets.read(access_key_id, f"{path}.access_key_id")
        key = self._secret(entry.secret_access_key, f"{path}.secret_access_key")
        token = None
        if entry.session_token is not None:
            token = self._secret(entry.session_token, f"{path}.session_token")
        return AwsKeys(identity, key, token) if identity is not None and key is not None else None

    def _aws_file(self, entry: AwsFileEntry, path: str) -> AwsKeys | None:
        text = self._secrets.read_document(SecretSource(file=entry.file), path)
        if text is None:
            return None
        profile = _profile(text, entry.profile)
        if profile is None:
            self._mistakes.add(path, f"the file {entry.file} has no profile {entry.profile!r}")
            return None
        names = ("aws_access_key_id", "aws_secret_access_key", "aws_session_token")
        identity, key, token = (profile.get(name, "").strip() for name in names)
        if not identity or not key:
            message = f"the profile {entry.profile!r} has no aws_access_key_id and aws_secret_access_key"
            self._mistakes.add(path, message)
            return None
        return AwsKeys(identity, Secret(key), Secret(token) if token else None)

    def _gcp(self, entry: GcpEntry, path: str) -> Credential | None:
        if entry.service_account is not None:
            return self._gcp_file(entry.service_account, f"{path}.service_account", "service_account", _KEY_FILE_FIELDS)
        if entry.workload_identity is not None:
            where = f"{path}.workload_identity"
            return self._gcp_file(entry.workload_identity, where, "external_account", _EXCHANGE_FILE_FIELDS)
        return GcpMetadata(entry.metadata.account) if entry.metadata is not None else None

    def _gcp_file(self, source: SecretSource, path: str, kind: str, fields: tuple[str, ...]) -> GcpAccount | None:
        text = self._secrets.read_document(source, path)
        if text is None:
            return None
        try:
            found = msgspec.json.decode(text, type=dict[str, object])
        except msgspec.DecodeError:
            self._mistakes.add(path, "is not a JSON object")
            return None
        missing = [name for name in fields if not isinstance(found.get(name), str)]
        if found.get("type") != kind or missing:
            self._mistakes.add(path, f"must be a JSON file of Google's with the type {kind} and {', '.join(fields)}")
            return None
        return GcpAccount(Secret(text))

    def _entra(self, entry: EntraEntry, path: str) -> Credential | None:
        if entry.managed_identity is not None:
            for name in ("tenant_id", "client_id"):
                if getattr(entry, name) is not None:
                    self._mistakes.add(f"{path}.{name}", "is for applications, and this is a managed identity")
            return EntraManagedIdentity(entry.managed_identity.client_id, entry.scope)
        for name in ("tenant_id", "client_id"):
            if getattr(entry, name) is None:
                self._mistakes.add(path, f"the field {name!r} is missing")
        proof = self._entra_proof(entry, path)
        if entry.tenant_id is None or entry.client_id is None or proof is None:
            return None
        return EntraApplication(entry.tenant_id, entry.client_id, proof, entry.scope, f"https://{entry.login}")

    def _entra_proof(self, entry: EntraEntry, path: str) -> Secret | FederatedToken | None:
        if entry.federated_token_file is not None:
            return FederatedToken(entry.federated_token_file)
        if entry.client_secret is None:
            return None
        return self._secret(entry.client_secret, f"{path}.client_secret")

    def _vault(self, entry: VaultEntry, path: str) -> VaultSecret | None:
        token = self._secret(entry.token, f"{path}.token")
        if token is None:
            return None
        return VaultSecret(entry.address, entry.mount, entry.path, entry.field, token, entry.namespace)


def _profile(text: str, name: str) -> dict[str, str] | None:
    """A section of a shared credentials file.

    https://docs.aws.amazon.com/sdkref/latest/guide/file-format.html (seen 2026-11-21).
    """
    parser = configparser.RawConfigParser(default_section="\0", interpolation=None, strict=False)
    try:
        parser.read_string(text)
    except configparser.Error:
        return None
    return dict(parser[name]) if parser.has_section(name) else None
