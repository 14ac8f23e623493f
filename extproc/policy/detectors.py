"""The detectors that a document's privacy policies need.

Imported where there are such policies only: the matchers, their patterns and the metadata of telephone numbers take a
third of a second and 25 MB.
"""

from collections.abc import Iterator, Mapping

from extproc.config.model import WILDCARD
from extproc.config.privacy import Encoding, Privacy, PrivacyPolicy
from extproc.privacy.apply import Find
from extproc.privacy.detect.custom import AllowList, CustomPattern, WordList
from extproc.privacy.detect.detector import Detector, DetectorOptions
from extproc.privacy.detect.entity import Entity
from extproc.privacy.detect.identifiers import IDENTIFIERS
from extproc.privacy.surrogate import Surrogates

_META = frozenset("\\.+*?()|[]{}^$")


class TwoDetectors:
    """A detector for the event loop, and its twin for the thread beside it, made there when it is first needed.

    Hyperscan's scratch space is for one thread at a time.
    """

    def __init__(self, options: DetectorOptions) -> None:
        self.options = options
        self._detector = Detector(options)
        self._apart: Detector | None = None

    def search(self) -> Find:
        return self._detector.scan().find

    def search_apart(self) -> Find:
        if self._apart is None:
            self._apart = Detector(self.options)
        return self._apart.scan().find


class DetectorStock:
    """Detectors by policy; what the last document had as well is not made again."""

    def __init__(self) -> None:
        self._made: list[TwoDetectors] = []

    def of(self, privacy: Privacy) -> Mapping[str, TwoDetectors]:
        found = {policy.name: self._one(options(privacy, policy)) for policy in privacy.policies}
        self._made = list(found.values())
        return found

    def _one(self, wanted: DetectorOptions) -> TwoDetectors:
        made = next((one for one in self._made if one.options == wanted), None)
        if made is None:
            made = TwoDetectors(wanted)
            self._made.append(made)
        return made


def surrogates() -> Surrogates:
    """Stand-ins that pass the checks that a detector makes."""
    return Surrogates({identifier.entity.value: identifier.check for identifier in IDENTIFIERS})


def options(privacy: Privacy, policy: PrivacyPolicy) -> DetectorOptions:
    """What a policy has detected."""
    named = {entity for entity, _ in policy.entities}
    return DetectorOptions(
        entities=frozenset(entity for entity in Entity if entity in named),
        phone_regions=privacy.phone_regions,
        custom=tuple(custom for custom in _custom(privacy) if custom.name in named),
        allowed={entity: _allow_list(values) for entity, values in policy.allow},
        decode_base64=Encoding.BASE64 in policy.decode,
        decode_urls=Encoding.URL in policy.decode,
    )


def _custom(privacy: Privacy) -> Iterator[CustomPattern | WordList]:
    for pattern in privacy.patterns:
        yield CustomPattern(pattern.name, pattern.regex, pattern.context, pattern.case_sensitive)
    for words in privacy.words:
        yield WordList(words.name, words.words, words.case_sensitive)


def _allow_list(values: tuple[str, ...]) -> AllowList:
    return AllowList(
        values=frozenset(value for value in values if WILDCARD not in value),
        patterns=tuple(_pattern(value) for value in values if WILDCARD in value),
    )


def _pattern(value: str) -> str:
    """`*` is any text, in any case; all else is itself."""
    return "(?i)" + "".join(".*" if char == WILDCARD else _literal(char) for char in value)


def _literal(char: str) -> str:
    return f"\\{char}" if char in _META else char
