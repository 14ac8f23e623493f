"""Reasoning items of the Responses API as signed blocks of chat, and back.

Reference: https://platform.openai.com/docs/guides/reasoning#encrypted-reasoning-items (read in the SDKs' types and in
excerpts, 2026-11-21): an item that is not stored comes encrypted, and has to come back, with its id, before the calls
that it led to.

A `thinking` block holds the summary as its text. Its signature is `openai1.`, the item's id, `.`, and the encrypted
content: a caller sends it back untouched, like any provider's signature.
"""

from msgspec import Struct

from extproc.apischema.responses_backend import CallerThinking, OutputItem, Reasoning, SummaryText

_MARK = "openai1."


class ThinkingBlock(Struct, tag="thinking", tag_field="type"):
    """An element of `thinking_blocks`."""

    thinking: str
    signature: str


def signed(item: OutputItem) -> ThinkingBlock | None:
    """The block of a reasoning item; None for one that is not encrypted and cannot come back."""
    if not item.encrypted_content:
        return None
    return ThinkingBlock(summary(item), f"{_MARK}{item.id}.{item.encrypted_content}")


def unsigned(block: CallerThinking) -> Reasoning | None:
    """The item of a block that `signed` made; None for another provider's."""
    if not block.signature.startswith(_MARK):
        return None
    item, _, encrypted = block.signature.removeprefix(_MARK).partition(".")
    return Reasoning(item, [SummaryText(block.thinking)] if block.thinking else [], encrypted)


def summary(item: OutputItem) -> str:
    """The text of a reasoning item: its summary, or what open models show of the reasoning itself."""
    return "\n\n".join(part.text for part in item.summary or item.content or ())
