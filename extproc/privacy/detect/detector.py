"""The detector: texts in, spans of personal data and secrets out. Pure and synchronous.

Normalise, ask Hyperscan which patterns are in the text at all, find those with RE2, check what has a checksum. Made
once for a configuration; a `Scan` per request bounds what that request may cost. One thread at a time, since
Hyperscan's scratch space belongs to the detector.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from extproc.privacy.detect import normalise
from extproc.privacy.detect.allowance import Allowance
from extproc.privacy.detect.custom import Allowed, AllowList, CustomFinder, CustomPattern, WordList
from extproc.privacy.detect.encoded import Base64Runs, EscapedRuns, PercentRuns, Runs
from extproc.privacy.detect.entity import Entity
from extproc.privacy.detect.finder import Finder, RuleFinder
from extproc.privacy.detect.ibans import Ibans
from extproc.privacy.detect.identifiers import IDENTIFIERS
from extproc.privacy.detect.numbers import Numbers
from extproc.privacy.detect.overlap import resolve
from extproc.privacy.detect.patterns import PATTERNS
from extproc.privacy.detect.phones import Phones
from extproc.privacy.detect.prefilter import Prefilter
from extproc.privacy.detect.recogniser import Recogniser
from extproc.privacy.detect.secrets import SECRET_PATTERNS
from extproc.privacy.detect.separator import SEPARATOR
from extproc.privacy.detect.span import Span

_COST_OF_A_RUN = 25.0

PHONE_REGIONS = ("US", "GB", "DE", "FR", "ES", "IT", "NL", "PL", "BR", "SE")


@dataclass(frozen=True, slots=True)
class DetectorOptions:
    """What is detected.

    `phone_regions` are those whose national numbers are known (ISO 3166 codes); international numbers always are.
    `decode_base64` and `decode_urls`: what is found in an encoded run makes the whole run a span.
    """

    entities: frozenset[Entity] = frozenset(Entity)
    phone_regions: tuple[str, ...] = PHONE_REGIONS
    custom: tuple[CustomPattern | WordList, ...] = ()
    allowed: Mapping[str, AllowList] = field(default_factory=dict)
    decode_base64: bool = False
    decode_urls: bool = False


class Detector:
    """Finds what `options` name, and what `recognisers` find. Raises ValueError for a pattern that RE2 refuses."""

    def __init__(self, options: DetectorOptions | None = None, recognisers: Sequence[Recogniser] = ()) -> None:
        options = options or DetectorOptions()
        normalise.warm()
        self._finders = _finders(options)
        self._prefilter = Prefilter([hint for finder in self._finders for hint in finder.hints])
        self._recognisers: tuple[Recogniser, ...] = (*map(CustomFinder, options.custom), *recognisers)
        self._allowed = Allowed(options.allowed)
        self._runs: list[Runs] = [EscapedRuns()]
        if options.decode_base64:
            self._runs.append(Base64Runs())
        if options.decode_urls:
            self._runs.append(PercentRuns())

    def scan(self, heard: Sequence[Recogniser] = ()) -> "Scan":
        """For one request, with all its texts; `heard` are recognisers of that request."""
        return Scan(self, heard)

    def readings(self, text: str, allowance: Allowance) -> Iterator[str]:
        """What `spans` has recognisers look at, text by text: how they read this one, and what is encoded in it."""
        yield from normalise.readable(text).split(SEPARATOR)
        if self._runs:
            view = normalise.normalise(text).view
            for runs in self._runs:
                for _, _, inner in _decoded(runs, view, allowance):
                    if inner is not None:
                        yield from normalise.readable(inner).split(SEPARATOR)

    def find(self, text: str) -> list[Span]:
        """The spans of a text that is a request of its own."""
        return self.scan().find(text)

    def spans(self, text: str, allowance: Allowance, heard: Sequence[Recogniser] = ()) -> list[Span]:
        """The spans of one text of a request, in its order, none over another."""
        normalised = normalise.normalise(text)
        recognisers = (*self._recognisers, *heard) if heard else self._recognisers
        found = [*self._in_view(normalised.view, allowance), *_in_readable(text, recognisers, allowance)]
        for runs in self._runs:
            found += self._in_runs(runs, normalised.view, recognisers, allowance)
        placed = found if not normalised.removed else [_placed(span, normalised) for span in found]
        if self._allowed:
            placed = [span for span in placed if not self._allowed(span.entity, text[span.start : span.end])]
        return resolve(placed)

    def _in_view(self, view: bytes, allowance: Allowance) -> Iterator[Span]:
        """What the built-in patterns find."""
        hits = self._prefilter.scan(view)
        place = 0
        for finder in self._finders:
            if place in hits:
                hit = [place + hint in hits for hint in range(len(finder.hints))]
                yield from finder.find(view, hit, allowance)
            place += len(finder.hints)

    def _in_runs(
        self, runs: Runs, view: bytes, recognisers: Sequence[Recogniser], allowance: Allowance
    ) -> Iterator[Span]:
        """Encoded runs, as what their text has; what cannot be looked at any more, as secrets."""
        for start, end, text in _decoded(runs, view, allowance):
            if text is None:
                yield Span(start, end, Entity.API_KEY)
                continue
            inner = normalise.normalise(text)
            found = (*self._in_view(inner.view, allowance), *_in_readable(text, recognisers, allowance))
            yield from (Span(start, end, span.entity, span.validated) for span in found)


class Scan:
    """The detection in one request: many texts, one allowance."""

    def __init__(self, detector: Detector, heard: Sequence[Recogniser] = ()) -> None:
        self._detector = detector
        self._heard = heard
        self._allowance = Allowance()

    @property
    def capped(self) -> bool:
        """Whether the request had so many candidates that some count as detected without having been checked."""
        return self._allowance.capped

    def find(self, text: str) -> list[Span]:
        """The spans of one of the request's texts, in its order, none over another."""
        self._allowance.grow(len(text))
        return self._detector.spans(text, self._allowance, self._heard)

    def readings(self, text: str) -> Iterator[str]:
        """In place of `find`: the texts that it gives to recognisers."""
        self._allowance.grow(len(text))
        return self._detector.readings(text, self._allowance)


def _in_readable(text: str, recognisers: Sequence[Recogniser], allowance: Allowance) -> Iterator[Span]:
    """What the operator's patterns and other recognisers find."""
    if recognisers:
        readable = normalise.readable(text)
        for recogniser in recognisers:
            yield from recogniser.find(readable, allowance)


def _decoded(runs: Runs, view: bytes, allowance: Allowance) -> Iterator[tuple[int, int, str | None]]:
    """Where encoded runs are, and what they say; None for what cannot be looked at any more."""
    for start, end in runs.find(view):
        if not allowance.match():
            yield start, len(view), None
            return
        if not allowance.check(_COST_OF_A_RUN):
            yield start, end, None
            continue
        text = runs.decode(view[start:end])
        if text is not None:
            yield start, end, text


def _placed(span: Span, normalised: normalise.Normalised) -> Span:
    start, end = normalised.original(span.start, span.end)
    return Span(start, end, span.entity, span.validated)


def _finders(options: DetectorOptions) -> list[Finder]:
    entities = options.entities
    identifiers = [identifier for identifier in IDENTIFIERS if identifier.entity in entities]
    finders: list[Finder] = [RuleFinder(rule) for rule in (*SECRET_PATTERNS, *PATTERNS) if rule.entity in entities]
    if Entity.IBAN_CODE in entities:
        finders.append(Ibans())
    if identifiers:
        finders.append(Numbers(identifiers))
    if Entity.PHONE_NUMBER in entities:
        finders.append(Phones(options.phone_regions))
    return finders
