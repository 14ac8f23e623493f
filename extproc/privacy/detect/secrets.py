"""What opens something: keys, tokens, passwords. Only what needs no long list of providers: that is `kingfisher`."""

import base64
import binascii
import math
from collections import Counter

import msgspec

from extproc.privacy.detect.entity import Entity
from extproc.privacy.detect.rule import Rule

_MOST_OF_A_HEADER = 2048
_BITS_OF_A_TOKEN = 3.0
_CHARACTERS_OF_A_TOKEN = 16

_TOKENS = (
    r"(?:A3T[A-Z0-9]|AKIA|ASIA|ABIA|ACCA)[A-Z2-7]{16}"  # AWS
    r"|sk-(?:[a-z]{2,10}[0-9]{0,2}-){0,2}[A-Za-z0-9_-]{20,200}"  # OpenAI, Anthropic, OpenRouter, DeepSeek
    r"|gh[pousr]_[A-Za-z0-9]{36,255}|github_pat_[A-Za-z0-9_]{60,90}|glpat-[A-Za-z0-9_-]{20,50}"
    r"|xox[abeoprs]-[A-Za-z0-9-]{10,250}|AIza[A-Za-z0-9_-]{35}|ya29\.[A-Za-z0-9_-]{20,250}"
    r"|[spr]k_(?:live|test)_[A-Za-z0-9]{16,250}|hf_[A-Za-z0-9]{30,50}|gsk_[A-Za-z0-9]{40,60}|npm_[A-Za-z0-9]{36}"
    r"|pypi-[A-Za-z0-9_-]{50,250}|SG\.[A-Za-z0-9_-]{16,32}\.[A-Za-z0-9_-]{16,64}|dop_v1_[a-f0-9]{64}"
)
"""Prefixes that providers give their keys for scanners to find (their own pages; from memory, 2026-11-21)."""

_LEADS = (
    r"A3T|AKIA|ASIA|ABIA|ACCA|sk-|gh[pousr]_|github_pat_|glpat-|xox|AIza|ya29\.|[spr]k_|hf_|gsk_|npm_|pypi-|SG\."
    r"|dop_v1_"
)

_NAMES_OF_PASSWORDS = (
    r"passwor[dt]|passwd|pwd|passphrase|kennwort|mot de passe|contrasena|senha|wachtwoord|haslo|losenord|passord"
)
_NAMES_OF_TOKENS = (
    r"secret|token|api[_ -]?key|apikey|access[_ -]?key|client[_ -]?secret|auth[_ -]?token|private[_ -]?key"
    r"|secret[_ -]?key|signing[_ -]?key|encryption[_ -]?key|credentials?|bearer|authorization"
)
_ASSIGNED = r"[\"'`]?(?:\s{0,2}(?:=>|:=|[:=])|\s(?:is|ist|est|es|e|jest|ar|er|to):?\s)\s{0,3}(?:bearer |basic )?[\"'`]?"
_ASSIGNS = (":", "=", ">")
_VARIABLES = ("<", "${", "{{", "$(", "%(", "os.", "env.", "env[", "process.env", "your-", "your_", "***", "xxx", "...")
_PLAIN_WORDS = frozenset(
    {
        *("none", "null", "true", "false", "undefined", "string", "required", "optional", "example", "changeme"),
        *("redacted", "secret", "password", "token"),
    }
)


def _jwt(value: str, _: str) -> bool:
    """The header is a JSON object with an algorithm (RFC 7519, section 5; RFC 7515, section 4.1.1)."""
    header = value.partition(".")[0][:_MOST_OF_A_HEADER]
    try:
        decoded = msgspec.json.decode(base64.urlsafe_b64decode(header + "=" * (-len(header) % 4)))
    except (binascii.Error, ValueError):
        return False
    return isinstance(decoded, dict) and "alg" in decoded


def _password(value: str, before: str) -> bool:
    """Not a placeholder, a variable or a plain word. After a verb more is asked: `the password is wrong!`"""
    lower = value.lower()
    if lower in _PLAIN_WORDS or lower.startswith(_VARIABLES) or value.endswith(("(", ")")):
        return False
    kinds = sum(map(any, zip(*((c.islower(), c.isupper(), c.isdigit(), not c.isalnum()) for c in value), strict=True)))
    if before.rstrip(" \"'`")[-1:] not in _ASSIGNS:
        return kinds >= 2 and any(map(str.isdigit, value))
    return kinds >= 3 or (kinds == 2 and not value.endswith((".", ":")))


def _token(value: str, before: str) -> bool:
    """Long and random: words and identifiers of programs have less entropy, or no digit."""
    if len(value) < _CHARACTERS_OF_A_TOKEN or not any(map(str.isdigit, value)) or not _password(value, before):
        return False
    return entropy(value) >= _BITS_OF_A_TOKEN


def entropy(value: str) -> float:
    """Shannon's, in bits a character, of the value's own distribution of characters."""
    size = len(value)
    return -sum(count / size * math.log2(count / size) for count in Counter(value).values())


SECRET_PATTERNS: tuple[Rule, ...] = (
    Rule(
        Entity.PRIVATE_KEY,
        r"-----BEGIN [A-Z0-9 ]{0,30}PRIVATE KEY(?: BLOCK)?-----(?:(?:[^-]|-[^-])*-----END [A-Z0-9 ]{0,30}PRIVATE KEY"
        r"(?: BLOCK)?-----|(?:\s|\\n|[A-Za-z0-9+/=]{20,})*[A-Za-z0-9+/=]{20,})",
        r"PRIVATE KEY(?: BLOCK)?-----",
    ),
    Rule(
        Entity.URL_WITH_CREDENTIALS,
        r"(?i)\b[a-z][a-z0-9+.-]{1,20}://[^\s:/@\"'<>]{0,100}:[^\s@/\"'<>]{1,200}@[^\s\"'<>,;)]{1,300}",
        r"://[^\s/]{0,300}@",
    ),
    Rule(
        Entity.JWT,
        r"\beyJ[A-Za-z0-9_-]{5,}\.[A-Za-z0-9_-]{2,}\.[A-Za-z0-9_-]*",
        r"\beyJ",
        _jwt,
        validated=True,
        cost=10.0,
    ),
    Rule(Entity.API_KEY, rf"\b(?:{_TOKENS})", rf"\b(?:{_LEADS})"),
    Rule(
        Entity.PASSWORD,
        rf"(?i)(?:{_NAMES_OF_PASSWORDS}){_ASSIGNED}([^\s\"'`,;]{{6,100}})",
        rf"(?i)(?:{_NAMES_OF_PASSWORDS})",
        _password,
        cost=6.0,
    ),
    Rule(
        Entity.API_KEY,
        rf"(?i)(?:{_NAMES_OF_TOKENS}){_ASSIGNED}([A-Za-z0-9+/=_.~-]{{16,200}})",
        rf"(?i)(?:{_NAMES_OF_TOKENS})",
        _token,
        cost=12.0,
    ),
)
