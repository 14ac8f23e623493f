"""The detectors that a document's privacy policies need.

Imported where there are such policies only: the matchers, their patterns and the metadata of telephone numbers take a
third of a second and 25 MB.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from extproc.config.entities import SECRETS
from extproc.config.model import WILDCARD
from extproc.config.privacy import Encoding, Privacy, PrivacyPolicy, SecretRules
from extproc.privacy.apply import Find
from extproc.privacy.detect.allowance import Allowance
from extproc.privacy.detect.custom import AllowList, CustomPattern, WordList
from extproc.privacy.detect.detector import Detector, DetectorOptions
from extproc.privacy.detect.entity import Entity
from extproc.privacy.detect.identifiers import IDENTIFIERS
from extproc.privacy.detect.recogniser import Recogniser
from extproc.privacy.detect.span import Span
from extproc.privacy.surrogate import Surrogates

_META = frozenset("\\.+*?()|[]{}^$")


class TwoDetectors:
    """A detector for the event loop, and its twin for the thread beside it, made there when it is first needed.

    Hyperscan's scratch space is for one thread at a time.
    """

    def __init__(self, options: DetectorOptions, recognisers: tuple["OnlyNamed", ...]) -> None:
        self.options = options
        self.recognisers = recognisers
        self._detector = Detector(options, recognisers)
        self._apart: Detector | None = None

    def search(self, heard: Sequence[Recogniser] = ()) -> Find:
        return self._detector.scan(heard).find

    def search_apart(self, heard: Sequence[Recogniser] = ()) -> Find:
        if self._apart is None:
            self._apart = Detector(self.options, self.recognisers)
        return self._apart.scan(heard).find

    def read(self) -> Callable[[str], Iterator[str]]:
        return self._detector.scan().readings


class DetectorStock:
    """Detectors by policy; what the last document had as well is not made again."""

    def __init__(self) -> None:
        self._made: list[TwoDetectors] = []
        self._kingfisher: Recogniser | None = None

    def of(self, privacy: Privacy) -> Mapping[str, TwoDetectors]:
        """Raises ValueError for what no detector can be made of."""
        found = {
            policy.name: self._one(options(privacy, policy), self._recognisers(privacy, policy))
            for policy in privacy.policies
        }
        self._made = list(found.values())
        return found

    def _one(self, wanted: DetectorOptions, recognisers: tuple["OnlyNamed", ...]) -> TwoDetectors:
        fit = (one for one in self._made if one.options == wanted and one.recognisers == recognisers)
        made = next(fit, None)
        if made is None:
            made = TwoDetectors(wanted, recognisers)
            self._made.append(made)
        return made

    def _recognisers(self, privacy: Privacy, policy: PrivacyPolicy) -> tuple["OnlyNamed", ...]:
        secrets = frozenset(entity for entity, _ in policy.entities if entity in SECRETS)
        if privacy.secret_rules is not SecretRules.KINGFISHER or not secrets:
            return ()
        if self._kingfisher is None:
            self._kingfisher = _kingfisher()
        return (OnlyNamed(self._kingfisher, secrets),)


@dataclass(frozen=True, slots=True)
class OnlyNamed:
    """A recogniser, of whose findings only some entities count."""

    recogniser: Recogniser
    entities: frozenset[str]

    def find(self, text: str, allowance: Allowance) -> Iterator[Span]:
        return (span for span in self.recogniser.find(text, allowance) if span.entity in self.entities)


def _kingfisher() -> Recogniser:
    """Its rules take seconds to compile, and are the same for all detectors and threads."""
    try:
        from extproc.privacy.detect.kingfisher import Kingfisher
    except ModuleNotFoundError:
        raise ValueError("secret_rules: kingfisher needs the package kingfisher-secret-scanner") from None
    return Kingfisher()


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
