"""What a right document means."""

from gateway_documents import DIGEST, RIGHT, SALT, changed, loaded

from extproc.config.keys import digest
from extproc.config.model import (
    Backend,
    Gateway,
    Key,
    Model,
    PriceOverride,
    Schema,
    Secret,
    Target,
    UnknownPrice,
    Unsupported,
    UsageExtraction,
)

OPENAI = Backend("openai", "openai", "openai", Schema.OPENAI, "api.openai.com", "/v1")

COMPLETE = f"""\
version: 1
backends:
  - name: openai
    schema: openai
    credential: {{env: OPENAI_API_KEY}}
  - name: azure
    cluster: azure_eu
    schema: azure_openai
    authority: res.openai.azure.com
    credential: {{file: /run/secrets/azure}}
    api_version: 2024-10-21
  - name: claude
    schema: anthropic
    credential: {{value: ' key '}}
    headers: {{X-Extra: plain text, x-secret: {{env: EXTRA}}}}
    unsupported: drop
    max_tokens_default: 1000
models:
  - name: gpt-4o
    targets: [openai, azure]
  - name: smart
    targets:
      - {{backend: openai, model: gpt-4o}}
      - {{backend: claude, model: claude-sonnet-4-6}}
  - name: openai/*
    targets: [{{backend: openai, model: '*'}}]
keys:
  salt: {SALT}
  entries:
    - {{alias: dev, digest: {DIGEST}, team: platform, models: [gpt-4o, openai/gpt-5], expires: 2027-01-01}}
    - {{alias: ci, secret: {{env: CI_KEY}}}}
passthrough: openai
limits: {{max_request_bytes: 1048576}}
accounting:
  usage_extraction: native
  unknown_price: deny
  prices:
    - {{provider: openai, model: x, input: "2.50", output: 10, cache_read: 0.1, cache_creation: "0.000000001"}}
"""


def test_a_complete_document() -> None:
    openai = Backend(
        "openai", "openai", "openai", Schema.OPENAI, "api.openai.com", base_path="/v1", credential=Secret("o")
    )
    azure = Backend(
        "azure",
        "azure_eu",
        "azure.ai.openai",
        Schema.AZURE_OPENAI,
        "res.openai.azure.com",
        credential=Secret("a"),
        api_version="2024-10-21",
    )
    claude = Backend(
        "claude",
        "claude",
        "anthropic",
        Schema.ANTHROPIC,
        "api.anthropic.com",
        base_path="/v1",
        credential=Secret("key"),
        headers=(("x-extra", "plain text"), ("x-secret", "e")),
        unsupported=Unsupported.DROP,
        max_tokens_default=1000,
    )
    salt = bytes.fromhex(SALT)
    environ = {"OPENAI_API_KEY": "o", "EXTRA": "e", "CI_KEY": "sk-ci"}
    gateway = loaded(COMPLETE, environ, {"/run/secrets/azure": b"a\n"})
    assert gateway == Gateway(
        backends=(openai, azure, claude),
        models=(
            Model("gpt-4o", (Target(openai, "gpt-4o"), Target(azure, "gpt-4o"))),
            Model("smart", (Target(openai, "gpt-4o"), Target(claude, "claude-sonnet-4-6"))),
            Model("openai/*", (Target(openai, "*"),), prefix="openai/"),
        ),
        keys=(
            Key("dev", DIGEST, team="platform", models=("gpt-4o", "openai/gpt-5"), expires=1798761600.0),
            Key("ci", digest(salt, "sk-ci")),
        ),
        key_salt=salt,
        passthrough=openai,
        max_request_bytes=1048576,
        usage_extraction=UsageExtraction.NATIVE,
        unknown_price=UnknownPrice.DENY,
        prices=(PriceOverride("openai", "x", 2_500_000_000, 10_000_000_000, 100_000_000, 1),),
    )


def test_the_smallest_document_and_its_defaults() -> None:
    assert loaded(RIGHT) == Gateway(
        backends=(OPENAI,),
        models=(Model("gpt-4o", (Target(OPENAI, "gpt-4o"),)),),
        keys=(Key("dev", DIGEST),),
        key_salt=bytes.fromhex(SALT),
    )


def test_the_version_is_the_documents_digest() -> None:
    assert loaded(RIGHT).version == "03ea21a7183c"
    assert loaded(RIGHT + "# changed\n").version != loaded(RIGHT).version


def test_a_known_provider_brings_its_address() -> None:
    gateway = loaded(changed("    schema: openai\n", "    schema: openai\n    provider: groq\n"))
    assert (gateway.backends[0].authority, gateway.backends[0].base_path) == ("api.groq.com", "/openai/v1")


def test_an_authority_of_ones_own_brings_the_formats_base_path() -> None:
    lines = "    schema: openai\n    provider: groq\n    authority: '[::1]:8000'\n"
    backend = loaded(changed("    schema: openai\n", lines)).backends[0]
    assert (backend.provider, backend.authority, backend.base_path) == ("groq", "[::1]:8000", "/v1")


def test_an_empty_base_path_is_none_and_a_slash_at_the_end_is_dropped() -> None:
    def base_path(written: str) -> str:
        return loaded(changed("schema: openai\n", f"schema: openai\n    base_path: {written}\n")).backends[0].base_path

    assert [base_path(written) for written in ("''", "/", "/v1/", "/a/b")] == ["", "", "/v1", "/a/b"]


def test_an_expiry_with_a_zone() -> None:
    entry = f"- {{alias: dev, digest: {DIGEST}}}"
    gateway = loaded(changed(entry, entry[:-1] + ", expires: 2027-01-01T02:00:00+02:00}"))
    assert gateway.keys[0].expires == 1798761600.0


def test_a_credential_header_may_replace_the_credential() -> None:
    lines = "    schema: openai\n    headers: {Api-Key: {value: k}}\n"
    backend = loaded(changed("    schema: openai\n", lines)).backends[0]
    assert (backend.credential, backend.headers) == (None, (("api-key", "k"),))


def test_a_target_may_be_tried_twice() -> None:
    gateway = loaded(changed("targets: [openai]", "targets: [openai, openai]"))
    assert gateway.models[0].targets == (Target(OPENAI, "gpt-4o"), Target(OPENAI, "gpt-4o"))
