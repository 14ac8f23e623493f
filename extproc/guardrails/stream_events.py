"""What guarding the event streams of every dialect has in common: texts that grow, tools, and what comes whole."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import msgspec
from msgspec import Raw

from extproc.guardrails.channel import Channel, Pace
from extproc.guardrails.engine import AnswerRules
from extproc.guardrails.verdict import ContentFiltered, Tally, Verdicts
from extproc.privacy.json_strings import literal_of
from extproc.privacy.restore import Escaping
from extproc.privacy.restore_channels import Place
from extproc.privacy.walk import texts_of

_LOGPROBS = "logprobs"

_decode = msgspec.json.Decoder().decode
_encode = msgspec.json.encode
_decode_text = msgspec.json.Decoder(str).decode


class Texts(ABC):
    """The texts of one stream by their places, and what is done about them. Everything here raises ContentFiltered."""

    @abstractmethod
    def feed(self, place: Place, text: str, *, is_json: bool = False, is_answer: bool = False) -> str:
        """Adds to a text: what may go of it now."""

    @abstractmethod
    def close(self, ends: Callable[[Place], bool]) -> Mapping[Place, str]:
        """What was held back of the texts that end."""

    @abstractmethod
    def tools(self, names: Iterable[str]) -> None:
        """Tools that the model calls."""

    @abstractmethod
    def document(self, data: bytes, *, repeats: bool = False) -> bytes:
        """What comes whole, redacted; the very bytes if there is nothing to redact. Raises InvalidRequest.

        What `repeats` may be texts that came before.
        """

    def feed_raw(self, place: Place, raw: Raw, *, is_json: bool = False, is_answer: bool = False) -> Raw:
        """As `feed`, with JSON strings."""
        text = _decode_text(raw)
        ready = self.feed(place, text, is_json=is_json, is_answer=is_answer)
        return raw if ready == text else Raw(literal_of(ready))


class CheckedTexts(Texts):
    """Texts that are held to rules. What repeats texts that have been checked is counted only where it is refused.

    `escaping` is that of the answer's text: JSON if the caller asked for JSON.
    """

    def __init__(self, rules: AnswerRules, tally: Tally, pace: Pace, escaping: Escaping) -> None:
        self._rules = rules
        self._tally = tally
        self._pace = pace
        self._text_is_json = escaping is Escaping.JSON
        self._channels: dict[Place, Channel] = {}

    def feed(self, place: Place, text: str, *, is_json: bool = False, is_answer: bool = False) -> str:
        channel = self._channels.get(place)
        if channel is None:
            is_json = is_json or (is_answer and self._text_is_json)
            channel = Channel(self._rules, self._tally, self._pace, is_json=is_json, is_answer=is_answer)
            self._channels[place] = channel
        return channel.feed(text)

    def close(self, ends: Callable[[Place], bool]) -> Mapping[Place, str]:
        ended = [place for place in self._channels if ends(place)]
        rests = {place: self._channels.pop(place).finish() for place in ended}
        return {place: rest for place, rest in rests.items() if rest}

    def tools(self, names: Iterable[str]) -> None:
        self._settle(self._rules.check_tools(names))

    def document(self, data: bytes, *, repeats: bool = False) -> bytes:
        found = [verdict for text in texts_of(data) for verdict in self._rules.check_text(text).all]
        verdicts = Verdicts(tuple(found))
        if not repeats or verdicts.blocking is not None:
            self._settle(verdicts)
        return masked(self._rules, data) if verdicts.redacts else data

    def _settle(self, verdicts: Verdicts) -> None:
        self._tally.add(verdicts.all)
        if verdicts.blocking is not None:
            raise ContentFiltered(verdicts.blocking.rule, "answer")


def masked(rules: AnswerRules, document: bytes) -> bytes:
    """A whole document redacted, without log probabilities: they spell what is masked."""
    return without_logprobs(rules.redact(document))


def without_logprobs(document: bytes) -> bytes:
    return document if _LOGPROBS.encode() not in document else _encode(_without_logprobs(_decode(document)))


def _without_logprobs(value: Any) -> Any:
    if isinstance(value, list):
        return [_without_logprobs(element) for element in value]
    if isinstance(value, dict):
        return {name: _without_logprobs(member) for name, member in value.items() if name != _LOGPROBS}
    return value
