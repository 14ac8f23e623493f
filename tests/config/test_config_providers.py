"""What a backend's format brings with it, and the fields that only some formats have."""

import pytest
from gateway_documents import changed, loaded

from extproc.config.mistakes import ConfigErrors
from extproc.config.model import Backend, Schema
from extproc.config.providers import has_published_defaults

CLOUD = "region: us-east-1"
VERTEX = "region: europe-west4\n    project: acme-prod"


def text(schema: str, more: str = "") -> str:
    return changed("    schema: openai\n", f"    schema: {schema}\n" + (f"    {more}\n" if more else ""))


def backend(schema: str, more: str = "") -> Backend:
    return loaded(text(schema, more)).backends[0]


def mistakes(schema: str, more: str = "") -> list[str]:
    with pytest.raises(ConfigErrors) as caught:
        loaded(text(schema, more))
    return str(caught.value).splitlines()


@pytest.mark.parametrize(
    ("schema", "more", "provider", "authority", "base_path"),
    [
        ("openai", "", "openai", "api.openai.com", "/v1"),
        ("openai_responses", "", "openai", "api.openai.com", "/v1"),
        ("azure_openai", "authority: r.openai.azure.com", "azure.ai.openai", "r.openai.azure.com", ""),
        ("anthropic", "", "anthropic", "api.anthropic.com", "/v1"),
        ("anthropic_bedrock", CLOUD, "aws.bedrock", "bedrock-runtime.us-east-1.amazonaws.com", ""),
        ("anthropic_vertex", VERTEX, "gcp.vertex_ai", "europe-west4-aiplatform.googleapis.com", "/v1"),
        ("gemini", "", "gcp.gemini", "generativelanguage.googleapis.com", "/v1beta"),
        ("vertex", VERTEX, "gcp.vertex_ai", "europe-west4-aiplatform.googleapis.com", "/v1"),
        ("bedrock", CLOUD, "aws.bedrock", "bedrock-runtime.us-east-1.amazonaws.com", ""),
        ("cohere", "", "cohere", "api.cohere.com", "/v2"),
        ("mistral", "", "mistral_ai", "api.mistral.ai", "/v1"),
    ],
)
def test_a_format_brings_its_providers_address(
    schema: str, more: str, provider: str, authority: str, base_path: str
) -> None:
    found = backend(schema, more)
    assert (found.schema, found.provider) == (Schema(schema), provider)
    assert (found.authority, found.base_path) == (authority, base_path)


@pytest.mark.parametrize(
    ("location", "authority"),
    [
        ("global", "aiplatform.googleapis.com"),
        ("us", "aiplatform.us.rep.googleapis.com"),
        ("eu", "aiplatform.eu.rep.googleapis.com"),
        ("us-central1", "us-central1-aiplatform.googleapis.com"),
    ],
)
def test_the_hosts_of_vertex_ais_locations(location: str, authority: str) -> None:
    assert backend("vertex", f"region: {location}\n    project: acme-prod").authority == authority


def test_a_key_stands_for_vertex_ais_project_and_location() -> None:
    found = backend("vertex", "credential: {value: k}")
    assert (found.authority, found.base_path) == ("aiplatform.googleapis.com", "/v1")
    assert (found.region, found.project) == (None, None)


def test_a_token_of_vertex_ai_stands_for_no_project() -> None:
    assert mistakes("vertex", "credential: {gcp: {metadata: {}}}") == [
        "gateway.yaml:3: backends[0]: the field 'region' is missing, and the schema vertex needs it",
        "gateway.yaml:3: backends[0]: the field 'project' is missing, and the schema vertex needs it",
    ]


def test_the_region_and_the_project_are_kept() -> None:
    found = backend("vertex", VERTEX)
    assert (found.region, found.project) == ("europe-west4", "acme-prod")


def test_an_endpoint_of_ones_own_for_a_cloud() -> None:
    found = backend("bedrock", f"{CLOUD}\n    authority: vpce-1.bedrock-runtime.us-east-1.vpce.amazonaws.com")
    assert (found.authority, found.base_path) == ("vpce-1.bedrock-runtime.us-east-1.vpce.amazonaws.com", "")


def test_a_project_may_be_a_number_or_belong_to_a_domain() -> None:
    for project in ("'123456789012'", "example.com:acme-prod"):
        assert backend("vertex", f"region: global\n    project: {project}").project == project.strip("'")


@pytest.mark.parametrize(
    ("schema", "more", "expected"),
    [
        (
            "bedrock",
            "",
            ["gateway.yaml:3: backends[0]: the field 'region' is missing, and the schema bedrock needs it"],
        ),
        (
            "vertex",
            "",
            [
                "gateway.yaml:3: backends[0]: the field 'region' is missing, and the schema vertex needs it",
                "gateway.yaml:3: backends[0]: the field 'project' is missing, and the schema vertex needs it",
            ],
        ),
        ("openai", CLOUD, ["gateway.yaml:5: backends[0].region: has no meaning for the schema openai"]),
        (
            "bedrock",
            f"{CLOUD}\n    project: acme-prod",
            ["gateway.yaml:6: backends[0].project: has no meaning for the schema bedrock"],
        ),
        (
            "bedrock",
            "region: US East",
            [
                "gateway.yaml:5: backends[0].region: "
                "must be a region such as us-east-1 or europe-west4, or a location such as global"
            ],
        ),
        (
            "vertex",
            "region: global\n    project: acme/prod",
            ["gateway.yaml:6: backends[0].project: must be the id or the number of a Google Cloud project"],
        ),
        (
            "gemini",
            "api_version: v1",
            ["gateway.yaml:5: backends[0].api_version: has no meaning for the schema gemini"],
        ),
        (
            "cohere",
            "prompt_caching: {system: true}",
            ["gateway.yaml:5: backends[0].prompt_caching: has no meaning for the schema cohere"],
        ),
        (
            "anthropic",
            "prompt_caching: {system: 'yes'}",
            ["gateway.yaml:5: backends[0].prompt_caching.system: must be true or false, not text"],
        ),
        (
            "vertex",
            f"{VERTEX}\n    provider: gcp.vertex",
            [
                "gateway.yaml:3: backends[0]: 'authority' is missing, and the provider 'gcp.vertex' has no well-known "
                "one (did you mean 'gcp.vertex_ai'?)"
            ],
        ),
    ],
)
def test_a_field_that_a_format_needs_or_has_no_use_for(schema: str, more: str, expected: list[str]) -> None:
    assert mistakes(schema, more) == expected


@pytest.mark.parametrize("schema", ["anthropic", "anthropic_bedrock", "anthropic_vertex", "bedrock"])
def test_prompt_caching(schema: str) -> None:
    more = {"anthropic": "", "anthropic_vertex": f"{VERTEX}\n    "}.get(schema, f"{CLOUD}\n    ")
    assert not backend(schema, more.strip()).cache_system
    found = backend(schema, more + "prompt_caching: {tools: true}")
    assert (found.cache_system, found.cache_tools) == (False, True)


@pytest.mark.parametrize("schema", ["cohere", "gemini", "mistral", "openai_responses"])
def test_only_openais_own_format_passes_endpoints_without_a_model_through(schema: str) -> None:
    with pytest.raises(ConfigErrors) as caught:
        loaded(text(schema) + "passthrough: openai\n")
    assert str(caught.value) == "gateway.yaml:12: passthrough: the backend 'openai' does not speak OpenAI's format"


@pytest.mark.parametrize(
    ("authority", "has"),
    [
        ("api.openai.com", True),
        ("api.openai.com:443", True),
        ("eu.api.openai.com", True),
        ("res.openai.azure.com", True),
        ("api.anthropic.com", True),
        ("vllm.internal:8000", False),
        ("openrouter.ai", False),
        ("api.openai.com.example.org", False),
        ("127.0.0.1:8080", False),
    ],
)
def test_only_the_providers_themselves_have_the_defaults_of_their_references(authority: str, has: bool) -> None:
    assert has_published_defaults(authority) is has
