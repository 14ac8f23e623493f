"""The published JSON Schema."""

import json
from collections.abc import Iterator
from typing import Any

from extproc.config.document import Section
from extproc.config.schema import gateway_schema


def nodes(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        yield value
        for inner in value.values():
            yield from nodes(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from nodes(inner)


def test_the_dialect_and_the_root() -> None:
    schema = gateway_schema()
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert schema["$ref"] == "#/$defs/GatewayDocument"
    assert json.dumps(schema)


def test_the_documents_fields() -> None:
    document = gateway_schema()["$defs"]["GatewayDocument"]
    assert list(document["properties"]) == [
        "version",
        "backends",
        "models",
        "keys",
        "passthrough",
        "organisations",
        "teams",
        "identities",
        "store",
        "limits",
        "budgets",
        "accounting",
        "admin",
        "privacy",
        "guardrails",
        "cache",
    ]
    assert document["required"] == ["version", "backends", "models"]


def test_no_mapping_takes_unknown_fields() -> None:
    closed = [name for name, one in gateway_schema()["$defs"].items() if one.get("additionalProperties") is False]
    assert closed == [name for name, one in gateway_schema()["$defs"].items() if "properties" in one]


def test_every_reference_leads_somewhere() -> None:
    schema = gateway_schema()
    references = {node["$ref"] for node in nodes(schema) if "$ref" in node}
    assert references == {f"#/$defs/{name}" for name in schema["$defs"]}


def test_limits_and_words_are_those_of_the_loader() -> None:
    definitions = gateway_schema()["$defs"]
    assert definitions["Schema"]["enum"] == [
        "anthropic",
        "anthropic_bedrock",
        "anthropic_vertex",
        "azure_openai",
        "bedrock",
        "cohere",
        "gemini",
        "mistral",
        "openai",
        "openai_responses",
        "vertex",
    ]
    size = definitions["LimitsSection"]["properties"]["max_request_bytes"]
    assert (size["minimum"], size["maximum"], size["default"]) == (1024, 268435456, 33554432)


def test_fields_that_exclude_each_other() -> None:
    definitions = gateway_schema()["$defs"]
    assert definitions["SecretSource"]["oneOf"] == [
        {"required": ["env"]},
        {"required": ["file"]},
        {"required": ["value"]},
    ]
    assert definitions["CredentialEntry"]["oneOf"][3:] == [
        {"required": ["aws"]},
        {"required": ["gcp"]},
        {"required": ["entra"]},
        {"required": ["aws_secret"]},
        {"required": ["vault"]},
    ]
    assert definitions["GcpEntry"]["oneOf"] == [
        {"required": ["service_account"]},
        {"required": ["workload_identity"]},
        {"required": ["metadata"]},
    ]
    assert definitions["KeyEntry"]["oneOf"] == [{"required": ["digest"]}, {"required": ["secret"]}]
    assert definitions["IdentityEntry"]["oneOf"] == [{"required": ["jwt"]}, {"required": ["spiffe"]}]
    assert definitions["RedisEntry"]["oneOf"] == [{"required": ["url"]}, {"required": ["nodes"]}]
    assert definitions["WindowEntry"]["oneOf"] == [{"required": ["rolling"]}, {"required": ["calendar"]}]
    assert definitions["BudgetEntry"]["oneOf"] == [
        {"required": ["amount"]},
        {"required": ["tokens"]},
        {"required": ["input_tokens"]},
        {"required": ["output_tokens"]},
    ]


def test_fields_of_which_some_must_be_given() -> None:
    assert gateway_schema()["$defs"]["LimitEntry"]["anyOf"] == [
        {"required": ["requests"]},
        {"required": ["input_tokens"]},
        {"required": ["output_tokens"]},
        {"required": ["tokens"]},
        {"required": ["concurrent"]},
    ]


def sections(type_: type[Section]) -> Iterator[type[Section]]:
    for inner in type_.__subclasses__():
        yield inner
        yield from sections(inner)


def test_every_choice_between_fields_is_in_the_schema() -> None:
    definitions = gateway_schema()["$defs"]
    words = {"oneOf": "exactly_one", "anyOf": "at_least_one"}
    missing = [
        (section.__name__, word)
        for section in sections(Section)
        for word, names in words.items()
        if getattr(section, names) and word not in definitions[section.__name__]
    ]
    assert missing == []


def test_every_pattern_says_what_it_wants() -> None:
    with_pattern = [node for node in nodes(gateway_schema()) if isinstance(node.get("pattern"), str)]
    assert [node for node in with_pattern if not node.get("description")] == []
