"""Vectors from a model on this machine: a directory with `model.onnx` and `tokenizer.json`.

Needs the packages onnxruntime, tokenizers and numpy (the extra `semantic`). The model is an encoder as
Hugging Face's Optimum exports them (from memory, 2026-11-21): `input_ids`, `attention_mask` and, if it has them,
`token_type_ids` go in, the vectors of all tokens come out first; their mean is the text's.
"""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime  # type: ignore[import-untyped]
from numpy.typing import NDArray
from onnxruntime.capi import onnxruntime_pybind11_state as failures  # type: ignore[import-untyped]
from tokenizers import Tokenizer

from extproc.cache.semantic.embedder import EmbedderAway
from extproc.cache.semantic.vector import packed

_MOST_TOKENS = 256
_NO_MODEL = (
    failures.Fail,
    failures.InvalidArgument,
    failures.InvalidGraph,
    failures.InvalidProtobuf,
    failures.NotImplemented,
)
_NO_RUN = (failures.Fail, failures.InvalidArgument, failures.RuntimeException, ValueError)


class OnnxEmbedder:
    """One batch at a time, on one thread beside the event loop. Raises OSError or ValueError for a directory without a
    model."""

    def __init__(self, directory: Path) -> None:
        self.name = directory.name
        self._tokenizer = _tokenizer(directory / "tokenizer.json")
        self._session = _session(directory / "model.onnx")
        self._inputs = {each.name for each in self._session.get_inputs()}
        self._busy = asyncio.Lock()

    async def embed(self, texts: Sequence[str]) -> list[bytes]:
        async with self._busy:
            return await asyncio.to_thread(self._embed, list(texts))

    def _embed(self, texts: list[str]) -> list[bytes]:
        pieces = self._tokenizer.encode_batch(texts)
        mask = np.array([each.attention_mask for each in pieces], np.int64)
        given = {
            "input_ids": np.array([each.ids for each in pieces], np.int64),
            "attention_mask": mask,
            "token_type_ids": np.array([each.type_ids for each in pieces], np.int64),
        }
        wanted = {name: value for name, value in given.items() if name in self._inputs}
        try:
            states = np.asarray(self._session.run(None, wanted)[0], np.float32)
            return [packed(row.tolist()) for row in _mean(states, mask)]
        except _NO_RUN as error:
            raise EmbedderAway(f"the local model failed: {type(error).__name__}") from None


def _mean(states: NDArray[np.float32], mask: NDArray[np.int64]) -> NDArray[np.float32]:
    """The mean over the tokens that are there. `states` is texts by tokens by dimensions."""
    weights = mask[:, :, None].astype(np.float32)
    return np.asarray((states * weights).sum(axis=1) / weights.sum(axis=1), np.float32)


def _tokenizer(file: Path) -> Any:
    tokenizer = Tokenizer.from_str(file.read_text(encoding="utf-8"))
    tokenizer.enable_truncation(_MOST_TOKENS)
    tokenizer.enable_padding()
    return tokenizer


def _session(file: Path) -> Any:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    if not file.is_file():
        raise FileNotFoundError(f"no model at {file}")
    try:
        return onnxruntime.InferenceSession(str(file), options, providers=["CPUExecutionProvider"])
    except _NO_MODEL as error:
        raise ValueError(f"{file} is not a model that can be run: {type(error).__name__}") from None
