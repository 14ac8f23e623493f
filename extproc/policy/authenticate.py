"""The virtual key of a request, in any of the headers that SDKs send it in."""

from collections.abc import Mapping

KEY_HEADERS = ("authorization", "x-api-key", "api-key", "x-goog-api-key")
"""Where the OpenAI, Anthropic, Azure and Google SDKs put a key, in the order in which they are read."""


def presented_key(headers: Mapping[str, str]) -> str:
    """The key as the caller sent it, without the `Bearer` scheme; empty when there is none.

    A credential of another scheme (`Basic …`) is no key: it is what was presented where nothing else was.
    """
    sent = [value for name in KEY_HEADERS if (value := headers.get(name, "").strip())]
    return next((key for value in sent if (key := _key(value))), next(filter(_is_of_another_scheme, sent), ""))


def _key(value: str) -> str:
    """The bare key of a header's value; empty where it is none."""
    scheme, _, rest = value.partition(" ")
    if scheme.lower() == "bearer":
        return rest.strip()
    return "" if rest else value


def _is_of_another_scheme(value: str) -> bool:
    return not _key(value) and value.lower() != "bearer"
