"""The content blocks of a streamed Anthropic answer, in the order in which they began.

Anthropic has one block open at a time. A chat stream may go on with a tool call after another has begun: what belongs
to a later block waits until the one before it has ended, and only then. A tool's block ends when its input is whole and
another block has begun; any other block, as soon as another has begun.
"""

from collections import deque
from dataclasses import dataclass, field

from extproc.translator import anthropic_events
from extproc.translator.anthropic_events import Block, ToolUseBlock
from extproc.translator.messages_to_chat_response import is_input


@dataclass(slots=True)
class OpenBlock:
    """A block under way. `pieces` are its text so far (a tool's: its arguments), `waiting` events not yet sent."""

    index: int
    block: Block
    pieces: list[str] = field(default_factory=list)
    waiting: list[bytes] = field(default_factory=list)
    signed: bool = False

    @property
    def may_end(self) -> bool:
        """Nothing more can belong to it. Empty arguments may still come."""
        if not isinstance(self.block, ToolUseBlock):
            return True
        return bool(self.pieces) and self.pieces[-1].rstrip()[-1:] in ("}", "") and is_input("".join(self.pieces))

    @property
    def is_cut(self) -> bool:
        """Its input has begun, and is not the JSON of an object."""
        return bool(self.pieces) and not self.may_end


class BlockLine:
    """Blocks in line: the first is open for the caller, the others wait."""

    def __init__(self) -> None:
        self._line: deque[OpenBlock] = deque()
        self._begun = 0

    @property
    def last(self) -> OpenBlock | None:
        """The block that began last."""
        return self._line[-1] if self._line else None

    def begin(self, block: Block) -> tuple[OpenBlock, bytes]:
        """A new block, and what the caller may have now."""
        opened = OpenBlock(self._begun, block)
        self._begun += 1
        self._line.append(opened)
        return opened, self.add(opened, anthropic_events.block_start(opened.index, block))

    def add(self, block: OpenBlock, event: bytes) -> bytes:
        """One more event of a block, and what the caller may have now. An ended block takes no more."""
        head = self._line[0]
        if block is head:
            return event if len(self._line) == 1 else event + self._advance()
        if block.index < head.index:
            return b""
        block.waiting.append(event)
        return self._advance() if len(block.waiting) == 1 else b""

    def end(self) -> bytes:
        """All that is left."""
        out = []
        while self._line:
            block = self._line.popleft()
            out += [*block.waiting, anthropic_events.block_stop(block.index)]
        return b"".join(out)

    def _advance(self) -> bytes:
        out = []
        while len(self._line) > 1 and self._line[0].may_end:
            out.append(anthropic_events.block_stop(self._line.popleft().index))
            head = self._line[0]
            out += head.waiting
            head.waiting = []
        return b"".join(out)
