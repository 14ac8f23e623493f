"""Structured logs: one JSON object a line, of the gateway's own events and of what its libraries say.

An event of ours is a constant string; what varies goes into fields:

    log.info("drained", extra={"fields": {"open": 0}})

What a library says may quote what it was working on, and so may the message of an exception that is not ours: of the
first only the constant beginning is written, of the second only its type and where it came from.
"""

import json
import logging
import math
import re
import traceback
from collections import deque
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TextIO

from extproc.errors import ConfigError, GatewayError, UpstreamError

_OURS = "extproc"
_AFTER_CONSTANT = re.compile(r"[\n\r:=\"'`<({\[]")
_MOST_FRAMES = 30
_MOST_ORIGINS = 4
_MOST_DEPTH = 6


def configure(level: str, stream: TextIO) -> None:
    """Sends every logger of the process to `stream`. `level`: debug, info, warning or error; else ValueError.

    grpc, aiohttp and asyncio write nowhere by themselves: theirs come here by way of the root.
    """
    handler = _Lines(stream)
    handler.setFormatter(JsonFormatter())
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)


class JsonFormatter(logging.Formatter):
    """A record as one line.

    `ts` (RFC 3339, UTC, milliseconds), `level`, `logger`, `event`, `exception` where there is one, then the fields. A
    field cannot take the name of one of these.
    """

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, object] = {
            "ts": _timestamp(record.created),
            "level": record.levelname.lower(),
            "logger": record.name,
            "event": _event(record),
        }
        if record.exc_info and record.exc_info[1] is not None:
            line["exception"] = _exception(record.exc_info[1], 1)
        fields = _shown(getattr(record, "fields", None), 1)
        if isinstance(fields, dict):
            line = line | fields | line
        return json.dumps(line, separators=(",", ":"), allow_nan=False)


class _Lines(logging.StreamHandler[TextIO]):
    def handleError(self, record: logging.LogRecord) -> None:
        """A line that cannot be written is lost: by default it would be printed, arguments and local text included."""


def _timestamp(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").removesuffix("+00:00") + "Z"


def _event(record: logging.LogRecord) -> str:
    """The message without its arguments."""
    message: object = record.msg
    if not isinstance(message, str):
        return _hidden(message)
    if record.name.partition(".")[0] == _OURS:
        return message
    return _AFTER_CONSTANT.split(message, maxsplit=1)[0].strip()


def _shown(value: object, depth: int) -> object:
    """A field as JSON has it; of what JSON does not have, only the type."""
    if value is None or isinstance(value, str | int):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if depth > _MOST_DEPTH:
        return _hidden(value)
    if isinstance(value, Mapping):
        return {str(_shown(name, depth + 1)): _shown(item, depth + 1) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_shown(item, depth + 1) for item in value]
    return _hidden(value)


def _hidden(value: object) -> str:
    return f"<{type(value).__name__}>"


def _exception(error: BaseException, depth: int) -> dict[str, object]:
    shown: dict[str, object] = {"type": type(error).__name__}
    if _is_safe(error):
        shown["message"] = str(error)
    shown["frames"] = _frames(error)
    origins = _origins(error)
    if origins and depth < _MOST_DEPTH:
        shown["because"] = [_exception(origin, depth + 1) for origin in origins[:_MOST_ORIGINS]]
    return shown


def _is_safe(error: BaseException) -> bool:
    """Whether the message is the gateway's own. An upstream error repeats what the provider said."""
    return isinstance(error, ConfigError | GatewayError) and not isinstance(error, UpstreamError)


def _frames(error: BaseException) -> list[str]:
    """`file:line` of each call, outermost first; the innermost of a long trace. No source text, no values."""
    calls = deque(traceback.walk_tb(error.__traceback__), _MOST_FRAMES)
    return [f"{frame.f_code.co_filename}:{line}" for frame, line in calls]


def _origins(error: BaseException) -> tuple[BaseException, ...]:
    """The exceptions that this one was raised for: a group's members, else its cause."""
    if isinstance(error, BaseExceptionGroup):
        return error.exceptions
    cause = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    return () if cause is None else (cause,)
