"""YAML text to plain values, strictly.

The reader builds its values from the parser's events and lets no loader construct anything: a loader composes nested
nodes by recursion, which a deep document turns into a crash of the process, and it takes the last of two equal fields.
Plain scalars follow the core schema of YAML 1.2 (https://yaml.org/spec/1.2.2/#103-core-schema) for null, true, false
and decimal numbers; all else is text, so that dates and `no` stay what they look like. Tags and merge keys are not
understood; aliases are, within a bound.
"""

import re
from collections.abc import Iterator
from typing import Any

import yaml

from extproc.config.mistakes import Mistakes
from extproc.errors import ConfigError

MAX_DOCUMENT_BYTES = 4 << 20
_MOST_NODES = 100_000
_DEEPEST = 32

LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_WORDS: dict[str, object] = {
    "": None,
    "~": None,
    **dict.fromkeys(("null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_INTEGER = re.compile(r"[-+]?[0-9]{1,18}")
_NUMBER = re.compile(r"[-+]?(\.[0-9]{1,30}|[0-9]{1,30}(\.[0-9]{0,30})?)([eE][-+]?[0-9]{1,2})?")


def read(text: str, source: str, mistakes: Mistakes, loader: Any = LOADER) -> dict[str, object]:
    """The document's mapping of plain values.

    Where each part stands, and fields that are given twice, go to `mistakes`. Raises ConfigError for text that has no
    meaning at all. `source` names the document in messages; they never quote it. `loader` brings the parser.
    """
    if len(text.encode(errors="surrogatepass")) > MAX_DOCUMENT_BYTES:
        raise ConfigError(f"the document is larger than {MAX_DOCUMENT_BYTES >> 20} MiB", source=source)
    try:
        return _Reader(yaml.parse(text, Loader=loader), source, mistakes).document()
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark is not None else 1
        raise ConfigError(f"this is not YAML: {error.problem}", source=f"{source}:{line}") from None
    except (yaml.YAMLError, UnicodeError):
        raise ConfigError("this is not YAML: it has a character that YAML does not allow", source=source) from None


class _Reader:
    """One pass over the events of a document."""

    def __init__(self, events: Iterator[yaml.Event], source: str, mistakes: Mistakes) -> None:
        self._events = events
        self._source = source
        self._mistakes = mistakes
        self._nodes = 0
        self._anchors: dict[str, tuple[object, int]] = {}  # value, and how many nodes it has

    def document(self) -> dict[str, object]:
        next(self._events)  # the stream's start
        if isinstance(next(self._events), yaml.StreamEndEvent):
            raise ConfigError("the document is empty", source=self._source)
        first = next(self._events)
        root = self._node(first, "", 0)
        next(self._events)  # the document's end
        extra = next(self._events)
        if not isinstance(extra, yaml.StreamEndEvent):
            raise self._error("there is a second document", extra)
        if not isinstance(root, dict):
            raise self._error("the document must be a mapping", first)
        return root

    def _node(self, event: yaml.Event, path: str, depth: int) -> object:
        self._mistakes.locate(path, _line(event))
        if depth > _DEEPEST:
            raise self._error(f"the document is nested more than {_DEEPEST} deep", event)
        if isinstance(event, yaml.AliasEvent):
            return self._alias(event)
        before = self._nodes
        self._count(1, event)
        value = self._value(event, path, depth)
        if isinstance(event, yaml.NodeEvent) and event.anchor is not None:
            self._anchors[event.anchor] = value, self._nodes - before
        return value

    def _value(self, event: yaml.Event, path: str, depth: int) -> object:
        match event:
            case yaml.MappingStartEvent(tag=None):
                return self._mapping(path, depth)
            case yaml.SequenceStartEvent(tag=None):
                return self._sequence(path, depth)
            case yaml.ScalarEvent(tag=None, value=text):
                return _plain(text) if event.implicit[0] else text
        raise self._error("tags ('!') have no meaning here", event)

    def _alias(self, event: yaml.AliasEvent) -> object:
        known = self._anchors.get(event.anchor or "")
        if known is None:
            raise self._error("this alias ('*') has no anchor before it", event)
        value, size = known
        self._count(size, event)
        return value

    def _mapping(self, path: str, depth: int) -> dict[str, object]:
        found: dict[str, object] = {}
        while not isinstance(event := next(self._events), yaml.MappingEndEvent):
            name = self._field_name(event)
            where = f"{path}.{name}" if path else name
            if name in found:
                first = self._mistakes.line(where)
                self._mistakes.add(where, f"is given twice, first on line {first}", line=_line(event))
            self._mistakes.locate(where, _line(event))
            found.setdefault(name, self._node(next(self._events), where, depth + 1))
        return found

    def _field_name(self, event: yaml.Event) -> str:
        if not isinstance(event, yaml.ScalarEvent) or event.tag is not None:
            raise self._error("a field's name must be plain text", event)
        return str(event.value)

    def _sequence(self, path: str, depth: int) -> list[object]:
        found: list[object] = []
        while not isinstance(event := next(self._events), yaml.SequenceEndEvent):
            found.append(self._node(event, f"{path}[{len(found)}]", depth + 1))
        return found

    def _count(self, nodes: int, event: yaml.Event) -> None:
        self._nodes += nodes
        if self._nodes > _MOST_NODES:
            raise self._error(f"the document has more than {_MOST_NODES} values, its aliases included", event)

    def _error(self, message: str, event: yaml.Event) -> ConfigError:
        return ConfigError(message, source=f"{self._source}:{_line(event)}")


def _line(event: yaml.Event) -> int:
    return event.start_mark.line + 1 if event.start_mark is not None else 1


def _plain(text: str) -> object:
    if text in _WORDS:
        return _WORDS[text]
    if _INTEGER.fullmatch(text):
        return int(text)
    if _NUMBER.fullmatch(text):
        return float(text)
    return text
