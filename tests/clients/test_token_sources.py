"""Which client fetches what, and what a document needs installed."""

import pytest

from extproc.clients.sources import fetched_credentials, require_package, source_of
from extproc.config.model import (
    AwsByEnvoy,
    AwsChain,
    AwsKeys,
    AwsSecret,
    Backend,
    Credential,
    EntraApplication,
    EntraManagedIdentity,
    FetchedCredential,
    Gateway,
    GcpAccount,
    GcpMetadata,
    Schema,
    Secret,
    VaultSecret,
)
from extproc.errors import ConfigError

SCOPE = "https://cognitiveservices.azure.com/.default"


@pytest.mark.parametrize(
    ("credential", "client"),
    [
        (AwsChain(), "AwsChainKeys"),
        (AwsSecret("a", "us-east-1"), "AwsSecretValue"),
        (VaultSecret("http://v", "secret", "a", "b", Secret("t")), "VaultSecretValue"),
        (GcpAccount(Secret("{}")), "GcpAccountToken"),
        (GcpMetadata(), "GcpMachineToken"),
        (EntraApplication("t", "c", Secret("s"), SCOPE, "https://l"), "EntraApplicationToken"),
        (EntraManagedIdentity(None, SCOPE), "EntraMachineToken"),
    ],
)
def test_every_credential_that_is_fetched_has_a_client(credential: FetchedCredential, client: str) -> None:
    require_package(credential, "one")
    assert type(source_of(credential, lambda: 0.0)).__name__ == client


def backend(name: str, credential: Credential | None) -> Backend:
    return Backend(name, name, "p", Schema.OPENAI, "h", credential=credential)


def test_a_credential_is_fetched_once_for_all_its_backends() -> None:
    backends = (
        backend("a", Secret("k")),
        backend("b", GcpMetadata()),
        backend("c", GcpMetadata()),
        backend("d", AwsByEnvoy()),
        backend("e", AwsKeys("i", Secret("k"))),
        backend("f", None),
        backend("g", AwsChain()),
    )
    assert fetched_credentials(Gateway(backends, (), ())) == {GcpMetadata(): "b", AwsChain(): "g"}


def test_a_package_that_is_not_installed() -> None:
    with pytest.raises(ConfigError) as caught:
        require_package(AwsChain(), "bedrock-eu", is_installed=lambda package: False)
    assert str(caught.value) == (
        "backends: the credential of the backend 'bedrock-eu' needs the package botocore: install llm-extproc[aws]"
    )
