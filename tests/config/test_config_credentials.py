"""Credentials of backends: every form, and what is wrong with one."""

import json
import string

import pytest
from gateway_documents import changed, loaded
from hypothesis import given
from hypothesis import strategies as st

from extproc.config.mistakes import ConfigErrors
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
    Secret,
    VaultSecret,
)
from extproc.config.redacted import redacted_view

BEDROCK = "schema: bedrock\n    region: us-east-1"
GEMINI = "schema: gemini"
AZURE = "schema: azure_openai\n    authority: r.openai.azure.com"
FILE = """\
; written by hand
[default]
aws_access_key_id = AKIADEFAULT
aws_secret_access_key = default%secret

[prod]
aws_access_key_id=AKIAPROD
aws_secret_access_key=prod/secret==
aws_session_token=prod//token
[half]
aws_access_key_id=AKIAHALF
"""
KEY_FILE = json.dumps(
    {
        "type": "service_account",
        "client_email": "gateway@acme-prod.iam.gserviceaccount.com",
        "private_key": "-----BEGIN PRIVATE KEY-----\ns3cr3t-key\n-----END PRIVATE KEY-----\n",
        "token_uri": "https://oauth2.googleapis.com/token",
    },
    indent=2,
)
EXCHANGE_FILE = json.dumps(
    {
        "type": "external_account",
        "audience": "//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/p/providers/k",
        "subject_token_type": "urn:ietf:params:oauth:token-type:jwt",
        "token_url": "https://sts.googleapis.com/v1/token",
        "credential_source": {"file": "/var/run/token"},
    }
)
FILES = {"/run/aws": FILE.encode(), "/run/gcp.json": KEY_FILE.encode(), "/run/wif.json": EXCHANGE_FILE.encode()}
ENVIRON = {"ID": "AKIAENV", "KEY": "env-secret", "TOKEN": "env-token"}
SCOPE = "https://cognitiveservices.azure.com/.default"


def text(backend: str, credential: str) -> str:
    return changed("schema: openai", f"{backend}\n    credential: {credential}")


def read(backend: str, credential: str) -> Credential | None:
    return loaded(text(backend, credential), ENVIRON, FILES).backends[0].credential


def mistakes(backend: str, credential: str, files: dict[str, bytes] = FILES) -> list[str]:
    """What is wrong, each without the line."""
    with pytest.raises(ConfigErrors) as caught:
        loaded(text(backend, credential), ENVIRON, files)
    return [str(mistake).partition(": ")[2] for mistake in caught.value.mistakes]


def test_an_access_key() -> None:
    keys = read(BEDROCK, "{aws: {access_key_id: {env: ID}, secret_access_key: {env: KEY}}}")
    assert keys == AwsKeys("AKIAENV", Secret("env-secret"))


def test_a_temporary_access_key() -> None:
    fields = "access_key_id: {value: AKIA}, secret_access_key: {env: KEY}, session_token: {env: TOKEN}"
    assert read(BEDROCK, f"{{aws: {{{fields}}}}}") == AwsKeys("AKIA", Secret("env-secret"), Secret("env-token"))


def test_a_profile_of_a_shared_credentials_file() -> None:
    assert read(BEDROCK, "{aws: {shared_credentials: {file: /run/aws}}}") == AwsKeys(
        "AKIADEFAULT", Secret("default%secret")
    )
    assert read(BEDROCK, "{aws: {shared_credentials: {file: /run/aws, profile: prod}}}") == AwsKeys(
        "AKIAPROD", Secret("prod/secret=="), Secret("prod//token")
    )


def test_the_chain_of_awss_sdk() -> None:
    assert read(BEDROCK, "{aws: {chain: {}}}") == AwsChain()
    assert read(BEDROCK, "{aws: {chain: {profile: prod}}}") == AwsChain("prod")


def test_envoy_signs() -> None:
    assert read(BEDROCK, "{aws: {signer: envoy}}") == AwsByEnvoy()


def test_a_key_of_bedrock_is_a_key_like_any_other() -> None:
    assert read(BEDROCK, "{env: KEY}") == Secret("env-secret")


def test_a_service_accounts_key_file() -> None:
    assert read(GEMINI, "{gcp: {service_account: {file: /run/gcp.json}}}") == GcpAccount(Secret(KEY_FILE))


def test_a_workload_identity_file() -> None:
    assert read(GEMINI, "{gcp: {workload_identity: {file: /run/wif.json}}}") == GcpAccount(Secret(EXCHANGE_FILE))


def test_the_metadata_server() -> None:
    assert read(GEMINI, "{gcp: {metadata: {}}}") == GcpMetadata("default")
    assert read(GEMINI, "{gcp: {metadata: {account: a@b.iam.gserviceaccount.com}}}") == GcpMetadata(
        "a@b.iam.gserviceaccount.com"
    )


def test_an_application_with_a_secret() -> None:
    found = read(AZURE, "{entra: {tenant_id: t-1, client_id: c-1, client_secret: {env: KEY}}}")
    assert found == EntraApplication("t-1", "c-1", Secret("env-secret"), SCOPE, "https://login.microsoftonline.com")


def test_an_application_with_a_federated_token_in_another_cloud() -> None:
    found = read(
        AZURE,
        "{entra: {tenant_id: t-1, client_id: c-1, federated_token_file: /run/azure/token, "
        "scope: api://a-b/.default, login: login.microsoftonline.us}}",
    )
    assert found == EntraApplication(
        "t-1", "c-1", FederatedToken("/run/azure/token"), "api://a-b/.default", "https://login.microsoftonline.us"
    )


def test_a_managed_identity() -> None:
    assert read(AZURE, "{entra: {managed_identity: {}}}") == EntraManagedIdentity(None, SCOPE)
    assert read(AZURE, "{entra: {managed_identity: {client_id: c-1}}}") == EntraManagedIdentity("c-1", SCOPE)


def test_a_secret_in_aws_secrets_manager() -> None:
    found = read("schema: openai", "{aws_secret: {id: llm/openai, region: eu-west-1, field: key}}")
    assert found == AwsSecret("llm/openai", "eu-west-1", "key")


def test_a_secret_in_vault() -> None:
    found = read(
        "schema: openai",
        "{vault: {address: 'https://vault.example.com:8200', path: llm/openai, field: key, token: {env: TOKEN}}}",
    )
    assert found == VaultSecret("https://vault.example.com:8200", "secret", "llm/openai", "key", Secret("env-token"))


WRONG = {
    "two kinds": (
        AZURE,
        "{env: KEY, gcp: {metadata: {}}}",
        [
            "backends[0].credential: must have exactly one of env, file, value, aws, gcp, entra, aws_secret, vault",
        ],
    ),
    "aws for another format": (
        "schema: openai",
        "{aws: {chain: {}}}",
        ["backends[0].credential.aws: has no meaning for the schema openai"],
    ),
    "gcp for another format": (
        BEDROCK,
        "{gcp: {metadata: {}}}",
        ["backends[0].credential.gcp: has no meaning for the schema bedrock"],
    ),
    "entra for another format": (
        GEMINI,
        "{entra: {managed_identity: {}}}",
        ["backends[0].credential.entra: has no meaning for the schema gemini"],
    ),
    "no secret access key": (
        BEDROCK,
        "{aws: {access_key_id: {env: ID}}}",
        ["backends[0].credential.aws: the field 'secret_access_key' is missing"],
    ),
    "no access key id": (
        BEDROCK,
        "{aws: {chain: {}, session_token: {env: TOKEN}}}",
        ["backends[0].credential.aws.session_token: comes with access_key_id only"],
    ),
    "nothing of aws": (
        BEDROCK,
        "{aws: {secret_access_key: {env: KEY}}}",
        ["backends[0].credential.aws: must have exactly one of access_key_id, shared_credentials, chain, signer"],
    ),
    "another signer": (
        BEDROCK,
        "{aws: {signer: envoi}}",
        ["backends[0].credential.aws.signer: must be one of envoy (did you mean 'envoy'?)"],
    ),
    "no such profile": (
        BEDROCK,
        "{aws: {shared_credentials: {file: /run/aws, profile: dev}}}",
        ["backends[0].credential.aws.shared_credentials: the file /run/aws has no profile 'dev'"],
    ),
    "half a profile": (
        BEDROCK,
        "{aws: {shared_credentials: {file: /run/aws, profile: half}}}",
        [
            "backends[0].credential.aws.shared_credentials: "
            "the profile 'half' has no aws_access_key_id and aws_secret_access_key"
        ],
    ),
    "no shared credentials file": (
        BEDROCK,
        "{aws: {shared_credentials: {file: /run/none}}}",
        [
            "backends[0].credential.aws.shared_credentials.file: "
            "the file /run/none cannot be read: No such file or directory"
        ],
    ),
    "shared credentials in another format": (
        BEDROCK,
        "{aws: {shared_credentials: {file: /run/gcp.json}}}",
        ["backends[0].credential.aws.shared_credentials: the file /run/gcp.json has no profile 'default'"],
    ),
    "a key file that is no JSON": (
        GEMINI,
        "{gcp: {service_account: {file: /run/aws}}}",
        ["backends[0].credential.gcp.service_account: is not a JSON object"],
    ),
    "a key file of another kind": (
        GEMINI,
        "{gcp: {service_account: {file: /run/wif.json}}}",
        [
            "backends[0].credential.gcp.service_account: must be a JSON file of Google's with the type service_account "
            "and client_email, private_key, token_uri"
        ],
    ),
    "a workload identity of another kind": (
        GEMINI,
        "{gcp: {workload_identity: {file: /run/gcp.json}}}",
        [
            "backends[0].credential.gcp.workload_identity: must be a JSON file of Google's with the type "
            "external_account and audience, subject_token_type, token_url"
        ],
    ),
    "an application without its ids": (
        AZURE,
        "{entra: {client_secret: {env: KEY}}}",
        [
            "backends[0].credential.entra: the field 'tenant_id' is missing",
            "backends[0].credential.entra: the field 'client_id' is missing",
        ],
    ),
    "a machine with an application's ids": (
        AZURE,
        "{entra: {managed_identity: {}, tenant_id: t-1}}",
        ["backends[0].credential.entra.tenant_id: is for applications, and this is a managed identity"],
    ),
    "a scope of the old form": (
        AZURE,
        "{entra: {managed_identity: {}, scope: 'https://cognitiveservices.azure.com/'}}",
        [
            "backends[0].credential.entra.scope: "
            "must be a scope that ends in /.default, such as https://cognitiveservices.azure.com/.default"
        ],
    ),
    "vault without a scheme": (
        "schema: openai",
        "{vault: {address: vault.example.com, path: a, field: b, token: {env: TOKEN}}}",
        [
            "backends[0].credential.vault.address: "
            "must be a URL with http or https and a host, and no path (https://vault.example.com:8200)"
        ],
    ),
    "vault's token not set": (
        "schema: openai",
        "{vault: {address: 'http://127.0.0.1:8200', path: a, field: b, token: {env: NONE}}}",
        ["backends[0].credential.vault.token.env: the environment variable NONE is not set"],
    ),
}


@pytest.mark.parametrize(("backend", "credential", "expected"), WRONG.values(), ids=WRONG)
def test_a_mistake_is_named_with_its_place(backend: str, credential: str, expected: list[str]) -> None:
    assert mistakes(backend, credential) == expected


def test_a_key_file_that_is_too_long() -> None:
    found = mistakes(GEMINI, "{gcp: {service_account: {file: /run/long}}}", {"/run/long": b" " * 65537})
    assert found == ["backends[0].credential.gcp.service_account: is longer than 65536 characters"]


@pytest.mark.parametrize("name", ["X-Amz-Date", "x-amz-security-token", "X-Amz-Content-SHA256"])
def test_no_header_of_a_signature_beside_a_credential(name: str) -> None:
    with pytest.raises(ConfigErrors) as caught:
        loaded(text(BEDROCK, f"{{aws: {{signer: envoy}}}}\n    headers: {{{name}: a}}"))
    assert str(caught.value) == (
        f"gateway.yaml:7: backends[0].headers.{name}: carries a credential, and 'credential' gives one already"
    )


FORMS = (
    (BEDROCK, "{aws: {access_key_id: {env: A}, secret_access_key: {env: B}, session_token: {env: C}}}"),
    (BEDROCK, "{aws: {shared_credentials: {file: /run/aws}}}"),
    (GEMINI, "{gcp: {service_account: {file: /run/gcp.json}}}"),
    (AZURE, "{entra: {tenant_id: t-1, client_id: c-1, client_secret: {env: A}}}"),
    ("schema: openai", "{vault: {address: 'http://127.0.0.1:1', path: a, field: b, token: {env: A}}}"),
)
letters = st.text(string.ascii_letters + string.digits + "-_/+", min_size=12, max_size=40).map("s3cr3t".__add__)


@given(st.lists(letters, min_size=3, max_size=3, unique=True), st.sampled_from(FORMS))
def test_no_secret_is_in_the_view_nor_in_the_representation(values: list[str], form: tuple[str, str]) -> None:
    a, b, c = values
    files = {
        "/run/aws": f"[default]\naws_access_key_id={a}\naws_secret_access_key={b}\naws_session_token={c}\n".encode(),
        "/run/gcp.json": KEY_FILE.replace("s3cr3t-key", a).encode(),
    }
    gateway = loaded(text(*form), {"A": a, "B": b, "C": c}, files)
    shown = json.dumps(redacted_view(gateway)) + repr(gateway) + str(gateway)
    assert "s3cr3t" not in shown
