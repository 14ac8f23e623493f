"""A 200 that is no answer must not reach the caller as one."""

from collections.abc import Iterator

import pytest

from tests.integration.canned import answering, response
from tests.integration.documents import backend, document, key, keys
from tests.integration.gateway import KEY, Gateway, running_gateway
from tests.integration.raw import chat, request, send

WHOLE = b'{"id":"c","model":"gpt-4o","choices":[{"index":0,"message":{"role":"assistant","content":"Hi"}}]}'
CANNED = {
    "an error": response(b'{"error":{"message":"boom","type":"x","code":"y"}}'),
    "half a document": response(b'{"id":'),
}
NAMES = {case: f"canned-{number}" for number, case in enumerate(CANNED)}


@pytest.fixture(scope="module")
def canned() -> Iterator[Gateway]:
    schemas = {f"{schema}-{name}": schema for schema in ("openai", "anthropic") for name in NAMES.values()}
    made = document(
        backends=[backend(name, schema) for name, schema in schemas.items()],
        models=[{"name": name, "targets": [{"backend": name, "model": "gpt-4o"}]} for name in schemas],
        keys=keys(key("demo", KEY)),
        passthrough="openai-canned-0",
    )
    with answering(*CANNED.values()) as ports:
        named = dict(zip(NAMES.values(), ports, strict=True))
        clusters = {f"{schema}-{name}": port for schema in ("openai", "anthropic") for name, port in named.items()}
        with running_gateway(made, {}, ports=clusters) as gateway:
            yield gateway


@pytest.mark.parametrize("schema", ["openai", "anthropic"])
@pytest.mark.parametrize("case", CANNED)
def test_a_success_that_is_no_answer(canned: Gateway, schema: str, case: str) -> None:
    answer = send(canned.port, request(chat(model=f"{schema}-{NAMES[case]}")))
    kept = case == "an error" and schema == "openai"  # in the backend's own format the provider's words are kept
    assert (answer.status, answer.error["type"]) == (502, "x" if kept else "upstream_error")
