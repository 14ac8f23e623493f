"""Secrets of some hundred providers: the rules of Kingfisher (https://github.com/mongodb/kingfisher, Apache-2.0), run
in process by its package `kingfisher-secret-scanner`. It never uses the network here.

The rules take about three seconds to compile, a third of a second from a cache on disk: load them once per process,
before requests come, and share them between detectors.
"""

import re
import time
from collections.abc import Callable, Iterator

import re2
from kingfisher_sdk import Finding, Rules, Scanner

from extproc.privacy.detect.allowance import Allowance
from extproc.privacy.detect.entity import Entity
from extproc.privacy.detect.prefilter import latin_1
from extproc.privacy.detect.span import Span

_WINDOW = 8192
_OVERLAP = 256  # the longest secrets that are not our own rules' (keys in PEM are)
_ANY_TOKEN = rb"[A-Za-z0-9+/=_.-]{16,}"
_NOT_DIGITS = bytes(byte for byte in range(256) if not chr(byte).isdigit())
_WORD = re.compile(r"[A-Za-z_-]{3,}")
_LIKE_TOKENS = (
    "_0aZ9x8Y7w6V5u4T3s2R1",
    "=0123456789abcdef0123456789abcdef",
    ' = "aB3dE6gH9jK2mN5pQ8sT1vW4yZ7bC0eF3hJ6kM9"',
)
_ENTITIES = (("private-key", Entity.PRIVATE_KEY), ("jwt", Entity.JWT), ("password", Entity.PASSWORD))


class Kingfisher:
    """A `Recogniser`. `cache_dir` keeps the compiled rules; its owner must be trusted. `clock`: CPU seconds of the
    thread, since what is charged is work and not waiting."""

    def __init__(self, cache_dir: str | None = None, clock: Callable[[], float] = time.thread_time) -> None:
        rules = Rules(cache=cache_dir is not None, cache_dir=cache_dir)
        self._scanner = Scanner(rules, base64=False)
        self._clock = clock
        self._any_token = re2.compile(_ANY_TOKEN, latin_1())
        self._warm(rules)

    def find(self, text: str, allowance: Allowance) -> Iterator[Span]:
        """Past the allowance every long word with a digit counts as a secret."""
        view = text.encode("ascii", "replace").replace(b"\0", b" ")  # NULs would make it guess UTF-16
        for start in range(0, max(len(view), 1), _WINDOW):
            if not allowance.check(0):
                yield from self._all_tokens(view, start, allowance)
                return
            begun = self._clock()
            findings = self._scanner.scan(view[max(0, start - _OVERLAP) : start + _WINDOW])
            allowance.spend((self._clock() - begun) * 1e6)
            yield from (_span(finding, max(0, start - _OVERLAP)) for finding in findings if _is_secret(finding))

    def _all_tokens(self, view: bytes, start: int, allowance: Allowance) -> Iterator[Span]:
        for match in self._any_token.finditer(view, start):
            if not allowance.match():
                yield Span(match.start(), len(view), Entity.API_KEY)
                return
            if match.group().translate(None, _NOT_DIGITS):
                yield Span(match.start(), match.end(), Entity.API_KEY)

    def _warm(self, rules: Rules) -> None:
        """Each rule's expression is built when its keyword is first seen: let that be now."""
        for rule in rules.metadata():
            words = _WORD.findall(rules.detail(rule["id"])["detection_regex"])
            self._scanner.scan("\n".join(f"{word}{token}" for word in words for token in _LIKE_TOKENS))


def _is_secret(finding: Finding) -> bool:
    """What is not shown by itself is part of a credential; of those, only what is secret."""
    return finding.visible or "secret" in finding.rule_id


def _span(finding: Finding, offset: int) -> Span:
    location = finding.location
    entity = next((entity for part, entity in _ENTITIES if part in finding.rule_id), Entity.API_KEY)
    return Span(offset + location["start_offset"], offset + location["end_offset"], entity)
