"""The section `privacy` as administrators may see it: no key, and no word or value that it is about."""

from typing import Any

from extproc.config.privacy import (
    AnalyzerService,
    EntityPattern,
    EntityRecogniser,
    EntityWords,
    PresidioEngine,
    Privacy,
    PrivacyPolicy,
    PrivacyRule,
)

_HIDDEN = "***"


def privacy_view(privacy: Privacy) -> dict[str, Any]:
    """JSON-able values. Of words and allowed values, which may be about people, only how many there are."""
    return {
        "phone_regions": list(privacy.phone_regions),
        "patterns": [_pattern(pattern) for pattern in privacy.patterns],
        "words": [_words(words) for words in privacy.words],
        "policies": [_policy(policy) for policy in privacy.policies],
        "apply": [_rule(rule) for rule in privacy.rules],
        "max_characters": privacy.max_characters,
        "secret_rules": privacy.secret_rules.value,
        "recognisers": [_recogniser(recogniser) for recogniser in privacy.recognisers],
    }


def _pattern(pattern: EntityPattern) -> dict[str, Any]:
    return {
        "name": pattern.name,
        "regex": pattern.regex,
        "context": list(pattern.context),
        "case_sensitive": pattern.case_sensitive,
    }


def _words(words: EntityWords) -> dict[str, Any]:
    return {"name": words.name, "words": len(words.words), "case_sensitive": words.case_sensitive}


def _recogniser(recogniser: EntityRecogniser) -> dict[str, Any]:
    return {
        "name": recogniser.name,
        **_engine(recogniser.engine),
        "entities": list(recogniser.entities),
        "least_score": recogniser.least_score,
        "timeout_ms": recogniser.timeout_ms,
        "most_characters": recogniser.most_characters,
        "on_failure": recogniser.on_failure.value,
    }


def _engine(engine: PresidioEngine | AnalyzerService) -> dict[str, Any]:
    match engine:
        case PresidioEngine(language, model):
            return {"presidio": {"language": language, "model": model}}
        case AnalyzerService(url, language, credential):
            hidden = None if credential is None else _HIDDEN
            return {"service": {"url": url, "language": language, "credential": hidden}}


def _policy(policy: PrivacyPolicy) -> dict[str, Any]:
    return {
        "name": policy.name,
        "entities": {entity: action.value for entity, action in policy.entities},
        "allow": {entity: len(values) for entity, values in policy.allow},
        "decode": sorted(policy.decode),
        "mode": policy.mode.value,
        "restore": policy.restore,
        "unreadable": policy.unreadable.value,
        "keep_mapping": f"{policy.keep_seconds}s" if policy.keep_seconds else None,
    }


def _rule(rule: PrivacyRule) -> dict[str, Any]:
    return {
        "policy": rule.policy,
        "teams": list(rule.teams),
        "keys": list(rule.keys),
        "models": list(rule.models),
    }
