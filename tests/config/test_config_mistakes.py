"""Every mistake that an operator can make, and what the gateway says to it."""

import contextlib

import pytest
from gateway_documents import DIGEST, RIGHT, SALT, changed, loaded
from hypothesis import given
from hypothesis import strategies as st

from extproc.config.mistakes import ConfigErrors
from extproc.errors import ConfigError

BACKEND = "    schema: openai\n"
MODEL = "    targets: [openai]\n"
KEY = f"    - {{alias: dev, digest: {DIGEST}}}\n"


def backend(lines: str) -> str:
    return changed(BACKEND, f"{BACKEND}    {lines}\n")


def key(fields: str) -> str:
    return changed(KEY, f"    - {{{fields}}}\n")


def top(lines: str) -> str:
    return RIGHT + lines + "\n"


def price(fields: str) -> str:
    return top(f"accounting: {{prices: [{{provider: openai, model: x, {fields}}}]}}")


NAME = "must be a name of 1 to 64 letters, digits, '.', '_' and '-' that begins with a letter or digit"
LABEL = "must be 1 to 64 letters, digits, '.', '_', '-', '@' and '/' that begin with a letter or digit"
SCHEMAS = (
    "must be one of openai, openai_responses, azure_openai, anthropic, anthropic_bedrock, anthropic_vertex, "
    "gemini, vertex, bedrock, cohere, mistral"
)
CHOICE = "must have exactly one of env, file, value, aws, gcp, entra, aws_secret, vault"
AUTHORITY = "must be a host, with a port or without, and neither scheme nor path (api.openai.com, 127.0.0.1:11434)"
BASE_PATH = "must be a path that begins with '/' and has no empty or dot segments, query or fragment; '' for none"
HEADER = "must be the value of an HTTP header: visible ASCII, at most 8192 characters, no line breaks"
SECRET = "the secret must be one line of visible ASCII of at most 8192 characters"
WILDCARD = "a '*' may only stand at the end, and only if the model's name has one there"
MODEL_NAME = "must be a model's name of 1 to 128 letters, digits and '._:/@+~-', with a '*' at its end at most"
DOLLARS = 'must be US dollars per million tokens, from 0 to 999999.999999999, as in "2.50"'
BYTES = "must be a number of bytes from 1024 (1 KiB) to 268435456 (256 MiB)"
EXPIRY = "must be a date (2027-01-31, from its first moment in UTC) or a time with its zone (2027-01-31T12:00:00Z)"
VARIABLE = "must be the name of an environment variable, in capitals (never the secret itself)"

MISTAKES = {
    "no version": (changed("version: 1\n", ""), "gateway.yaml:1: the field 'version' is missing"),
    "another version": (changed("version: 1", "version: 2"), "gateway.yaml:1: version: must be 1"),
    "no models": (
        RIGHT.replace("models:\n  - name: gpt-4o\n" + MODEL, ""),
        "gateway.yaml:1: the field 'models' is missing",
    ),
    "empty models": (
        RIGHT.replace("models:\n  - name: gpt-4o\n" + MODEL, "models: []\n"),
        "gateway.yaml:5: models: must be a list with at least one model",
    ),
    "empty section": (top("limits:"), "gateway.yaml:12: limits: must be a mapping, not nothing"),
    "unknown section": (top("limit: {}"), "gateway.yaml:12: limit: there is no such field (did you mean 'limits'?)"),
    "unknown field": (
        backend("clutser: x"),
        "gateway.yaml:5: backends[0].clutser: there is no such field (did you mean 'cluster'?)",
    ),
    "unknown field like no other": (backend("zzz: x"), "gateway.yaml:5: backends[0].zzz: there is no such field"),
    "missing field": (changed(BACKEND, ""), "gateway.yaml:3: backends[0]: the field 'schema' is missing"),
    "field given twice": (
        changed(BACKEND, BACKEND + "    name: other\n"),
        "gateway.yaml:5: backends[0].name: is given twice, first on line 3",
    ),
    "section given twice": (top("version: 1"), "gateway.yaml:12: version: is given twice, first on line 1"),
    "wrong type": (
        changed(MODEL, "    targets: openai\n"),
        "gateway.yaml:7: models[0].targets: must be a list, not text",
    ),
    "wrong type of a name": (
        changed("name: gpt-4o", "name: 4"),
        "gateway.yaml:6: models[0].name: must be text, not a whole number",
    ),
    "wrong type of a target": (
        changed(MODEL, "    targets: [[openai]]\n"),
        "gateway.yaml:7: models[0].targets[0]: must be text or a mapping, not a list",
    ),
    "truth value for a number": (
        top("limits: {max_request_bytes: true}"),
        "gateway.yaml:12: limits.max_request_bytes: must be a whole number, not true or false",
    ),
    "unknown schema": (
        changed(BACKEND, "    schema: opnai\n"),
        f"gateway.yaml:4: backends[0].schema: {SCHEMAS} (did you mean 'openai'?)",
    ),
    "unfit backend name": (
        changed(BACKEND, BACKEND + "  - {name: 'open ai', schema: openai}\n"),
        f"gateway.yaml:5: backends[1].name: {NAME}",
    ),
    "unfit cluster name": (
        backend("cluster: 'a b'"),
        "gateway.yaml:5: backends[0].cluster: must be the name of an Envoy cluster, 1 to 256 characters without spaces",
    ),
    "backend named twice": (
        changed(BACKEND, BACKEND + "  - {name: openai, schema: openai}\n"),
        "gateway.yaml:5: backends[1].name: is the name of backends[0] already",
    ),
    "model named twice": (
        changed(MODEL, MODEL + "  - {name: gpt-4o, targets: [openai]}\n"),
        "gateway.yaml:8: models[1].name: is the name of models[0] already",
    ),
    "alias given twice": (
        changed(KEY, f"{KEY}    - {{alias: dev, digest: {'cd' * 32}}}\n"),
        "gateway.yaml:12: keys.entries[1].alias: is the alias of keys.entries[0] already",
    ),
    "key given twice": (
        changed(KEY, f"{KEY}    - {{alias: ci, digest: {DIGEST}}}\n"),
        "gateway.yaml:12: keys.entries[1]: is the same key as keys.entries[0]",
    ),
    "authority with a scheme": (
        backend("authority: https://api.openai.com"),
        f"gateway.yaml:5: backends[0].authority: {AUTHORITY}",
    ),
    "authority with a path": (
        backend("authority: api.openai.com/v1"),
        f"gateway.yaml:5: backends[0].authority: {AUTHORITY}",
    ),
    "authority with a line break": (
        backend(r'authority: "api.openai.com\n"'),
        f"gateway.yaml:5: backends[0].authority: {AUTHORITY}",
    ),
    "port out of range": (
        backend("authority: api.openai.com:70000"),
        "gateway.yaml:5: backends[0].authority: the port must be at most 65535",
    ),
    "no authority": (
        backend("provider: vllm"),
        "gateway.yaml:3: backends[0]: 'authority' is missing, and the provider 'vllm' has no well-known one",
    ),
    "no authority, provider misspelt": (
        backend("provider: mistral"),
        "gateway.yaml:3: backends[0]: 'authority' is missing, and the provider 'mistral' has no well-known one "
        "(did you mean 'mistral_ai'?)",
    ),
    "base path without slash": (backend("base_path: v1"), f"gateway.yaml:5: backends[0].base_path: {BASE_PATH}"),
    "base path that climbs": (backend("base_path: /v1/../x"), f"gateway.yaml:5: backends[0].base_path: {BASE_PATH}"),
    "base path with a query": (backend("base_path: /v1?a=b"), f"gateway.yaml:5: backends[0].base_path: {BASE_PATH}"),
    "api version of a format without": (
        backend("api_version: v1"),
        "gateway.yaml:5: backends[0].api_version: has no meaning for the schema openai",
    ),
    "header with a line break": (
        backend(r'headers: {x-extra: "a\r\nb: c"}'),
        f"gateway.yaml:5: backends[0].headers.x-extra: {HEADER}",
    ),
    "header with an unfit name": (
        backend("headers: {'x extra': y}"),
        "gateway.yaml:5: backends[0].headers.x extra: must be the name of an HTTP header",
    ),
    "header of a number": (
        backend("headers: {x-extra: 1}"),
        "gateway.yaml:5: backends[0].headers.x-extra: must be text or a mapping, not a whole number",
    ),
    "header given twice": (
        backend("headers: {X-Extra: a, x-extra: b}"),
        "gateway.yaml:5: backends[0].headers.x-extra: is given twice; upper and lower case are the same",
    ),
    "header of the gateway": (
        backend("headers: {Content-Length: '1'}"),
        "gateway.yaml:5: backends[0].headers.Content-Length: is set by the gateway and by Envoy alone",
    ),
    "internal header": (
        backend("headers: {x-llm-go: '1'}"),
        "gateway.yaml:5: backends[0].headers.x-llm-go: is set by the gateway and by Envoy alone",
    ),
    "two credentials": (
        backend("credential: {value: a}\n    headers: {authorization: b}"),
        "gateway.yaml:6: backends[0].headers.authorization: carries a credential, and 'credential' gives one already",
    ),
    "credential as plain text": (
        backend("credential: sk-live-1"),
        "gateway.yaml:5: backends[0].credential: must be a mapping, not text",
    ),
    "credential from nowhere": (
        backend("credential: {}"),
        f"gateway.yaml:5: backends[0].credential: {CHOICE}",
    ),
    "credential from two places": (
        backend("credential: {env: A, file: /a}"),
        f"gateway.yaml:5: backends[0].credential: {CHOICE}",
    ),
    "secret in place of a variable": (
        backend("credential: {env: sk-live-1}"),
        f"gateway.yaml:5: backends[0].credential.env: {VARIABLE}",
    ),
    "variable not set": (
        backend("credential: {env: OPENAI_API_KEY}"),
        "gateway.yaml:5: backends[0].credential.env: the environment variable OPENAI_API_KEY is not set",
    ),
    "empty secret": (
        backend("credential: {value: ' '}"),
        "gateway.yaml:5: backends[0].credential: the secret is empty",
    ),
    "secret of two lines": (
        backend(r'credential: {value: "a\nb"}'),
        f"gateway.yaml:5: backends[0].credential: {SECRET}",
    ),
    "file not there": (
        backend("credential: {file: /run/secrets/openai}"),
        "gateway.yaml:5: backends[0].credential.file: the file /run/secrets/openai cannot be read: "
        "No such file or directory",
    ),
    "relative file": (
        backend("credential: {file: secrets/openai}"),
        "gateway.yaml:5: backends[0].credential.file: must be the absolute path of a file (never the secret itself)",
    ),
    "absurd number of tokens": (
        backend("max_tokens_default: -1"),
        "gateway.yaml:5: backends[0].max_tokens_default: must be a number of tokens from 1 to 10000000",
    ),
    "unknown backend": (
        changed(MODEL, "    targets: [opnai]\n"),
        "gateway.yaml:7: models[0].targets[0]: there is no backend 'opnai' (did you mean 'openai'?)",
    ),
    "unknown backend, long form": (
        changed(MODEL, "    targets: [{backend: opnai, model: x}]\n"),
        "gateway.yaml:7: models[0].targets[0].backend: there is no backend 'opnai' (did you mean 'openai'?)",
    ),
    "no targets": (
        changed(MODEL, "    targets: []\n"),
        "gateway.yaml:7: models[0].targets: must be a list of 1 to 8 targets",
    ),
    "too many targets": (
        changed(MODEL, f"    targets: [{', '.join(['openai'] * 9)}]\n"),
        "gateway.yaml:7: models[0].targets: must be a list of 1 to 8 targets",
    ),
    "star within a model's name": (
        changed("name: gpt-4o", "name: gpt-*-mini"),
        f"gateway.yaml:6: models[0].name: {MODEL_NAME}",
    ),
    "star without one in the name": (
        changed(MODEL, "    targets: [{backend: openai, model: 'gpt-*'}]\n"),
        f"gateway.yaml:7: models[0].targets[0].model: {WILDCARD}",
    ),
    "star within a target's model": (
        RIGHT.replace("gpt-4o", "gpt-*").replace("[openai]", "[{backend: openai, model: '*-x'}]"),
        f"gateway.yaml:7: models[0].targets[0].model: {WILDCARD}",
    ),
    "short salt": (
        changed(SALT, "00ff"),
        "gateway.yaml:9: keys.salt: must be 16 to 64 random bytes in hex; `openssl rand -hex 16` makes some",
    ),
    "bad digest": (
        key("alias: dev, digest: sk-live-1"),
        "gateway.yaml:11: keys.entries[0].digest: "
        "must be the HMAC-SHA256 of a key under the salt: 64 hex digits in lower case",
    ),
    "no digest": (
        key("alias: dev"),
        "gateway.yaml:11: keys.entries[0]: must have exactly one of digest, secret",
    ),
    "digest and secret": (
        key(f"alias: dev, digest: {DIGEST}, secret: {{value: a}}"),
        "gateway.yaml:11: keys.entries[0]: must have exactly one of digest, secret",
    ),
    "key with a space": (
        key("alias: dev, secret: {value: a b}"),
        "gateway.yaml:11: keys.entries[0].secret: a key must be at most 512 characters of visible ASCII, no spaces",
    ),
    "key too long": (
        key(f"alias: dev, secret: {{value: {'a' * 513}}}"),
        "gateway.yaml:11: keys.entries[0].secret: a key must be at most 512 characters of visible ASCII, no spaces",
    ),
    "alias unfit for a label": (
        key(f"alias: 'Älice', digest: {DIGEST}"),
        f"gateway.yaml:11: keys.entries[0].alias: {LABEL}",
    ),
    "alias too long": (key(f"alias: {'a' * 65}, digest: {DIGEST}"), f"gateway.yaml:11: keys.entries[0].alias: {LABEL}"),
    "team unfit for a label": (
        key(f"alias: dev, digest: {DIGEST}, team: 'a b'"),
        f"gateway.yaml:11: keys.entries[0].team: {LABEL}",
    ),
    "key's model unknown": (
        key(f"alias: dev, digest: {DIGEST}, models: [gpt-40]"),
        "gateway.yaml:11: keys.entries[0].models[0]: there is no model 'gpt-40' (did you mean 'gpt-4o'?)",
    ),
    "key's models empty": (
        key(f"alias: dev, digest: {DIGEST}, models: []"),
        "gateway.yaml:11: keys.entries[0].models: must be a list with at least one model (leave it out for all models)",
    ),
    "expiry in another format": (
        key(f"alias: dev, digest: {DIGEST}, expires: 31.12.2027"),
        f"gateway.yaml:11: keys.entries[0].expires: {EXPIRY}",
    ),
    "expiry without zone": (
        key(f"alias: dev, digest: {DIGEST}, expires: '2027-01-31T12:00:00'"),
        f"gateway.yaml:11: keys.entries[0].expires: {EXPIRY}",
    ),
    "expiry on no day": (
        key(f"alias: dev, digest: {DIGEST}, expires: 2027-02-30"),
        "gateway.yaml:11: keys.entries[0].expires: there is no such date or time",
    ),
    "passthrough to nobody": (
        top("passthrough: opnai"),
        "gateway.yaml:12: passthrough: there is no backend 'opnai' (did you mean 'openai'?)",
    ),
    "passthrough to another format": (
        changed(BACKEND, BACKEND + "  - {name: claude, schema: anthropic}\n") + "passthrough: claude\n",
        "gateway.yaml:13: passthrough: the backend 'claude' does not speak OpenAI's format",
    ),
    "negative limit": (top("limits: {max_request_bytes: -1}"), f"gateway.yaml:12: limits.max_request_bytes: {BYTES}"),
    "absurd limit": (
        top("limits: {max_request_bytes: 999999999999}"),
        f"gateway.yaml:12: limits.max_request_bytes: {BYTES}",
    ),
    "unknown extraction": (
        top("accounting: {usage_extraction: frame}"),
        "gateway.yaml:12: accounting.usage_extraction: must be one of frames, native (did you mean 'frames'?)",
    ),
    "negative price": (
        price("input: '-1', output: '1'"),
        f"gateway.yaml:12: accounting.prices[0].input: {DOLLARS}",
    ),
    "negative price as a number": (
        price("input: -1, output: 1"),
        f"gateway.yaml:12: accounting.prices[0].input: {DOLLARS}",
    ),
    "price finer than a nano-dollar": (
        price("input: '0.0000000001', output: '1'"),
        f"gateway.yaml:12: accounting.prices[0].input: {DOLLARS}",
    ),
    "unquoted price finer than a nano-dollar": (
        price("input: 1, output: 0.0000000001"),
        "gateway.yaml:12: accounting.prices[0].output: is finer than a nano-dollar per million tokens",
    ),
    "price that is no number": (
        price("input: cheap, output: '1'"),
        f"gateway.yaml:12: accounting.prices[0].input: {DOLLARS}",
    ),
    "price given twice": (
        top(
            "accounting: {prices: [{provider: openai, model: x, input: 1, output: 1}, "
            "{provider: openai, model: x, input: 2, output: 2}]}"
        ),
        "gateway.yaml:12: accounting.prices[1]: is the price of the same model as accounting.prices[0]",
    ),
}


@pytest.mark.parametrize(("text", "message"), MISTAKES.values(), ids=MISTAKES.keys())
def test_a_mistake_is_named_with_its_place(text: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        loaded(text)
    assert str(caught.value) == message


def test_all_mistakes_are_told_together_in_the_order_of_the_document() -> None:
    text = """\
version: 1
backends:
  - {name: openai, schema: opnai}
  - {name: other, schema: openai, credential: {env: OTHER_KEY}}
models:
  - {name: a, targets: [openai, othr]}
  - {name: b, target: [openai]}
keys:
  salt: 00112233445566778899aabbccddeeff
  entries:
    - {alias: dev, digest: abc}
    - {alias: ci, secret: {value: sk-ci}, models: [c]}
"""
    with pytest.raises(ConfigErrors) as caught:
        loaded(text)
    assert str(caught.value).splitlines() == [
        f"gateway.yaml:3: backends[0].schema: {SCHEMAS} (did you mean 'openai'?)",
        "gateway.yaml:4: backends[1].credential.env: the environment variable OTHER_KEY is not set",
        "gateway.yaml:6: models[0].targets[1]: there is no backend 'othr' (did you mean 'other'?)",
        "gateway.yaml:7: models[1].target: there is no such field (did you mean 'targets'?)",
        "gateway.yaml:7: models[1]: the field 'targets' is missing",
        "gateway.yaml:11: keys.entries[0].digest: "
        "must be the HMAC-SHA256 of a key under the salt: 64 hex digits in lower case",
        "gateway.yaml:12: keys.entries[1].models[0]: there is no model 'c'",
    ]
    assert [(mistake.path, mistake.hint) for mistake in caught.value.mistakes[:2]] == [
        ("backends[0].schema", "openai"),
        ("backends[1].credential.env", ""),
    ]


def test_a_target_of_a_backend_with_a_mistake_is_not_a_second_mistake() -> None:
    with pytest.raises(ConfigErrors) as caught:
        loaded(backend("credential: {env: OPENAI_API_KEY}"))
    assert len(caught.value.mistakes) == 1


def test_a_long_list_of_mistakes_is_cut() -> None:
    names = ", ".join(f"m{number}" for number in range(60))
    with pytest.raises(ConfigErrors) as caught:
        loaded(key(f"alias: dev, digest: {DIGEST}, models: [{names}]"))
    assert len(caught.value.mistakes) == 60
    assert str(caught.value).splitlines()[50:] == ["gateway.yaml: and 10 more mistakes"]


def test_a_mistake_within_an_alias_is_told_where_the_alias_stands() -> None:
    text = changed(MODEL, "    targets: &t [{backend: opnai}]\n  - name: b\n    targets: *t\n")
    with pytest.raises(ConfigErrors) as caught:
        loaded(text)
    assert str(caught.value).splitlines() == [
        "gateway.yaml:7: models[0].targets[0].backend: there is no backend 'opnai' (did you mean 'openai'?)",
        "gateway.yaml:9: models[1].targets[0].backend: there is no backend 'opnai' (did you mean 'openai'?)",
    ]


def test_a_file_that_is_no_text() -> None:
    with pytest.raises(ConfigError) as caught:
        loaded(backend("credential: {file: /run/secrets/openai}"), files={"/run/secrets/openai": b"\xff\xfe"})
    assert str(caught.value) == (
        "gateway.yaml:5: backends[0].credential.file: the file /run/secrets/openai is not text"
    )


def test_a_secret_longer_than_a_header_may_be() -> None:
    with pytest.raises(ConfigError) as caught:
        loaded(backend("credential: {env: OPENAI_API_KEY}"), {"OPENAI_API_KEY": "a" * 8193})
    assert str(caught.value) == f"gateway.yaml:5: backends[0].credential: {SECRET}"


@given(st.integers(0, len(RIGHT)), st.integers(0, 20), st.text("\n\t -:[]{}&*!|>'\"#?%@,~a1", max_size=6))
def test_a_damaged_document_is_a_mistake_and_never_a_defect(start: int, length: int, new: str) -> None:
    text = RIGHT[:start] + new + RIGHT[start + length :]
    with contextlib.suppress(ConfigError):
        loaded(text)
