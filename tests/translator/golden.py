"""Golden cases: documents and streams with the translation that we mean them to have.

A case is a directory `tests/golden/<pair>/<feature>/`:

| file                     | what it is                                                                            |
|--------------------------|---------------------------------------------------------------------------------------|
| `case.json`              | what the case shows, its reference and when it was seen, and the settings it differs in |
| `request.json`           | the caller's body                                                                     |
| `upstream.json`          | made: the request for the backend, or the refusal                                     |
| `response.json`          | the provider's answer                                                                 |
| `caller.json`            | made: the caller's answer                                                             |
| `stream.sse`             | the provider's stream                                                                 |
| `stream.jsonl`           | the same of AWS event streams, a message a line (`tests/translator/event_stream.py`)  |
| `caller.sse`             | made: the caller's stream                                                             |
| `error.json`, `.html`, … | the provider's error body; its status is in `case.json`                               |
| `caller_error.json`      | made: the caller's error                                                              |
| `outcome.json`, `stream_outcome.json` | made: what the gateway knows of the answer                               |

`python -m tests.translator.golden --update` writes the made files anew; they are reviewed like code.
"""

import argparse
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

import msgspec
from msgspec import Raw

from extproc.apischema.dialect import ANTHROPIC, Dialect
from extproc.apischema.endpoints import CHAT, EMBEDDINGS, Endpoint, Kind
from extproc.config.model import Backend, Schema, Target, Unsupported
from extproc.errors import GatewayError
from extproc.translator.anthropic_to_anthropic import AnthropicToAnthropic
from extproc.translator.base import Call, Response, Translator
from extproc.translator.front import Composed
from extproc.translator.hub_to_openai import HubToOpenAI
from extproc.translator.messages_to_chat import MessagesFront
from extproc.translator.openai_to_anthropic import OpenAIToAnthropic
from extproc.translator.openai_to_anthropic_cloud import OpenAIToAnthropicBedrock, OpenAIToAnthropicVertex
from extproc.translator.openai_to_bedrock import OpenAIToBedrock
from extproc.translator.openai_to_bedrock_embeddings import EmbeddingsToBedrock
from extproc.translator.openai_to_cohere import OpenAIToCohere
from extproc.translator.openai_to_cohere_embeddings import EmbeddingsToCohere
from extproc.translator.openai_to_gemini import OpenAIToGemini, OpenAIToVertex
from extproc.translator.openai_to_gemini_embeddings import EmbeddingsToGemini, EmbeddingsToVertex
from extproc.translator.openai_to_mistral import OpenAIToMistral
from extproc.translator.openai_to_mistral_embeddings import EmbeddingsToMistral
from extproc.translator.openai_to_openai import OpenAIToOpenAI
from extproc.translator.openai_to_responses import OpenAIToResponses
from extproc.translator.rerank import RerankToCohere
from extproc.translator.responses_meter import OpenAIToOpenAIResponses
from extproc.translator.responses_to_chat import ResponsesFront
from tests.translator import event_stream

MADE = ("upstream.json", "caller.json", "outcome.json", "caller.sse", "stream_outcome.json", "caller_error.json")
ROOT = Path(__file__).parent.parent / "golden"
CREATED = 1790000000


@dataclass(frozen=True)
class Pair:
    """A translator, with the endpoint and the backend that its cases have unless they say otherwise."""

    translator: Translator
    endpoint: Endpoint
    backend: Backend
    model: str


MESSAGES = Endpoint("/messages", "chat", Kind.GENERATION, ANTHROPIC)
RESPONSES = Endpoint("/responses", "chat", Kind.GENERATION)
OPENAI = Backend("openai", "openai", "openai", Schema.OPENAI, "api.openai.com", "/v1")
RERANK = Endpoint("/rerank", "rerank", Kind.GENERATION)
COHERE = Backend("cohere", "cohere", "cohere", Schema.COHERE, "api.cohere.com", "/v2")
MISTRAL = Backend("mistral", "mistral", "mistral_ai", Schema.MISTRAL, "api.mistral.ai", "/v1")
GEMINI = Backend("gemini", "gemini", "gcp.gemini", Schema.GEMINI, "generativelanguage.googleapis.com", "/v1beta")
VERTEX = Backend(
    "vertex", "vertex", "gcp.vertex_ai", Schema.VERTEX, "europe-west4-aiplatform.googleapis.com", "/v1",
    region="europe-west4", project="acme",
)  # fmt: skip
AWS = "bedrock-runtime.us-east-1.amazonaws.com"
GOOGLE = "us-east5-aiplatform.googleapis.com"
CLAUDE = Backend("claude", "anthropic", "anthropic", Schema.ANTHROPIC, "api.anthropic.com", "/v1")
PAIRS = {
    "anthropic_to_anthropic": Pair(AnthropicToAnthropic(), MESSAGES, CLAUDE, "claude-opus-4-6"),
    "messages_to_chat": Pair(Composed(MessagesFront(), HubToOpenAI(OpenAIToOpenAI())), MESSAGES, OPENAI, "gpt-5.2"),
    "openai_to_anthropic": Pair(
        OpenAIToAnthropic(),
        CHAT,
        Backend("claude", "anthropic", "anthropic", Schema.ANTHROPIC, "api.anthropic.com", "/v1"),
        "claude-opus-4-6",
    ),
    "openai_to_anthropic_bedrock": Pair(
        OpenAIToAnthropicBedrock(),
        CHAT,
        Backend("bedrock", "bedrock", "aws.bedrock", Schema.ANTHROPIC_BEDROCK, AWS, region="us-east-1"),
        "us.anthropic.claude-opus-4-6-v1",
    ),
    "openai_to_anthropic_vertex": Pair(
        OpenAIToAnthropicVertex(),
        CHAT,
        Backend(
            "vertex",
            "vertex",
            "gcp.vertex_ai",
            Schema.ANTHROPIC_VERTEX,
            GOOGLE,
            "/v1",
            region="us-east5",
            project="acme",
        ),
        "claude-opus-4-6",
    ),
    "openai_to_bedrock": Pair(
        OpenAIToBedrock(),
        CHAT,
        Backend("bedrock", "bedrock", "aws.bedrock", Schema.BEDROCK, AWS, region="us-east-1"),
        "anthropic.claude-opus-4-6-v1",
    ),
    "openai_to_bedrock_embeddings": Pair(
        EmbeddingsToBedrock(),
        EMBEDDINGS,
        Backend("bedrock", "bedrock", "aws.bedrock", Schema.BEDROCK, AWS, region="us-east-1"),
        "amazon.titan-embed-text-v2:0",
    ),
    "openai_to_cohere": Pair(OpenAIToCohere(), CHAT, COHERE, "command-a-03-2025"),
    "openai_to_cohere_embeddings": Pair(EmbeddingsToCohere(), EMBEDDINGS, COHERE, "embed-v4.0"),
    "openai_to_gemini": Pair(OpenAIToGemini(), CHAT, GEMINI, "gemini-3.1-pro-preview"),
    "openai_to_gemini_embeddings": Pair(EmbeddingsToGemini(), EMBEDDINGS, GEMINI, "gemini-embedding-001"),
    "openai_to_vertex": Pair(OpenAIToVertex(), CHAT, VERTEX, "gemini-3.1-pro-preview"),
    "openai_to_vertex_embeddings": Pair(EmbeddingsToVertex(), EMBEDDINGS, VERTEX, "text-embedding-005"),
    "openai_to_mistral": Pair(OpenAIToMistral(), CHAT, MISTRAL, "mistral-large-latest"),
    "openai_to_mistral_embeddings": Pair(EmbeddingsToMistral(), EMBEDDINGS, MISTRAL, "mistral-embed"),
    "openai_to_responses": Pair(
        OpenAIToResponses(),
        CHAT,
        Backend("openai", "openai", "openai", Schema.OPENAI_RESPONSES, "api.openai.com", "/v1"),
        "gpt-5.5",
    ),
    "rerank": Pair(RerankToCohere(), RERANK, COHERE, "rerank-v3.5"),
    "responses_to_chat": Pair(Composed(ResponsesFront(), OpenAIToOpenAI()), RESPONSES, OPENAI, "gpt-5.6"),
    "responses_to_responses": Pair(OpenAIToOpenAIResponses(), RESPONSES, OPENAI, "gpt-5.6"),
}


class Settings(msgspec.Struct, forbid_unknown_fields=True):
    """`case.json`."""

    about: str
    reference: str
    seen: str
    model: str = ""
    path: str = ""
    api_version: str | None = None
    unsupported: Unsupported = Unsupported.ERROR
    wants_usage: bool = False
    status: int = 500


@dataclass(frozen=True)
class Case:
    """One directory."""

    directory: Path
    pair: Pair
    settings: Settings = field(compare=False)

    @property
    def name(self) -> str:
        return f"{self.directory.parent.name}/{self.directory.name}"

    def has(self, name: str) -> bool:
        return (self.directory / name).exists()

    def read(self, name: str) -> bytes:
        return (self.directory / name).read_bytes()

    @property
    def has_stream(self) -> bool:
        return self.has("stream.sse") or self.has("stream.jsonl")

    def stream(self) -> bytes:
        """The provider's stream as it goes over the wire."""
        return self.read("stream.sse") if self.has("stream.sse") else event_stream.encoded(self.read("stream.jsonl"))

    @property
    def target(self) -> Target:
        settings = self.settings
        backend = replace(self.pair.backend, api_version=settings.api_version, unsupported=settings.unsupported)
        return Target(backend, settings.model or self.pair.model)

    def call(self) -> Call:
        body = self.read("request.json") if self.has("request.json") else b'{"model":"chat","messages":[]}'
        fields = msgspec.json.decode(body, type=dict[str, Raw])
        return Call(
            endpoint=self.pair.endpoint,
            path=self.settings.path or "/v1" + self.pair.endpoint.path,
            body=body,
            fields=fields,
            model=msgspec.json.decode(fields["model"], type=str),
            stream=bytes(fields.get("stream", b"false")) == b"true",
            wants_usage=self.settings.wants_usage,
            created=CREATED,
        )

    def response(self, *, streamed: bool) -> Response:
        return self.pair.translator.response(self.call(), streamed=streamed)


def cases(pair: str) -> list[Case]:
    """The cases of a pair, by name."""
    directories = sorted(path.parent for path in (ROOT / pair).glob("*/case.json"))
    return [Case(path, PAIRS[pair], _SETTINGS.decode((path / "case.json").read_bytes())) for path in directories]


def made_files(case: Case) -> dict[str, bytes]:
    """Every made file of a case, as the code makes it now."""
    return {name: made for makes in _MAKERS for name, made in makes(case)}


def _request(case: Case) -> Iterator[tuple[str, bytes]]:
    if not case.has("request.json"):
        return
    try:
        request = case.pair.translator.request(case.call(), case.target)
    except GatewayError as error:
        yield "upstream.json", _refusal(error, case.pair.endpoint.dialect)
        return
    yield (
        "upstream.json",
        _pretty(
            {
                "path": request.path,
                "headers": dict(request.headers),
                "dropped": request.dropped,
                "body": Raw(request.body or case.read("request.json")),
            }
        ),
    )


def _whole(case: Case) -> Iterator[tuple[str, bytes]]:
    if not case.has("response.json"):
        return
    response = case.response(streamed=False)
    try:
        document = Raw(response.feed(case.read("response.json")) + response.finish())
        yield "caller.json", _pretty(document)
    except GatewayError as error:
        yield "caller.json", _refusal(error, case.pair.endpoint.dialect)
    yield "outcome.json", _pretty(asdict(response.outcome))


def _stream(case: Case) -> Iterator[tuple[str, bytes]]:
    if not case.has_stream:
        return
    response = case.response(streamed=True)
    yield "caller.sse", translate(response, [case.stream()])
    yield "stream_outcome.json", _pretty(asdict(response.outcome))


def _error(case: Case) -> Iterator[tuple[str, bytes]]:
    for path in sorted(case.directory.glob("error.*")):
        yield (
            "caller_error.json",
            _refusal(case.pair.translator.error(case.settings.status, path.read_bytes()), case.pair.endpoint.dialect),
        )


_MAKERS: tuple[Callable[[Case], Iterator[tuple[str, bytes]]], ...] = (_request, _whole, _stream, _error)
_SETTINGS = msgspec.json.Decoder(Settings)


def translate(response: Response, pieces: list[bytes]) -> bytes:
    """All that comes out of a response when it is fed these pieces."""
    return b"".join([response.feed(piece) for piece in pieces] + [response.finish()])


def _refusal(error: GatewayError, spoken: Dialect) -> bytes:
    return _pretty({"status": error.status, "body": Raw(spoken.body(error))})


def _pretty(document: object) -> bytes:
    return msgspec.json.format(msgspec.json.encode(document), indent=2) + b"\n"


def main() -> None:
    parser = argparse.ArgumentParser(description="Golden cases of the translators.")
    parser.add_argument("--update", action="store_true", help="write the made files anew")
    update = parser.parse_args().update
    stale = [
        (case, name, made)
        for pair in PAIRS
        for case in cases(pair)
        for name, made in made_files(case).items()
        if not (case.has(name) and case.read(name) == made)
    ]
    for case, name, made in stale:
        print(f"{case.name}/{name}: {'written' if update else 'differs'}")
        if update:
            (case.directory / name).write_bytes(made)
    if stale and not update:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
