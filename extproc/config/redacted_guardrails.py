"""The section `guardrails` as administrators may see it: no secret, and no word that it is about."""

from typing import Any

from extproc.config.guardrails import (
    AllowedModalities,
    AllowedTools,
    AnswerSchema,
    Check,
    DeniedPattern,
    DeniedTopic,
    DeniedWords,
    Guardrail,
    Guardrails,
    GuardrailUse,
    ModerationService,
    MostSize,
    NoInjection,
    NoSecrets,
    WebhookService,
)

_HIDDEN = "***"


def guardrails_view(guardrails: Guardrails) -> dict[str, Any]:
    """JSON-able values. Of words and keywords only how many there are."""
    return {"rules": [_rule(rule) for rule in guardrails.rules], "apply": [_use(use) for use in guardrails.uses]}


def _rule(rule: Guardrail) -> dict[str, Any]:
    return {
        "name": rule.name,
        **_check(rule.check),
        "phase": rule.phase.value,
        "action": rule.action.value,
        "mode": rule.mode.value,
        "on_failure": rule.on_failure.value,
    }


def _use(use: GuardrailUse) -> dict[str, Any]:
    return {
        "rules": list(use.rules),
        "teams": list(use.teams),
        "keys": list(use.keys),
        "models": list(use.models),
        "unreadable": use.unreadable.value,
        "window": use.window,
        "overlap": use.overlap,
    }


def _check(check: Check) -> dict[str, Any]:
    match check:
        case DeniedWords():
            return {"words": {"denied": len(check.denied), "allowed": len(check.allowed)}}
        case DeniedPattern(regex, case_sensitive, length):
            return {"pattern": {"regex": regex, "case_sensitive": case_sensitive, "length": length}}
        case NoInjection(threshold, roles):
            return {"injection": {"threshold": threshold, "roles": list(roles)}}
        case NoSecrets():
            return {"secrets": {}}
        case DeniedTopic():
            return {"topic": {"keywords": len(check.keywords), "threshold": check.threshold}}
        case AnswerSchema(schema):
            return {"schema": {"json": schema}}
        case AllowedTools(names):
            return {"tools": list(names)}
        case MostSize(messages, characters, images, tools):
            return {"size": {"messages": messages, "characters": characters, "images": images, "tools": tools}}
        case AllowedModalities(modalities):
            return {"modalities": list(modalities)}
        case ModerationService():
            return {"moderation": _moderation(check)}
        case WebhookService(url, secret, timeout_ms):
            hidden = None if secret is None else _HIDDEN
            return {"webhook": {"url": url, "secret": hidden, "timeout_ms": timeout_ms}}


def _moderation(service: ModerationService) -> dict[str, Any]:
    return {
        "url": service.url,
        "credential": None if service.credential is None else _HIDDEN,
        "model": service.model,
        "timeout_ms": service.timeout_ms,
        "thresholds": dict(service.thresholds),
        "only_thresholds": service.only_thresholds,
    }
