"""The recognisers that a document's privacy policies need. Imported where there are some only."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial

from extproc.clients.judge import Connections, JudgeError
from extproc.clients.presidio_analyzer import AnalyzerClient, AnalyzerSettings
from extproc.config.mistakes import nearest
from extproc.config.privacy import AnalyzerService, EntityRecogniser, PresidioEngine, Privacy, PrivacyPolicy
from extproc.errors import ConfigError
from extproc.policy.recognise import Finder, Member, RecogniserError, Recognisers
from extproc.policy.redact import Offload
from extproc.privacy.detect.allowance import Allowance
from extproc.privacy.detect.presidio import Analyzer, Presidio, load_analyzer
from extproc.privacy.detect.span import Span

_FAULTS = (ArithmeticError, AttributeError, LookupError, OSError, RuntimeError, TypeError, ValueError)
"""What somebody else's models may raise; its message may have words of the text."""

Load = Callable[[str, str | None], Analyzer]


class RecogniserStock:
    """Recognisers by policy. What was loaded for the last document is not loaded again.

    `offload` is a thread for models that run in this process, `failed` counts failures by the recogniser's name.
    """

    def __init__(
        self,
        connections: Connections,
        offload: Offload,
        failed: Callable[[str], None],
        load: Load = load_analyzer,
    ) -> None:
        self._connections = connections
        self._offload = offload
        self._failed = failed
        self._load = load
        self._loaded: dict[PresidioEngine, Analyzer] = {}

    def of(self, privacy: Privacy) -> Mapping[str, Recognisers]:
        """Of the policies that name an entity of some recogniser. Raises ConfigError for what cannot be loaded."""
        engines = {one.engine for one in privacy.recognisers if isinstance(one.engine, PresidioEngine)}
        self._loaded = {engine: analyzer for engine, analyzer in self._loaded.items() if engine in engines}
        for index, recogniser in enumerate(privacy.recognisers):
            if isinstance(recogniser.engine, PresidioEngine):
                self._check(recogniser, recogniser.engine, f"privacy.recognisers[{index}]")
        members = {policy.name: tuple(self._members(privacy, policy)) for policy in privacy.policies}
        return {name: Recognisers(some, self._failed) for name, some in members.items() if some}

    def _members(self, privacy: Privacy, policy: PrivacyPolicy) -> Iterator[Member]:
        """Each recogniser with those of its entities that the policy names."""
        named = {entity for entity, _ in policy.entities}
        for recogniser in privacy.recognisers:
            wanted = tuple(entity for entity in recogniser.entities if entity in named)
            if wanted:
                only = replace(recogniser, entities=wanted)
                yield Member(only, self._finder(only))

    def _finder(self, recogniser: EntityRecogniser) -> Finder:
        match recogniser.engine:
            case PresidioEngine(language) as engine:
                analyzer = self._loaded[engine]
                return _Apart(Presidio(analyzer, recogniser.entities, language, recogniser.least_score), self._offload)
            case AnalyzerService(url, language, credential):
                settings = AnalyzerSettings(
                    url=url,
                    language=language,
                    entities=recogniser.entities,
                    key=credential,
                    least_score=recogniser.least_score,
                    timeout=recogniser.timeout_ms / 1000,
                )
                return _Asked(AnalyzerClient(settings, self._connections))

    def _check(self, recogniser: EntityRecogniser, engine: PresidioEngine, path: str) -> None:
        """Presidio itself would leave out entities that it does not know."""
        if engine not in self._loaded:
            self._loaded[engine] = self._loaded_now(engine, f"{path}.presidio")
        known = self._loaded[engine].get_supported_entities(engine.language)
        for index, entity in enumerate(recogniser.entities):
            if entity not in known:
                without = "" if engine.model is not None else " without a model"
                message = f"Presidio finds no {entity!r} in the language {engine.language!r}{without}"
                raise ConfigError(message, path=f"{path}.entities[{index}]", hint=nearest(entity, known))

    def _loaded_now(self, engine: PresidioEngine, path: str) -> Analyzer:
        try:
            return self._load(engine.language, engine.model)
        except ModuleNotFoundError as error:
            message = f"needs the package {error.name}: install llm-extproc[presidio]"
            raise ConfigError(message, path=path) from None
        except ValueError as error:
            raise ConfigError(str(error), path=path) from None


class _Apart:
    """A model in the thread for such."""

    def __init__(self, presidio: Presidio, offload: Offload) -> None:
        self._presidio = presidio
        self._offload = offload

    async def find(self, text: str) -> Sequence[Span]:
        try:
            return await self._offload(partial(self._presidio.find, text, Allowance()))
        except _FAULTS as error:
            raise RecogniserError(f"the model failed: {type(error).__name__}") from None


class _Asked:
    """A service."""

    def __init__(self, client: AnalyzerClient) -> None:
        self._client = client

    async def find(self, text: str) -> Sequence[Span]:
        try:
            return [Span(found.start, found.end, found.entity) for found in await self._client.find(text)]
        except JudgeError as error:
            raise RecogniserError(str(error)) from None
