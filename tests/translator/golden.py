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

from extproc.apischema import openai
from extproc.apischema.endpoints import CHAT, Endpoint
from extproc.config.model import Backend, Schema, Target, Unsupported
from extproc.errors import GatewayError
from extproc.translator.base import Call, Response, Translator
from extproc.translator.openai_to_anthropic import OpenAIToAnthropic

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


PAIRS = {
    "openai_to_anthropic": Pair(
        OpenAIToAnthropic(),
        CHAT,
        Backend("claude", "anthropic", "anthropic", Schema.ANTHROPIC, "api.anthropic.com", "/v1"),
        "claude-opus-4-6",
    ),
}


class Settings(msgspec.Struct, forbid_unknown_fields=True):
    """`case.json`."""

    about: str
    reference: str
    seen: str
    model: str = ""
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
    def target(self) -> Target:
        settings = self.settings
        backend = replace(self.pair.backend, api_version=settings.api_version, unsupported=settings.unsupported)
        return Target(backend, settings.model or self.pair.model)

    def call(self) -> Call:
        body = self.read("request.json") if self.has("request.json") else b'{"model":"chat","messages":[]}'
        fields = msgspec.json.decode(body, type=dict[str, Raw])
        return Call(
            endpoint=self.pair.endpoint,
            path="/v1" + self.pair.endpoint.path,
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
        yield "upstream.json", _refusal(error)
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
        yield "caller.json", _refusal(error)
    yield "outcome.json", _pretty(asdict(response.outcome))


def _stream(case: Case) -> Iterator[tuple[str, bytes]]:
    if not case.has("stream.sse"):
        return
    response = case.response(streamed=True)
    yield "caller.sse", translate(response, [case.read("stream.sse")])
    yield "stream_outcome.json", _pretty(asdict(response.outcome))


def _error(case: Case) -> Iterator[tuple[str, bytes]]:
    for path in sorted(case.directory.glob("error.*")):
        yield "caller_error.json", _refusal(case.pair.translator.error(case.settings.status, path.read_bytes()))


_MAKERS: tuple[Callable[[Case], Iterator[tuple[str, bytes]]], ...] = (_request, _whole, _stream, _error)
_SETTINGS = msgspec.json.Decoder(Settings)


def translate(response: Response, pieces: list[bytes]) -> bytes:
    """All that comes out of a response when it is fed these pieces."""
    return b"".join([response.feed(piece) for piece in pieces] + [response.finish()])


def _refusal(error: GatewayError) -> bytes:
    return _pretty({"status": error.status, "body": Raw(openai.error_body(error))})


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
