"""The rules of a document's guardrails, compiled for `guard`. Imported where there are some only."""

import json
from collections.abc import Callable, Iterable
from typing import TypedDict

from extproc.clients.guardrail_webhook import Webhook, WebhookSettings
from extproc.clients.judge import Connections, Judge
from extproc.clients.moderation import Moderation, ModerationSettings
from extproc.config import guardrails as document
from extproc.config.guardrails import Guardrail, GuardrailUse, ModerationService, WebhookService
from extproc.guardrails.engine import Guardrails
from extproc.guardrails.remote import OnFailure, RemoteRule, Service
from extproc.guardrails.rule import (
    Action,
    InjectionRule,
    Modality,
    ModalityRule,
    Mode,
    PatternRule,
    Phase,
    Role,
    Rule,
    SchemaRule,
    SecretRule,
    SizeRule,
    ToolRule,
    TopicRule,
    WordRule,
)
from extproc.policy.guard import RuleSet, TwoEngines
from extproc.privacy.detect.detector import Detector, DetectorOptions
from extproc.privacy.detect.entity import SECRETS

_MILLISECONDS = 1000


class RuleSets:
    """Makes the sets of a document; what the last document had as well is not compiled again. `now` is Unix time in
    seconds."""

    def __init__(self, connections: Connections, now: Callable[[], float]) -> None:
        self._connections = connections
        self._now = now
        self._made: dict[tuple[Guardrail, ...], TwoEngines] = {}

    def of(self, section: document.Guardrails) -> dict[GuardrailUse, RuleSet]:
        """Raises ValueError, with a rule's name, for what makes no rule."""
        named = {rule.name: rule for rule in section.rules}
        made: dict[tuple[Guardrail, ...], TwoEngines] = {}
        sets = {use: self._one(use, [named[name] for name in use.rules], made) for use in section.uses}
        self._made = made
        return sets

    def _one(self, use: GuardrailUse, rules: list[Guardrail], made: dict[tuple[Guardrail, ...], TwoEngines]) -> RuleSet:
        services = [Service(_remote(rule), judge) for rule in rules if (judge := self._judge(rule)) is not None]
        local = tuple(rule for rule in rules if not isinstance(rule.check, ModerationService | WebhookService))
        if local not in made:
            made[local] = self._made.get(local) or TwoEngines(lambda: Guardrails(list(_local(local))))
        return RuleSet(use, made[local], services)

    def _judge(self, rule: Guardrail) -> Judge | None:
        match rule.check:
            case ModerationService() as service:
                settings = ModerationSettings(
                    base_url=service.url,
                    key=service.credential,
                    model=service.model,
                    timeout=service.timeout_ms / _MILLISECONDS,
                    thresholds=dict(service.thresholds),
                    only_thresholds=service.only_thresholds,
                )
                return Moderation(settings, self._connections)
            case WebhookService(url, secret, timeout_ms):
                return Webhook(WebhookSettings(url, secret, timeout_ms / _MILLISECONDS), self._connections, self._now)
            case _:
                return None


def local_rules(section: document.Guardrails) -> Guardrails:
    """All rules that no service decides. Raises ValueError, with a rule's name, for what makes no rule."""
    return Guardrails(list(_local(section.rules)))


def _remote(rule: Guardrail) -> RemoteRule:
    return RemoteRule(**_common(rule), on_failure=OnFailure(rule.on_failure.value))


def _local(rules: Iterable[Guardrail]) -> Iterable[Rule]:
    return (made for rule in rules if (made := _rule(rule)) is not None)


class _Common(TypedDict):
    """The arguments that all rules have."""

    name: str
    phase: Phase
    action: Action
    mode: Mode


def _rule(rule: Guardrail) -> Rule | None:
    """The engine's rule; None for one that a service decides."""
    common = _common(rule)
    match rule.check:
        case document.DeniedWords(denied, allowed):
            return WordRule(**common, denied=denied, allowed=allowed)
        case document.DeniedPattern(regex, case_sensitive, length):
            return PatternRule(**common, pattern=regex, case_sensitive=case_sensitive, length=length)
        case document.NoInjection(threshold, roles):
            return InjectionRule(**common, threshold=threshold, roles=frozenset(Role(role.value) for role in roles))
        case document.NoSecrets():
            return SecretRule(**common, find=Detector(DetectorOptions(entities=SECRETS)).find)
        case document.DeniedTopic(keywords, threshold):
            return TopicRule(**common, keywords=dict(keywords), threshold=threshold)
        case document.AnswerSchema(schema):
            return SchemaRule(**common, schema=None if schema is None else json.loads(schema))
        case document.AllowedTools(names):
            return ToolRule(**common, allowed=frozenset(names))
        case document.AllowedModalities(modalities):
            return ModalityRule(**common, allowed=frozenset(Modality(modality.value) for modality in modalities))
        case document.MostSize() as most:
            return SizeRule(
                **common,
                most_messages=most.messages,
                most_characters=most.characters,
                most_images=most.images,
                most_tools=most.tools,
            )
        case ModerationService() | WebhookService():
            return None


def _common(rule: Guardrail) -> _Common:
    return _Common(
        name=rule.name, phase=Phase(rule.phase.value), action=Action(rule.action.value), mode=Mode(rule.mode.value)
    )
