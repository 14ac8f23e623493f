"""Vectors from an embeddings endpoint, and from a model on this machine."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import numpy as np
import onnx
import pytest
from aiohttp import web
from onnx import TensorProto, helper, numpy_helper
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import Whitespace

from extproc.cache.semantic.embedder import EmbedderAway, HttpEmbedder
from extproc.cache.semantic.onnx_embedder import OnnxEmbedder
from extproc.cache.semantic.vector import packed
from extproc.config.model import Secret

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@asynccontextmanager
async def asking(handler: Handler, seconds: float = 5.0) -> AsyncIterator[HttpEmbedder]:
    """An embedder that asks a server on loopback."""
    app = web.Application()
    app.router.add_post("/v1/embeddings", handler)
    runner = web.AppRunner(app)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        host, port = runner.addresses[0][:2]
        async with aiohttp.ClientSession() as session:
            url = f"http://{host}:{port}/v1/embeddings"
            yield HttpEmbedder(lambda: session, url, "small", key=Secret("sk-1"), seconds=seconds)
    finally:
        await runner.cleanup()


def answering(answer: Any, status: int = 200) -> Handler:
    async def handler(request: web.Request) -> web.Response:
        return web.json_response(answer, status=status)

    return handler


async def test_an_endpoint_is_asked_as_openai_s_is() -> None:
    asked: list[tuple[Any, str]] = []

    async def handler(request: web.Request) -> web.Response:
        asked.append((await request.json(), request.headers["authorization"]))
        data = [{"index": 1, "embedding": [0, 1]}, {"index": 0, "embedding": [2, 0]}]
        return web.json_response({"object": "list", "data": data})

    async with asking(handler) as embedder:
        assert await embedder.embed(["one", "two"]) == [packed([1, 0]), packed([0, 1])]
        assert embedder.name == "small"
    assert asked == [({"model": "small", "input": ["one", "two"], "encoding_format": "float"}, "Bearer sk-1")]


@pytest.mark.parametrize(
    "handler",
    [
        answering({"error": {"message": "no"}}, 429),
        answering({}, 302),
        answering({}),
        answering([]),
        answering({"data": []}),
        answering({"data": [{"index": 1, "embedding": [1]}]}),
        answering({"data": [{"index": 0, "embedding": []}]}),
        answering({"data": [{"index": 0, "embedding": [0, 0]}]}),
        answering({"data": [{"index": 0, "embedding": ["a"]}]}),
        answering({"data": [{"index": 0, "embedding": [1.5] * 1_500_000}]}),
    ],
)
async def test_an_answer_that_is_none_is_an_embedder_that_is_away(handler: Handler) -> None:
    async with asking(handler) as embedder:
        with pytest.raises(EmbedderAway):
            await embedder.embed(["one"])


async def test_an_endpoint_that_does_not_answer_is_away_in_time() -> None:
    never = asyncio.Event()

    async def handler(request: web.Request) -> web.Response:
        await never.wait()
        return web.Response()

    async with asking(handler, seconds=0.05) as embedder:
        with pytest.raises(EmbedderAway, match="TimeoutError"):
            await embedder.embed(["one"])
        never.set()


async def test_an_endpoint_that_nobody_serves_is_away() -> None:
    async with aiohttp.ClientSession() as session:
        embedder = HttpEmbedder(lambda: session, "http://127.0.0.1:1/v1/embeddings", "small", seconds=1)
        with pytest.raises(EmbedderAway, match="cannot be reached"):
            await embedder.embed(["one"])


WORDS = {"[PAD]": 0, "[UNK]": 1, "north": 2, "east": 3}
VECTORS = [[9, 9], [0, 0], [0, 1], [1, 0]]


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A model of four words, whose vectors it gives out one by one."""
    tokenizer = Tokenizer(WordLevel(WORDS, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = Whitespace()
    tokenizer.save(str(tmp_path / "tokenizer.json"))
    table = numpy_helper.from_array(np.array(VECTORS, np.float32), "table")
    node = helper.make_node("Gather", ["table", "input_ids"], ["states"])
    inputs = [helper.make_tensor_value_info("input_ids", TensorProto.INT64, ["texts", "tokens"])]
    outputs = [helper.make_tensor_value_info("states", TensorProto.FLOAT, ["texts", "tokens", 2])]
    graph = helper.make_graph([node], "words", inputs, outputs, [table])
    onnx.save(
        helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), tmp_path / "model.onnx"
    )
    return tmp_path


async def test_a_local_model_gives_the_mean_of_its_tokens(model: Path) -> None:
    embedder = OnnxEmbedder(model)
    assert await embedder.embed(["north", "east north", "east east east"]) == [
        packed([0, 1]),
        packed([1, 1]),
        packed([1, 0]),
    ]
    assert embedder.name == model.name


async def test_a_text_without_a_direction_has_no_vector(model: Path) -> None:
    with pytest.raises(EmbedderAway):
        await OnnxEmbedder(model).embed(["neither"])


def test_a_directory_without_a_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(OSError, match=r"tokenizer\.json"):
        OnnxEmbedder(tmp_path)


@pytest.mark.parametrize("content", [None, b"", b"no model"])
def test_a_file_that_is_no_model_is_refused(model: Path, content: bytes | None) -> None:
    file = model / "model.onnx"
    file.unlink() if content is None else file.write_bytes(content)
    with pytest.raises((OSError, ValueError), match=r"model\.onnx"):
        OnnxEmbedder(model)
