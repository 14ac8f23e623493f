"""The section `guardrails`, from its entries in the document."""

import json
from collections.abc import Mapping

from extproc.config.credentials import SecretReader
from extproc.config.document import SecretSource
from extproc.config.document_guardrails import (
    DeniedPatternEntry,
    GuardrailEntry,
    GuardrailsSection,
    GuardrailUseEntry,
    ModerationEntry,
    WebhookEntry,
)
from extproc.config.guardrails import (
    AllowedModalities,
    AllowedTools,
    AnswerSchema,
    Check,
    DeniedPattern,
    DeniedTopic,
    DeniedWords,
    Guardrail,
    GuardrailAction,
    Guardrails,
    GuardrailUse,
    ModerationService,
    MostSize,
    NoInjection,
    NoSecrets,
    Phase,
    WebhookService,
)
from extproc.config.mistakes import Mistakes
from extproc.config.named import Named, Served
from extproc.config.secret import Secret
from extproc.config.service import OnFailure

_ANY = (Phase.REQUEST, Phase.RESPONSE, Phase.BOTH)
_PHASES: Mapping[str, tuple[Phase, ...]] = {
    "words": (Phase.BOTH, *_ANY),
    "pattern": (Phase.BOTH, *_ANY),
    "injection": (Phase.REQUEST, *_ANY),
    "secrets": (Phase.RESPONSE, *_ANY),
    "topic": (Phase.BOTH, *_ANY),
    "schema": (Phase.RESPONSE,),
    "tools": (Phase.BOTH, *_ANY),
    "size": (Phase.REQUEST,),
    "modalities": (Phase.REQUEST,),
    "moderation": (Phase.REQUEST, *_ANY),
    "webhook": (Phase.REQUEST, *_ANY),
}
"""The phases that a kind of rule may have; the first is its own unless another is given."""

_REDACTING = ("words", "pattern", "secrets", "webhook")
_SERVICES = ("moderation", "webhook")
_MOST_BEFORE_A_REQUEST_MS = 3000
"""Of what Envoy waits for one message (5 s): the cache, too, may have the request wait in it."""


class GuardrailsBuilder:
    """Makes the section; what is wrong with it goes to `mistakes`. `teams` and `keys` are those that may be named."""

    def __init__(
        self, section: GuardrailsSection, teams: Named, keys: Named, served: Served, mistakes: Mistakes
    ) -> None:
        self._section = section
        self._rules = Named("guardrail", (rule.name for rule in section.rules))
        self._teams = teams
        self._keys = keys
        self._served = served
        self._mistakes = mistakes

    def build(self, secrets: SecretReader) -> Guardrails:
        rules = [
            self._rule(entry, f"guardrails.rules[{index}]", secrets) for index, entry in enumerate(self._section.rules)
        ]
        uses = [self._use(entry, f"guardrails.apply[{index}]") for index, entry in enumerate(self._section.apply)]
        return Guardrails(tuple(rules), tuple(uses))

    def _rule(self, entry: GuardrailEntry, path: str, secrets: SecretReader) -> Guardrail:
        kind = next(name for name in entry.exactly_one if getattr(entry, name) is not None)
        phases = _PHASES[kind]
        if entry.phase is not None and entry.phase not in phases:
            self._mistakes.add(f"{path}.phase", f"must be {' or '.join(phases)} for {kind}")
        if entry.action is GuardrailAction.REDACT and kind not in _REDACTING:
            self._mistakes.add(f"{path}.action", f"cannot be redact for {kind}, which points at no place in a text")
        if entry.on_failure is not None and kind not in _SERVICES:
            self._mistakes.add(f"{path}.on_failure", "is for moderation and webhook")
        phase = entry.phase or phases[0]
        self._check_wait(entry, phase, path)
        return Guardrail(
            name=entry.name,
            check=self._check(entry, f"{path}.{kind}", secrets),
            phase=phase,
            action=entry.action,
            mode=entry.mode,
            on_failure=entry.on_failure or OnFailure.DENY,
        )

    def _check_wait(self, entry: GuardrailEntry, phase: Phase, path: str) -> None:
        waits = entry.action is GuardrailAction.REDACT and phase is not Phase.RESPONSE
        if waits and entry.webhook is not None and entry.webhook.timeout_ms > _MOST_BEFORE_A_REQUEST_MS:
            most = f"{_MOST_BEFORE_A_REQUEST_MS} for a webhook that redacts requests, which wait for it"
            self._mistakes.add(f"{path}.webhook.timeout_ms", f"must be at most {most}")

    def _check(self, entry: GuardrailEntry, path: str, secrets: SecretReader) -> Check:
        if entry.words is not None:
            return DeniedWords(entry.words.denied, entry.words.allowed)
        if entry.pattern is not None:
            return self._pattern(entry.pattern, path)
        if entry.injection is not None:
            return NoInjection(entry.injection.threshold, entry.injection.roles)
        if entry.topic is not None:
            return DeniedTopic(tuple(entry.topic.keywords.items()), entry.topic.threshold)
        if entry.schema is not None:
            return self._schema(entry.schema.json, f"{path}.json")
        if entry.tools is not None:
            return AllowedTools(entry.tools)
        if entry.size is not None:
            size = entry.size
            return MostSize(size.messages, size.characters, size.images, size.tools)
        if entry.modalities is not None:
            return AllowedModalities(entry.modalities)
        return self._service(entry.moderation or entry.webhook, path, secrets) or NoSecrets()

    def _pattern(self, entry: DeniedPatternEntry, path: str) -> DeniedPattern:
        import re2  # for documents with patterns only

        options = re2.Options()
        options.log_errors = False
        try:
            if re2.compile(entry.regex, options).fullmatch("") is not None:
                self._mistakes.add(f"{path}.regex", "matches where there is nothing")
        except re2.error:
            self._mistakes.add(
                f"{path}.regex", "is no regular expression of RE2 (it has no backreferences and no look-around)"
            )
        return DeniedPattern(entry.regex, entry.case_sensitive, entry.length)

    def _schema(self, text: str | None, path: str) -> AnswerSchema:
        if text is not None:
            try:
                json.loads(text)
            except (ValueError, RecursionError):
                self._mistakes.add(path, "is not JSON")
        return AnswerSchema(text)

    @staticmethod
    def _service(
        entry: ModerationEntry | WebhookEntry | None, path: str, secrets: SecretReader
    ) -> ModerationService | WebhookService | None:
        match entry:
            case ModerationEntry():
                return ModerationService(
                    url=entry.url,
                    credential=_secret(secrets, entry.credential, f"{path}.credential"),
                    model=entry.model,
                    timeout_ms=entry.timeout_ms,
                    thresholds=tuple(entry.thresholds.items()),
                    only_thresholds=entry.only_thresholds,
                )
            case WebhookEntry():
                return WebhookService(entry.url, _secret(secrets, entry.secret, f"{path}.secret"), entry.timeout_ms)
            case None:
                return None

    def _use(self, entry: GuardrailUseEntry, path: str) -> GuardrailUse:
        self._check_each(entry.rules, f"{path}.rules", self._rules)
        self._check_each(entry.teams, f"{path}.teams", self._teams)
        self._check_each(entry.keys, f"{path}.keys", self._keys)
        self._served.check_counted(entry.models, f"{path}.models", self._mistakes)
        if entry.overlap >= entry.window:
            self._mistakes.add(f"{path}.overlap", f"must be less than the window of {entry.window} characters")
        return GuardrailUse(
            entry.rules, entry.teams, entry.keys, entry.models, entry.unreadable, entry.window, entry.overlap
        )

    def _check_each(self, names: tuple[str, ...], path: str, known: Named) -> None:
        for index, name in enumerate(names):
            known.check(name, f"{path}[{index}]", self._mistakes)


def _secret(secrets: SecretReader, source: SecretSource | None, path: str) -> Secret | None:
    value = secrets.read(source, path) if source is not None else None
    return None if value is None else Secret(value)
