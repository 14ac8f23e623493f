"""Redaction by policies with the real detectors: what each of a document's fields comes to."""

import json
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import TypeVar

import pytest

from extproc.apischema.endpoints import CHAT
from extproc.config.privacy import (
    Encoding,
    EntityAction,
    EntityPattern,
    EntityWords,
    Privacy,
    PrivacyPolicy,
    SecretRules,
)
from extproc.policy.detectors import DetectorStock, surrogates
from extproc.policy.principal import Principal
from extproc.policy.redact import LARGE, Redactor
from extproc.translator.base import Call
from extproc.wire.json_object import parse_object

CALLER = Principal(id="k", alias="k")
MASK = EntityAction.MASK
_T = TypeVar("_T")


async def at_once(work: Callable[[], _T]) -> _T:
    return work()


def offload(work: Callable[[], _T]) -> Awaitable[_T]:
    return at_once(work)


def section(*entities: tuple[str, EntityAction], **changes: object) -> Privacy:
    policy = replace(PrivacyPolicy("p", entities), **changes)  # type: ignore[arg-type]
    return Privacy(b"k" * 32, (policy,), (), phone_regions=("US",))


async def redacted(privacy: Privacy, text: str) -> str:
    body = json.dumps({"model": "m", "messages": [{"role": "user", "content": text}]}).encode()
    call = Call(endpoint=CHAT, path=CHAT.path, body=body, fields=parse_object(body), model="m")
    redactor = Redactor(privacy, DetectorStock().of(privacy), surrogates(), offload)
    made = await redactor.redact(privacy.policies[0], call, CALLER)
    content: str = json.loads(made.call.body)["messages"][0]["content"]
    assert bytes(made.call.fields["messages"]) in made.call.body
    return content


async def test_only_what_is_named_is_found() -> None:
    text = "ann@corp.example.org from 192.168.7.20"
    assert await redacted(section(("EMAIL_ADDRESS", MASK)), text) == "<EMAIL_ADDRESS> from 192.168.7.20"


@pytest.mark.parametrize(
    ("allowed", "text", "expected"),
    [
        ("*@example.com", "ann@example.com", "ann@example.com"),
        ("*@example.com", "Ann@EXAMPLE.com", "Ann@EXAMPLE.com"),
        ("*@example.com", "ann@example.community", "<EMAIL_ADDRESS>"),
        ("ann@example.com", "ANN@example.com", "ANN@example.com"),
        ("a.n@example.com", "ann@example.com", "<EMAIL_ADDRESS>"),
    ],
)
async def test_what_is_allowed_is_left(allowed: str, text: str, expected: str) -> None:
    privacy = section(("EMAIL_ADDRESS", MASK), allow=(("EMAIL_ADDRESS", (allowed,)),))
    assert await redacted(privacy, text) == expected


async def test_patterns_and_words_of_the_operator() -> None:
    privacy = replace(
        section(("EMPLOYEE", MASK), ("PROJECT", MASK)),
        patterns=(EntityPattern("EMPLOYEE", "E-[0-9]{6}", ("staff",)),),
        words=(EntityWords("PROJECT", ("Heron",)), EntityWords("UNUSED", ("Bluebird",))),
    )
    assert await redacted(privacy, "staff E-123456, HERON, Bluebird") == "staff <EMPLOYEE>, <PROJECT>, Bluebird"
    assert await redacted(privacy, "part E-123456") == "part E-123456"


async def test_encoded_text_is_looked_into_where_that_is_wanted() -> None:
    text = "see YW5uQGNvcnAuZXhhbXBsZS5vcmc= now"
    assert await redacted(section(("EMAIL_ADDRESS", MASK)), text) == text
    decoding = section(("EMAIL_ADDRESS", MASK), decode=frozenset({Encoding.BASE64}))
    assert await redacted(decoding, text) == "see <EMAIL_ADDRESS> now"


async def test_surrogates_are_valid() -> None:
    made = await redacted(section(("CREDIT_CARD", EntityAction.SURROGATE)), "4111 1111 1111 1111")
    digits = [int(digit) for digit in made if digit.isdigit()]
    assert made != "4111 1111 1111 1111"
    assert sum(digits[-1::-2]) % 10 == -sum(sum(divmod(2 * digit, 10)) for digit in digits[-2::-2]) % 10


async def test_a_large_body_is_redacted_as_a_small_one() -> None:
    privacy = section(("EMAIL_ADDRESS", EntityAction.REPLACE))
    small = await redacted(privacy, "ann@corp.example.org")
    large = await redacted(privacy, "x " * LARGE + "ann@corp.example.org")
    assert large.endswith(f" {small}")


def test_detectors_are_kept_from_document_to_document() -> None:
    stock = DetectorStock()
    first = stock.of(section(("EMAIL_ADDRESS", MASK)))["p"]
    assert stock.of(section(("EMAIL_ADDRESS", EntityAction.HASH)))["p"] is first
    assert stock.of(section(("IP_ADDRESS", MASK)))["p"] is not first


async def test_the_rules_of_kingfisher_find_what_ours_do_not_name() -> None:
    privacy = section(("API_KEY", MASK))
    text = "linear key: lin_api_8Kp2vXq9Rw4Tz7Yb1Nc6Md3Fs5Gh0Jk2Lq8Wx4Ez"
    both = [await redacted(replace(privacy, secret_rules=rules), text) for rules in SecretRules]
    assert both == [text, "linear key: <API_KEY>"]
