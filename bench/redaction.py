"""What redacting a request costs: detection, placeholders and the new body, in process."""

import json
import time

from bench.result import Result
from bench.stats import median
from extproc.policy.detectors import surrogates
from extproc.privacy.apply import Action, Find, Policy
from extproc.privacy.detect.detector import Detector
from extproc.privacy.detect.entity import Entity
from extproc.privacy.vault import Vault
from extproc.privacy.walk import redact_body
from tests.privacy.detect import hostile

_ROUNDS, _HOSTILE_ROUNDS = 200, 3
_KEY = bytes(32)
_NOT_IN_JSON = ("surrogates",)
_TEXT = "The quick brown fox jumps over the lazy dog, and then it writes a short report about how far it came. "
_TEN = (
    "john.doe@corp.example.org (415) 555-2671 +49 30 12345678 SSN 536-90-4399 4111 1111 1111 1111 "
    "DE89 3704 0044 0532 0130 00 192.168.1.20 born on 12/05/1985 123 Main Street jane@corp.example.org "
)
_SIZE = 4 << 10
_POLICY = Policy({Entity.CREDIT_CARD.value: Action.SURROGATE}, default=Action.REPLACE)


def clean(name: str, _: int) -> Result:
    """4 KB in which nothing is found."""
    return _result(name, [_body((_TEXT * (_SIZE // len(_TEXT) + 1))[:_SIZE])], _ROUNDS)


def ten(name: str, _: int) -> Result:
    """4 KB with ten values."""
    rest = _SIZE - len(_TEN)
    return _result(name, [_body(_TEN + (_TEXT * (rest // len(_TEXT) + 1))[:rest])], _ROUNDS)


def hostile_texts(name: str, _: int) -> Result:
    """The worst of the hostile texts of 100 KB that JSON can hold, and of requests that are little but structure."""
    texts = [_body(text) for kind, text in hostile.texts().items() if kind not in _NOT_IN_JSON]
    bodies = list(hostile.bodies().values())
    of_structure = {"ms_of_structure": _worst(Detector(), bodies, _HOSTILE_ROUNDS), "structures": len(bodies)}
    result = _result(name, texts, _HOSTILE_ROUNDS)
    return Result(name, more={**result.more, **of_structure})


def _result(name: str, bodies: list[bytes], rounds: int) -> Result:
    detector = Detector()
    worst = _worst(detector, bodies, rounds)
    found = redact_body(bodies[0], detector.find, _POLICY, _vault()).counts
    return Result(name, more={"ms_per_request": worst, "texts": len(bodies), "found": sum(found.values())})


def _worst(detector: Detector, bodies: list[bytes], rounds: int) -> float:
    """CPU milliseconds of a request: of that which takes longest, the median of the rounds."""
    return max(median([_milliseconds(detector, body) for _ in range(rounds)]) for body in bodies)


def _milliseconds(detector: Detector, body: bytes) -> float:
    find: Find = detector.scan().find
    began = time.thread_time()
    redact_body(body, find, _POLICY, _vault())
    return (time.thread_time() - began) * 1e3


def _vault() -> Vault:
    return Vault(_KEY, surrogates().make)


def _body(text: str) -> bytes:
    return json.dumps({"model": "m", "messages": [{"role": "user", "content": text}]}, ensure_ascii=False).encode()
