"""The virtual key of a request, in any of the headers that SDKs send it in."""

from collections.abc import Mapping

KEY_HEADERS = ("authorization", "x-api-key", "api-key", "x-goog-api-key")
"""Where the OpenAI, Anthropic, Azure and Google SDKs put a key, in the order in which they are read."""


def presented_key(headers: Mapping[str, str]) -> str:
    """The key as the caller sent it, without the `Bearer` scheme; empty when there is none."""
    for name in KEY_HEADERS:
        value = headers.get(name)
        if value:
            scheme, _, rest = value.partition(" ")
            return rest.strip() if scheme.lower() == "bearer" and rest else value.strip()
    return ""
