"""Token counts: known texts, hostile texts, and never the network."""

import gzip
import hashlib
import json
import socket
from concurrent.futures import ThreadPoolExecutor

import msgspec
import pytest

from extproc.genai.tokenizer import Tokenizers, VocabularyError, encoding_name, read_vocabulary


@pytest.fixture(scope="module")
def tokenizers() -> Tokenizers:
    return Tokenizers()


@pytest.mark.parametrize(
    ("model", "encoding"),
    [
        ("gpt-4o", "o200k_base"),
        ("gpt-4o-mini-2024-07-18", "o200k_base"),
        ("gpt-5.1", "o200k_base"),
        ("o3", "o200k_base"),
        ("gpt-4", "cl100k_base"),
        ("gpt-35-turbo-16k", "cl100k_base"),
        ("text-embedding-3-small", "cl100k_base"),
        ("gpt-oss-120b", "o200k_base"),  # o200k_harmony differs in special tokens only
        ("gpt2", "o200k_base"),
        ("gpt-6", "o200k_base"),
        ("claude-sonnet-4-5", "o200k_base"),
        ("", "o200k_base"),
    ],
)
def test_a_models_vocabulary(model: str, encoding: str) -> None:
    assert encoding_name(model) == encoding


@pytest.mark.parametrize(
    ("model", "text", "tokens"),
    [
        ("gpt-4o", "", 0),
        ("gpt-4", "hello world", 2),
        ("gpt-4o", "hello world", 2),
        ("gpt-4", "antidisestablishmentarianism", 6),
        ("gpt-4o", "antidisestablishmentarianism", 6),
        ("gpt-4", "2 + 2 = 4", 7),
        ("gpt-4o", "2 + 2 = 4", 7),
        ("gpt-4", "お誕生日おめでとう", 9),
        ("gpt-4o", "お誕生日おめでとう", 8),
        ("claude-sonnet-4-5", "お誕生日おめでとう", 8),
        ("gpt-4", "<|endoftext|>", 7),
        ("gpt-4o", "<|endoftext|>", 7),
    ],
)
def test_known_texts(tokenizers: Tokenizers, model: str, text: str, tokens: int) -> None:
    assert tokenizers.count(model, text) == tokens


def test_a_lone_surrogate_is_counted_like_the_replacement_character(tokenizers: Tokenizers) -> None:
    assert tokenizers.count("gpt-4o", "a\ud800b") == tokenizers.count("gpt-4o", "a\ufffdb")


@pytest.mark.parametrize("model", ["gpt-4", "gpt-4o"])
@pytest.mark.parametrize("space", [" ", "\t", "\u00a0", "\n"])
def test_a_run_of_whitespace_of_more_than_a_million_is_counted(tokenizers: Tokenizers, model: str, space: str) -> None:
    assert 5_000 < tokenizers.count(model, "a" + space * 1_100_000 + "b") < 300_000


def test_a_long_text_is_taken_to_go_on_as_it_begins(tokenizers: Tokenizers) -> None:
    line = "The quick brown fox jumps over the lazy dog.\n"
    assert tokenizers.count("gpt-4o", line) == 10
    assert tokenizers.count("gpt-4o", line * 2_000) == 20_000
    assert tokenizers.count("gpt-4o", line * 10_000) == 100_004


def test_many_texts_are_bounded_together(tokenizers: Tokenizers) -> None:
    raw = json.dumps(["one two three four five " * 1_000] * 100).encode()
    assert tokenizers.count_json_text("gpt-4o", raw) == 500_112


def test_what_comes_after_just_so_many_characters_counts_too(tokenizers: Tokenizers) -> None:
    document = json.dumps([" hello" * 16_666 + " big", " hello" * 100_000]).encode()  # the first has 100,000 characters
    assert 116_000 <= tokenizers.count_json_text("gpt-4o", document) <= 117_500


def test_a_long_word_is_counted(tokenizers: Tokenizers) -> None:
    assert tokenizers.count("gpt-4o", "a" * 250_000) == 31_250


@pytest.mark.parametrize(
    ("document", "tokens"),
    [
        pytest.param("hello world", 2, id="prompt"),
        pytest.param(["hello world", "hello"], 3, id="prompts"),
        pytest.param([15339, 1917, 0], 3, id="token ids"),
        pytest.param([[15339, 1917], [15339]], 3, id="lists of token ids"),
        pytest.param([], 0, id="no messages"),
        pytest.param([{"role": "user", "content": "hello world"}], 1 + 2 + 3 + 3, id="one message"),
        pytest.param([{"role": "user", "content": "hello world"}] * 4, 4 * (1 + 2 + 3) + 3, id="four messages"),
        pytest.param(
            [{"role": "user", "content": [{"type": "text", "text": "hello world"}, {"type": "text", "text": "hello"}]}],
            1 + 2 + 1 + 3 + 3,
            id="parts of a message",
        ),
        pytest.param(
            [
                {
                    "role": "user",
                    "content": [
                        {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA", "detail": "low"}},
                        {"type": "input_audio", "input_audio": {"data": "AAAA", "format": "wav"}},
                        {"type": "file", "file": {"file_data": "AAAA"}},
                    ],
                }
            ],
            1 + 3 + 3,
            id="media are not text",
        ),
        pytest.param(
            [
                {
                    "role": "user",
                    "content": [
                        {"type": "image", "source": {"type": "base64", "media_type": "hello", "data": "AAAA" * 1000}},
                        {"type": "document", "source": {"type": "text", "media_type": "hello", "data": "hello world"}},
                        {"type": "input_file", "filename": "hello", "file_data": "AAAA" * 1000},
                        {"type": "reasoning", "encrypted_content": "AAAA" * 1000},
                        {"type": "thinking", "thinking": "hello", "signature": "AAAA" * 1000},
                    ],
                }
            ],
            1 + 1 + 1 + 2 + 1 + 1 + 3 + 3,
            id="media and sealed reasoning of other formats",
        ),
        pytest.param({"data": "hello world", "type": {"data": "hello"}}, 2 + 0, id="any object with data"),
        pytest.param([{"role": "user", "n": 5, "flag": True, "none": None, "x": 1.5}], 1 + 3 + 3, id="other values"),
    ],
)
def test_json_text(tokenizers: Tokenizers, document: object, tokens: int) -> None:
    assert tokenizers.count_json_text("gpt-4o", json.dumps(document).encode()) == tokens


def test_numbers_of_any_size_do_not_matter(tokenizers: Tokenizers) -> None:
    raw = b'[{"role":"user","a":1e400,"b":1234567890123456789012345678901234567890}]'
    assert tokenizers.count_json_text("gpt-4o", raw) == 1 + 3 + 3


def test_a_number_that_python_does_not_take_is_counted_as_it_is_written(tokenizers: Tokenizers) -> None:
    raw = b'[{"role":"user","a":%s}]' % (b"1" * 5000)
    assert 1000 < tokenizers.count_json_text("gpt-4o", raw) < 5000


def test_very_many_members_are_estimated(tokenizers: Tokenizers) -> None:
    token_ids = json.dumps([[15339] * 1000] * 300).encode()
    assert 300_000 <= tokenizers.count_json_text("gpt-4o", token_ids) <= 301_000
    words = json.dumps(["hello"] * 300_000).encode()
    assert 300_000 <= tokenizers.count_json_text("gpt-4o", words) <= 1_200_000


def test_what_is_not_json_is_refused(tokenizers: Tokenizers) -> None:
    with pytest.raises(msgspec.DecodeError):
        tokenizers.count_json_text("gpt-4o", b'[{"role":')


def test_many_threads_load_a_vocabulary_once() -> None:
    tokenizers = Tokenizers()
    with ThreadPoolExecutor(8) as pool:
        encodings = set(pool.map(lambda _: id(tokenizers._encoding("cl100k_base")), range(16)))
    assert len(encodings) == 1


def test_nothing_asks_the_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("the network was asked")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    tokenizers = Tokenizers()
    tokenizers.preload()
    assert tokenizers.count("gpt-4o", "hello world") == 2


class TestVocabulary:
    FILE = b"aGVsbG8= 0\nIHdvcmxk 1\n"

    def test_tokens_and_ranks(self) -> None:
        ranks = read_vocabulary(gzip.compress(self.FILE), hashlib.sha256(self.FILE).hexdigest())
        assert ranks == {b"hello": 0, b" world": 1}

    def test_a_changed_file_is_refused(self) -> None:
        with pytest.raises(VocabularyError):
            read_vocabulary(gzip.compress(self.FILE + b"IQ== 2\n"), hashlib.sha256(self.FILE).hexdigest())
