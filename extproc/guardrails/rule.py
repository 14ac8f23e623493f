"""What an operator can demand of requests and answers: one frozen value a rule.

Every rule has a `name` (which callers and metrics see), a `phase`, what is to be done about what it finds, and a mode:
in shadow it is only counted. Only rules that point at places in a text can redact. All raise ValueError, with the
rule's name, for what makes no sense.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from extproc.privacy.detect.span import Span

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")
_ROOM_BETWEEN_WORDS = 8


class Phase(StrEnum):
    REQUEST = "request"
    RESPONSE = "response"
    BOTH = "both"

    def covers(self, phase: "Phase") -> bool:
        return self is Phase.BOTH or self is phase


class Action(StrEnum):
    """`REDACT` puts `<name of the rule>` in place of what was found."""

    BLOCK = "block"
    REDACT = "redact"
    OBSERVE = "observe"


class Mode(StrEnum):
    ENFORCE = "enforce"
    SHADOW = "shadow"


class Role(StrEnum):
    """Who wrote a text. `USER` also stands for whoever is not known."""

    SYSTEM = "system"
    USER = "user"
    ASSISTANT = "assistant"
    TOOL = "tool"
    DEFINITION = "definition"  # of a tool


class Modality(StrEnum):
    IMAGE = "image"
    AUDIO = "audio"
    VIDEO = "video"
    FILE = "file"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """What all rules have."""

    name: str
    phase: Phase = Phase.BOTH
    action: Action = Action.BLOCK
    mode: Mode = Mode.ENFORCE

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name):
            raise ValueError(f"The name of a rule is letters, digits and _.-, 64 at most: {self.name!r} is not.")

    @property
    def enforced(self) -> bool:
        return self.mode is Mode.ENFORCE

    @property
    def reach(self) -> int:
        """The most characters of a text that one finding of the rule is long."""
        return 0


@dataclass(frozen=True, slots=True, kw_only=True)
class WordRule(Rule):
    """None of the `denied` words and phrases, where they stand alone, save within one that is `allowed`.

    Compared without regard to case, accents on Latin letters, look-alikes, kinds of white space and what is not seen.
    """

    denied: tuple[str, ...] = field(repr=False)
    allowed: tuple[str, ...] = field(default=(), repr=False)

    def __post_init__(self) -> None:
        Rule.__post_init__(self)
        _require(self, any(word.strip() for word in self.denied), "has no words")

    @property
    def reach(self) -> int:
        return max(len(word) + _ROOM_BETWEEN_WORDS * len(word.split()) for word in (*self.denied, *self.allowed))


@dataclass(frozen=True, slots=True, kw_only=True)
class PatternRule(Rule):
    """Nothing that `pattern` (RE2's syntax) matches. In a stream, matches of up to `length` characters are found."""

    pattern: str
    case_sensitive: bool = True
    length: int = 128

    def __post_init__(self) -> None:
        Rule.__post_init__(self)
        _require(self, self.length > 0, "needs a length")

    @property
    def reach(self) -> int:
        return self.length


@dataclass(frozen=True, slots=True, kw_only=True)
class SecretRule(Rule):
    """Nothing that `find` points at: `privacy.detect.Detector(...).find`, for secrets only, or what has its form."""

    find: Callable[[str], Sequence[Span]] = field(repr=False)
    phase: Phase = Phase.RESPONSE
    length: int = 200

    @property
    def reach(self) -> int:
        return self.length


@dataclass(frozen=True, slots=True, kw_only=True)
class InjectionRule(Rule):
    """No sign that somebody wants to take over the model: heuristics, whose weights add up (see `injection`).

    A lower `threshold` finds more and is wrong more often. What the `roles` wrote is looked at: a system prompt may say
    what it likes.
    """

    phase: Phase = Phase.REQUEST
    threshold: float = 1.0
    roles: frozenset[Role] = frozenset({Role.USER, Role.TOOL, Role.DEFINITION})

    def __post_init__(self) -> None:
        Rule.__post_init__(self)
        _require(self, self.threshold > 0, "needs a threshold above 0")
        _require_no_redaction(self)

    @property
    def reach(self) -> int:
        return 160


@dataclass(frozen=True, slots=True, kw_only=True)
class TopicRule(Rule):
    """No text whose distinct `keywords` weigh `threshold` or more together. Compared as the words of a WordRule."""

    keywords: Mapping[str, float] = field(repr=False)
    threshold: float = 1.0

    def __post_init__(self) -> None:
        Rule.__post_init__(self)
        _require(self, any(word.strip() for word in self.keywords), "has no keywords")
        _require(self, self.threshold > 0, "needs a threshold above 0")
        _require_no_redaction(self)

    @property
    def reach(self) -> int:
        return max(len(word) + _ROOM_BETWEEN_WORDS * len(word.split()) for word in self.keywords)


@dataclass(frozen=True, slots=True, kw_only=True)
class SchemaRule(Rule):
    """The answer's text is JSON that conforms to `schema`; without one, to what the request asked for, if it did.

    An answer of more characters, or one that takes more steps (of some 10 µs), does not conform. In a stream the
    verdict comes at the end of the text, after its beginning has gone.
    """

    schema: Mapping[str, Any] | bool | None = field(default=None, repr=False)
    phase: Phase = Phase.RESPONSE
    most_characters: int = 200_000
    most_steps: int = 3_000

    def __post_init__(self) -> None:
        Rule.__post_init__(self)
        _require(self, self.phase is Phase.RESPONSE, "can only be for responses")
        _require_no_redaction(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolRule(Rule):
    """Only tools of these names, offered or called; `*` at the end of a name is any rest.

    A provider's own tool goes by its type (`web_search`), an MCP server by `mcp:` and its label.
    """

    allowed: frozenset[str]

    def __post_init__(self) -> None:
        Rule.__post_init__(self)
        _require_no_redaction(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class SizeRule(Rule):
    """No more than so many messages, characters of text, pictures and tools; None for no limit."""

    phase: Phase = Phase.REQUEST
    most_messages: int | None = None
    most_characters: int | None = None
    most_images: int | None = None
    most_tools: int | None = None

    def __post_init__(self) -> None:
        Rule.__post_init__(self)
        _require(self, self.phase is Phase.REQUEST, "can only be for requests")
        _require_no_redaction(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class ModalityRule(Rule):
    """Beside text, nothing but what is `allowed`."""

    allowed: frozenset[Modality] = frozenset()
    phase: Phase = Phase.REQUEST

    def __post_init__(self) -> None:
        Rule.__post_init__(self)
        _require(self, self.phase is Phase.REQUEST, "can only be for requests")
        _require_no_redaction(self)


def _require(rule: Rule, holds: bool, what: str) -> None:
    if not holds:
        raise ValueError(f"The rule {rule.name!r} {what}.")


def _require_no_redaction(rule: Rule) -> None:
    _require(rule, rule.action is not Action.REDACT, "cannot redact: it points at no place in a text")
