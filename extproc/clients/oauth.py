"""The one thing that all token endpoints have in common: a request, and a JSON object with a token and its lifetime.

OAuth 2.0, RFC 6749, sections 5.1 and 5.2.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import aiohttp
import msgspec

from extproc.clients.tokens import Token, TokenError
from extproc.config.document import HEADER_VALUE
from extproc.config.model import Secret

_TIMEOUT = aiohttp.ClientTimeout(total=10)
_CODE = re.compile(r"[a-zA-Z_]{1,64}")


@dataclass(frozen=True, slots=True)
class TokenRequest:
    """A question to a token endpoint. With a `form` it is a POST.

    `nearby` is for endpoints of the machine itself: they are not asked through the proxy of the environment.
    """

    url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    query: Mapping[str, str] = field(default_factory=dict)
    form: Mapping[str, str] | None = field(default=None, repr=False)
    nearby: bool = False


class _Answer(msgspec.Struct):
    access_token: str
    expires_in: int  # Azure's machines write it as text


class _Refusal(msgspec.Struct):
    error: str = ""
    error_codes: tuple[int, ...] = ()  # Microsoft's own, which its documentation explains as AADSTS…


_decode_answer = msgspec.json.Decoder(_Answer, strict=False).decode
_decode_refusal = msgspec.json.Decoder(_Refusal).decode


async def fetch(request: TokenRequest, now: Callable[[], float]) -> Token:
    """The token that the endpoint issues. Raises TokenError."""
    try:
        status, body = await _ask(request)
    except (aiohttp.ClientError, OSError) as error:
        raise TokenError(f"the token endpoint cannot be reached: {type(error).__name__}") from None
    if status != 200:
        raise TokenError(f"the token endpoint answered {status}{_reason(body)}")
    try:
        answer = _decode_answer(body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise TokenError("the token endpoint's answer is not understood") from None
    return issued(answer.access_token, answer.expires_in, now())


def issued(token: str, life: float, now: float) -> Token:
    """A token that was issued just now for `life` seconds. Raises TokenError for one that no header can carry."""
    if not re.fullmatch(HEADER_VALUE, token):
        raise TokenError("the token is not fit to be sent in a header")
    return Token(Secret(token), now + life, life)


def error_code(text: object) -> str:
    """OAuth's word for what is wrong, where it is one; nothing else is fit to be quoted."""
    return text if isinstance(text, str) and _CODE.fullmatch(text) else ""


async def _ask(request: TokenRequest) -> tuple[int, bytes]:
    method = "GET" if request.form is None else "POST"
    async with (
        aiohttp.ClientSession(timeout=_TIMEOUT, trust_env=not request.nearby) as session,
        session.request(
            method,
            request.url,
            headers=request.headers,
            params=request.query,
            data=request.form,
            allow_redirects=False,
        ) as response,
    ):
        return response.status, await response.read()


def _reason(body: bytes) -> str:
    try:
        refusal = _decode_refusal(body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return ""
    words = [error_code(refusal.error), *map(str, refusal.error_codes[:4])]
    return ": " + " ".join(word for word in words if word) if any(words) else ""
