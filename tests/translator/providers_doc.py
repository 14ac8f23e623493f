"""`docs/providers.md`, made of the registry, of what is known of providers, and of the golden cases.

`python -m tests.translator.providers_doc --update` writes it anew; without the flag it says whether it is stale.
"""

import argparse
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import msgspec

from extproc.apischema.endpoints import (
    CHAT,
    COMPLETIONS,
    COUNT_TOKENS,
    EMBEDDINGS,
    MESSAGES,
    RERANK,
    RESPONSES,
    Endpoint,
    Kind,
)
from extproc.config import providers
from extproc.config.model import Backend, Schema, Secret, Unsupported
from extproc.errors import GatewayError
from extproc.policy.credentials import headers_to_set
from extproc.translator import registry
from extproc.translator.base import Translator
from extproc.translator.openai_to_openai import OpenAIToOpenAI
from tests.translator.golden import PAIRS, Case, cases

FILE = Path(__file__).parents[2] / "docs" / "providers.md"

_INTRO = """\
# Providers

Which callers can use which backends, and what is carried over between them. This file is made of the registry of
translators and of the golden cases in `tests/golden` by `python -m tests.translator.providers_doc --update`, and a test
fails when it is stale; do not edit it.

What it rests on: the shapes of requests, answers, events and errors come from the providers' published API references
and from the types of their official SDKs, as of 2026-11-21; some of the reference pages were read in excerpts only.
They are checked against those SDKs (their types read our requests, their clients read our answers) and against a
simulator of each provider that was written from the same sources. Nothing here was tried against a live provider.
Where a provider behaves otherwise than it documents, that is not known here.
"""

_LEGEND = (
    "`native`: the caller's format is the backend's, and documents pass byte for byte but for the model's name and "
    "what accounting needs. `translated`: every document is written anew. `counted`: the gateway counts by itself. "
    "`—`: the caller gets 404."
)
_CALLERS = (("Chat Completions", CHAT), ("Responses", RESPONSES), ("Messages", MESSAGES))
_OTHERS = (
    ("Completions", COMPLETIONS),
    ("Embeddings", EMBEDDINGS),
    ("Rerank", RERANK),
    ("Counting tokens", COUNT_TOKENS),
    ("Images, audio, files, …", Endpoint("/files", "files", Kind.PASSTHROUGH)),
)
_FRONTS = {
    "messages_to_chat": "Anthropic Messages in front of a backend of another format",
    "anthropic_to_anthropic": "Anthropic Messages in front of a backend of the same format",
    "responses_to_chat": "OpenAI Responses in front of a backend of another format",
    "responses_to_responses": "OpenAI Responses in front of a backend that has them",
}
_LIVE_CREDENTIALS = (
    (providers.WITH_AWS_SIGNATURE, "`aws`: AWS Signature Version 4 in `authorization`"),
    (providers.WITH_GCP_TOKEN, "`gcp`: a token of Google's in `authorization`"),
    (providers.WITH_ENTRA_TOKEN, "`entra`: a token of Microsoft Entra's in `authorization`"),
)
_UNSUPPORTED = "unsupported_parameter"
_REGION = "REGION"
_OWN_NAME = re.compile(r"backend '[^']*' has nothing like it")
_WIDTH = 118


def rendered() -> str:
    """The whole file."""
    return "\n".join([_INTRO, *_matrix(), *(line for schema in Schema for line in _backend(schema)), *_callers()])


def backends(schema: Schema) -> Iterator[tuple[str, Backend]]:
    """The kinds of backend that the registry tells apart, with a name for each."""
    provider = providers.PROVIDER_OF_SCHEMA[schema]
    if schema is Schema.OPENAI:
        yield "`openai`, of OpenAI itself", _of(schema, provider)
        yield "`openai`, of any other provider", _of(schema, "another")
    else:
        yield f"`{schema.value}`", _of(schema, provider)


def _of(schema: Schema, provider: str) -> Backend:
    return Backend("b", "b", provider, schema, "example.com", credential=Secret("KEY"), region=_REGION)


# The tables


def _matrix() -> Iterator[str]:
    yield from ("## Who can use what", "", *_wrapped(_LEGEND), "")
    names = [name for name, _ in (*_CALLERS, *_OTHERS)]
    yield f"| backend's `schema` | {' | '.join(names)} |"
    yield "|---" * (len(names) + 1) + "|"
    for schema in Schema:
        for name, backend in backends(schema):
            yield f"| {name} | {' | '.join(_cell(endpoint, backend) for _, endpoint in (*_CALLERS, *_OTHERS))} |"
    yield ""


def _cell(endpoint: Endpoint, backend: Backend) -> str:
    translator = registry.find(endpoint, backend)
    if translator is not None:
        return "native" if translator.identity else "translated"
    return "counted" if endpoint is COUNT_TOKENS else "—"


# One backend


def _backend(schema: Schema) -> Iterator[str]:
    yield from (f"## `{schema.value}`", "")
    yield f"* Provider: `{providers.PROVIDER_OF_SCHEMA[schema]}` unless the backend says otherwise."
    yield f"* Base path: {_code(providers.BASE_PATH_OF_SCHEMA[schema]) or 'none'} by default."
    yield from _addresses(schema)
    yield f"* Credential: {'; '.join(_credentials(schema))}."
    yield ""
    pairs = [name for name, pair in PAIRS.items() if pair.backend.schema is schema and name not in _FRONTS]
    yield from _inherited(schema)
    for name in pairs:
        yield from _features(f"{_title(name)}", cases(name))


def _addresses(schema: Schema) -> Iterator[str]:
    known = providers.addresses(schema, _REGION)
    if not known:
        yield "* Addresses: none are well known; `authority` has to be given."
        return
    found = (f"`{name}`: `{address.authority}{address.base_path}`" for name, address in known.items())
    yield f"* Well-known addresses: {', '.join(found)}."


def _credentials(schema: Schema) -> Iterator[str]:
    (name, value) = headers_to_set(_of(schema, "p"))[0]
    yield f"a key as `{name}: {value}`"
    yield from (text for schemas, text in _LIVE_CREDENTIALS if schema in schemas)


def _inherited(schema: Schema) -> Iterator[str]:
    """What this backend's translator has from another's."""
    own = _chat(schema)
    above = [other for other in Schema if other is not schema and _chat(other) in own.__mro__[1:]]
    for other in above:
        yield f"All that is said of `{other.value}` holds here as well."
        yield ""
    if own is OpenAIToOpenAI:
        yield "Chat passes through; `tests/translator/test_openai_to_openai.py` has what is changed."
        yield ""


def _chat(schema: Schema) -> type[Translator]:
    """The class that translates chat, without what the registry wraps around it."""
    shown = (pair for pair in PAIRS.values() if pair.backend.schema is schema and pair.endpoint is CHAT)
    found = next((pair.translator for pair in shown), None)
    return type(found or registry.find(CHAT, _of(schema, providers.PROVIDER_OF_SCHEMA[schema])))


def _title(pair: str) -> str:
    endpoint = PAIRS[pair].endpoint.path
    return "Rerank" if endpoint == RERANK.path else "Embeddings" if endpoint == EMBEDDINGS.path else "Chat"


def _callers() -> Iterator[str]:
    yield from ("## Callers of other formats than Chat Completions", "")
    yield "What a backend makes of a chat it makes of these calls too: they are translated to a chat first."
    yield ""
    for name, title in _FRONTS.items():
        yield from _features(title, cases(name))


# Golden cases


def _features(title: str, found: list[Case]) -> Iterator[str]:
    yield from (f"### {title}", "")
    for kind, names in (
        ("Requests", [case.directory.name for case in found if case.has("request.json")]),
        ("Answers", [case.directory.name for case in found if case.has("response.json")]),
        ("Streams", [case.directory.name for case in found if case.has_stream]),
        ("Errors", [case.directory.name for case in found if any(case.directory.glob("error.*"))]),
    ):
        if names:
            yield from _wrapped(f"{kind}: {', '.join(map(_code, names))}.")
            yield ""
    refused = {text: case for case in found if (text := _refusal(case))}
    for heading, droppable in (
        ("Refused, or dropped where the backend says `unsupported: drop`:", True),
        ("Always refused:", False),
    ):
        lines = [
            f"* {text} (`{case.directory.name}`)" for text, case in refused.items() if _can_drop(case) is droppable
        ]
        if lines:
            yield from (heading, "", *lines, "")
    dropped = list(dict.fromkeys(name for case in found for name in _upstream(case).dropped))
    if dropped:
        yield from _wrapped(f"Seen to be dropped: {', '.join(map(_code, dropped))}.")
        yield ""


def _refusal(case: Case) -> str:
    """Why a request is refused, without the backend's name; empty where it is not, or is at fault by itself."""
    made = _upstream(case)
    error = msgspec.json.decode(made.body)["error"] if made.status else {}
    return _OWN_NAME.sub("there is nothing like it", error["message"]) if error.get("code") == _UNSUPPORTED else ""


def _can_drop(case: Case) -> bool:
    """Whether a request that is refused passes where the backend is set to drop."""
    target = replace(case.target, backend=replace(case.target.backend, unsupported=Unsupported.DROP))
    try:
        case.pair.translator.request(case.call(), target)
    except GatewayError:
        return False
    return True


class _Upstream(msgspec.Struct):
    """`upstream.json`: a request, or a refusal that has a status."""

    body: msgspec.Raw = msgspec.Raw(b"{}")
    status: int = 0
    dropped: list[str] = []


def _upstream(case: Case) -> _Upstream:
    if not case.has("upstream.json"):
        return _Upstream()
    return msgspec.json.decode(case.read("upstream.json"), type=_Upstream)


# Markdown


def _code(text: str) -> str:
    return f"`{text}`" if text else ""


def _wrapped(text: str) -> Iterator[str]:
    line = ""
    for word in text.split(" "):
        if line and len(line) + 1 + len(word) > _WIDTH:
            yield line
            line = word
        else:
            line = f"{line} {word}" if line else word
    yield line


def main() -> None:
    parser = argparse.ArgumentParser(description="docs/providers.md")
    parser.add_argument("--update", action="store_true", help="write the file anew")
    update = parser.parse_args().update
    made = rendered()
    if FILE.exists() and FILE.read_text() == made:
        return
    print(f"{FILE}: {'written' if update else 'stale'}")
    if not update:
        raise SystemExit(1)
    FILE.write_text(made)


if __name__ == "__main__":
    main()
