"""Texts of 100 KB that try to buy CPU: what nearly matches, over and over, for every family of patterns; and requests
of that size whose structure does."""

import json
import random
import string
from collections.abc import Callable, Mapping
from typing import Any

SIZE = 100 * 1024
_DIGITS = string.digits
_FRAGMENTS = (
    *("john@", "exa.com", "4111 ", "1111-", "DE89", "3704 ", "0044", "+49 ", "(415)", "555-", "http://", "u:p@", "eyJ"),
    *(
        "password=",
        "token: ",
        "-----BEGIN ",
        "PRIVATE KEY-----",
        ".",
        "bc1q",
        "0x",
        "1A1z",
        "12 Main ",
        "Street",
        "rue ",
    ),
    *(
        "Via ",
        "born ",
        "1985",
        "/05/",
        "ssn ",
        "123-45-6789",
        "::",
        "fe80:",
        "\n",
        " ",
        ",",
        "é",
        "\u200b",
        "１",
        "AKIA",
    ),
    *("github", "slack", "aws", "secret", "ghp_", "xoxb-"),
)
_REPEATED = {
    "IBAN with a wrong checksum": "DE89 3704 0044 0532 0130 01 ",
    "beginnings of IBANs": "DE12",
    "cards with a wrong check digit": "4111 1111 1111 1112 ",
    "single digits": "1 ",
    "single digits and hyphens": "1-",
    "single digits and slashes": "1/",
    "letters and dots": "a.",
    "at signs": "@",
    "letters and at signs": "a@",
    "nearly mail": "a@b.",
    "mail": "a@bc.de ",
    "spelled mail": "a at b dot c ",
    "telephone numbers": "(415) 555-2671 ",
    "announced telephone numbers": "tel 0301234567 ",
    "dots": ".",
    "dashes": "-",
    "colons": ":",
    "NULs": "\0",
    "words of context": "ssn tel card iban dni bsn passport account born ",
    "named numbers": "ssn 123456789 ",
    "social security numbers": "123-45-6789 ",
    "fiscal codes": "RSSMRA85T10A562T ",
    "addresses": "1.2.3.4 ",
    "long addresses": "fe80::1:2 ",
    "hardware addresses": "00:1B:44:11:3A:B7 ",
    "tokens": "eyJhbGciOiJIUzI1NiJ9.eyJ.a ",
    "beginnings of tokens": "eyJ",
    "beginnings of keys": "-----BEGIN PRIVATE KEY-----\n",
    "passwords": "password=aB3$efg ",
    "empty passwords": "password:",
    "URLs with credentials": "a://b:c@d ",
    "schemes": "a://",
    "dates of birth": "born 1.1.1985 ",
    "births": "born on ",
    "streets": "12 Main Street ",
    "nearly streets": "1 A B C D ",
    "German streets": "Aweg 1 ",
    "nearly Italian streets": "via a b c d ",
    "French streets": "1 rue a b c d ",
    "accounts": "account 12345678 ",
    "zero-width characters": "4\u200b1",
    "ideographs": "電話番号",
    "full-width digits": "４１１１ ",
    "Arabic digits": "٤١١١",
    "combining marks": "a\u0301\u0302",
    "surrogates": "\ud800a",
    "tag characters": "\U000e0034\U000e0031",
    "GitHub tokens": "ghp_16C7e42F292c6912E7710c838347Ae178B4a ",
}
_RANDOM: Mapping[str, Callable[[random.Random], str]] = {
    "digits": lambda chance: _some(chance, _DIGITS, SIZE),
    "hexadecimal": lambda chance: _some(chance, "0123456789abcdef", SIZE),
    "base64": lambda chance: _some(chance, string.ascii_letters + _DIGITS + "+/", SIZE),
    "fragments": lambda chance: "".join(chance.choices(_FRAGMENTS, k=SIZE)),
    "random IBANs": lambda chance: _words(chance, "DE", _DIGITS, 20),
    "random cards": lambda chance: _words(chance, "4", _DIGITS, 15),
    "random telephone numbers": lambda chance: _words(chance, "0", _DIGITS, 9),
    "nine digits": lambda chance: _words(chance, "", _DIGITS, 9),
    "nine named digits": lambda chance: _words(chance, "sin ", _DIGITS, 9),
    "eleven digits": lambda chance: _words(chance, "", _DIGITS, 11),
    "eighteen digits": lambda chance: _words(chance, "", _DIGITS, 18),
    "Bitcoin addresses": lambda chance: _words(chance, "1", "123456789ABCDEFGHJKLMNPQRSTUVWXYZ", 33),
    "segwit addresses": lambda chance: _words(chance, "bc1q", "qpzry9x8gf2tvdw0s3jn54khce6mua7l", 38),
    "Ethereum addresses": lambda chance: _words(chance, "0x", "0123456789abcdefABCDEF", 40),
    "assigned tokens": lambda chance: _words(chance, "token=", string.ascii_letters + _DIGITS, 16),
    "AWS keys": lambda chance: _words(chance, "AKIA", "ABCDEFGHJKLMNPQRSTUVWXYZ234567", 16),
}


def texts() -> dict[str, str]:
    """By what they are made of; the same each time."""
    chance = random.Random(7)
    repeated = {name: (unit * (SIZE // len(unit) + 1))[:SIZE] for name, unit in _REPEATED.items()}
    return repeated | {name: make(chance)[:SIZE] for name, make in _RANDOM.items()}


def bodies() -> dict[str, bytes]:
    """Requests of 100 KB whose structure is to cost more than their text, by what they are made of."""
    mails = " ".join(f"a{number:05}@ex.org" for number in range(SIZE // 28))
    said = {"role": "user", "content": mails}
    repeated: dict[str, tuple[str, Any]] = {
        "tiny strings": ("stop", "b"),
        "tiny texts that are found": ("stop", "a@b.cc"),
        "tiny cards": ("stop", "4111 1111 1111 1112"),
        "tiny members": ("metadata", {"a": "b"}),
        "numbers": ("metadata", 4111111111111112),
        "measures": ("metadata", 0.1234567),
        "JSON in strings": ("stop", '["12345"]'),
        "empty JSON in strings": ("stop", "[]"),
        "ids": ("messages", {"id": "b"}),
        "URLs": ("messages", {"url": "a@b.cc"}),
        "parts": ("content", {"type": "text", "text": "b"}),
        "pairs of parts": ("messages", {"content": [{"text": "b"}, {"text": "c"}]}),
    }
    made = {name: _filled(member, unit) for name, (member, unit) in repeated.items()}
    made["nested JSON"] = _body(prompt=_nested("a@b.cc " * (SIZE // 28), 5))
    made["signed reasoning"] = _body(messages=[said, _thought(mails)])
    made["many signed thoughts"] = _body(messages=[said, *[_thought("b")] * (SIZE // 180)])
    return made


def _filled(member: str, unit: Any) -> bytes:
    return _body(**{member: [unit] * (SIZE // (len(json.dumps(unit, separators=(",", ":"))) + 1))})


def _body(**fields: Any) -> bytes:
    return json.dumps(fields, separators=(",", ":")).encode()


def _thought(text: str) -> Any:
    return {"role": "assistant", "content": [{"type": "thinking", "thinking": text, "signature": "c2ln"}]}


def _nested(text: str, depth: int) -> str:
    return text if depth == 0 else _nested(json.dumps([text]), depth - 1)


def _some(chance: random.Random, alphabet: str, size: int) -> str:
    return "".join(chance.choices(alphabet, k=size))


def _words(chance: random.Random, lead: str, alphabet: str, size: int) -> str:
    count = SIZE // (len(lead) + size + 1) + 1
    return " ".join(lead + _some(chance, alphabet, size) for _ in range(count))
