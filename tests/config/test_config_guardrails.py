"""The section `guardrails`: what it means, what is wrong with it, and what of it administrators see."""

import pytest
from gateway_documents import RIGHT, loaded

from extproc.config import guardrails as document
from extproc.config.guardrails import (
    AllowedTools,
    AnswerSchema,
    DeniedPattern,
    DeniedWords,
    Guardrail,
    GuardrailAction,
    Guardrails,
    GuardrailUse,
    ModerationService,
    MostSize,
    NoInjection,
    NoSecrets,
    OnFailure,
    Phase,
    Role,
    WebhookService,
)
from extproc.config.limits import Mode
from extproc.config.model import Secret
from extproc.config.privacy import Unreadable
from extproc.config.redacted import redacted_view
from extproc.guardrails import remote, rule

SECRETS = {"TOKEN": "hidden-token", "HOOK": "hidden-secret"}


def guardrails(*rules: str, apply: str = "[]") -> Guardrails:
    entries = "".join(f"    - {{{rule}}}\n" for rule in rules)
    made = loaded(f"{RIGHT}guardrails:\n  rules:\n{entries}  apply: {apply}\n", SECRETS).guardrails
    assert made is not None
    return made


def test_there_are_none_by_default() -> None:
    assert loaded(RIGHT).guardrails is None


KINDS = {
    "words: {denied: [a], allowed: [ab]}": (DeniedWords(("a",), ("ab",)), Phase.BOTH),
    "pattern: {regex: a+}": (DeniedPattern("a+", case_sensitive=True, length=128), Phase.BOTH),
    "injection: {}": (NoInjection(1.0, (Role.USER, Role.TOOL, Role.DEFINITION)), Phase.REQUEST),
    "secrets: {}": (NoSecrets(), Phase.RESPONSE),
    "topic: {keywords: {a: 0.5, b: 1}}": (document.DeniedTopic((("a", 0.5), ("b", 1.0)), 1.0), Phase.BOTH),
    "schema: {}": (AnswerSchema(None), Phase.RESPONSE),
    'schema: {json: \'{"type": "object"}\'}': (AnswerSchema('{"type": "object"}'), Phase.RESPONSE),
    "tools: [a, 'b*']": (AllowedTools(("a", "b*")), Phase.BOTH),
    "size: {messages: 5}": (MostSize(5, None, None, None), Phase.REQUEST),
    "modalities: []": (document.AllowedModalities(()), Phase.REQUEST),
    "moderation: {url: 'https://a.example/v1', credential: {env: TOKEN}, thresholds: {violence: 0.5}}": (
        ModerationService(
            "https://a.example/v1",
            Secret("hidden-token"),
            "omni-moderation-latest",
            2000,
            (("violence", 0.5),),
            only_thresholds=False,
        ),
        Phase.REQUEST,
    ),
    "webhook: {url: 'http://a.example', secret: {env: HOOK}, timeout_ms: 50}": (
        WebhookService("http://a.example", Secret("hidden-secret"), 50),
        Phase.REQUEST,
    ),
}


@pytest.mark.parametrize(("fields", "check", "phase"), [(text, *made) for text, made in KINDS.items()], ids=KINDS)
def test_a_kind_of_rule(fields: str, check: document.Check, phase: Phase) -> None:
    assert guardrails(f"name: r, {fields}").rules == (Guardrail("r", check, phase),)


def test_what_all_rules_have() -> None:
    made = guardrails(
        "name: r, webhook: {url: 'http://a.example'}, action: observe, mode: shadow, on_failure: allow",
        "name: s, secrets: {}, phase: both, action: redact",
        "name: t, webhook: {url: 'http://a.example'}, phase: both, action: redact",
        "name: u, moderation: {url: 'http://a.example'}, phase: response",
        apply="[{rules: [r, s], teams: [x], keys: [dev], models: [gpt-*], unreadable: allow, window: 80, overlap: 8},"
        " {rules: [t]}]",
    )
    webhook = WebhookService("http://a.example", None, 2000)
    assert made.rules == (
        Guardrail("r", webhook, Phase.REQUEST, GuardrailAction.OBSERVE, Mode.SHADOW, OnFailure.ALLOW),
        Guardrail("s", NoSecrets(), Phase.BOTH, GuardrailAction.REDACT),
        Guardrail("t", webhook, Phase.BOTH, GuardrailAction.REDACT),
        Guardrail("u", made.rules[3].check, Phase.RESPONSE),
    )
    assert made.uses == (
        GuardrailUse(("r", "s"), ("x",), ("dev",), ("gpt-*",), Unreadable.ALLOW, 80, 8),
        GuardrailUse(("t",), window=500, overlap=100),
    )


RULE = "name: r, secrets: {}"
MISTAKES = {
    "no kind": (["name: r"], "[]", "guardrails.rules[0]: must have exactly one of words, pattern"),
    "two kinds": ([f"{RULE}, tools: []"], "[]", "guardrails.rules[0]: must have exactly one of words, pattern"),
    "two rules of one name": (
        [RULE, RULE],
        "[]",
        "guardrails.rules[1].name: is the name of guardrails.rules[0] already",
    ),
    "a phase that makes no sense": (
        ["name: r, size: {tools: 1}, phase: response"],
        "[]",
        "guardrails.rules[0].phase: must be request for size",
    ),
    "a redaction of nothing": (
        ["name: r, tools: [], action: redact"],
        "[]",
        "guardrails.rules[0].action: cannot be redact for tools, which points at no place in a text",
    ),
    "a failure of no service": (
        [f"{RULE}, on_failure: allow"],
        "[]",
        "guardrails.rules[0].on_failure: is for moderation and webhook",
    ),
    "look-around": (
        ["name: r, pattern: {regex: '(?=x)'}"],
        "[]",
        "guardrails.rules[0].pattern.regex: is no regular expression of RE2",
    ),
    "a pattern that is everywhere": (
        ["name: r, pattern: {regex: 'a*'}"],
        "[]",
        "guardrails.rules[0].pattern.regex: matches where there is nothing",
    ),
    "a schema that is no JSON": (
        ["name: r, schema: {json: '{'}"],
        "[]",
        "guardrails.rules[0].schema.json: is not JSON",
    ),
    "a URL with a password": (
        ["name: r, webhook: {url: 'https://me:pass@a.example'}"],
        "[]",
        "guardrails.rules[0].webhook.url: must be a URL with http or https, without user and password",
    ),
    "too long a wait": (
        ["name: r, webhook: {url: 'https://a.example', timeout_ms: 5000}"],
        "[]",
        "guardrails.rules[0].webhook.timeout_ms: must be a number of milliseconds from 10 to 4000",
    ),
    "too long a wait before a request leaves": (
        ["name: r, webhook: {url: 'https://a.example', timeout_ms: 3500}, phase: both, action: redact"],
        "[]",
        "guardrails.rules[0].webhook.timeout_ms: must be at most 3000 for a webhook that redacts requests",
    ),
    "a redaction by categories": (
        ["name: r, moderation: {url: 'https://a.example'}, phase: response, action: redact"],
        "[]",
        "guardrails.rules[0].action: cannot be redact for moderation, which points at no place in a text",
    ),
    "windows that only overlap": (
        [RULE],
        "[{rules: [r], window: 50}]",
        "guardrails.apply[0].overlap: must be less than the window of 50 characters",
    ),
    "an unknown rule": (
        ["name: codenames, secrets: {}"],
        "[{rules: [codename]}]",
        "guardrails.apply[0].rules[0]: there is no guardrail 'codename' (did you mean 'codenames'?)",
    ),
    "an unknown key": ([RULE], "[{rules: [r], keys: [dve]}]", "guardrails.apply[0].keys[0]: there is no key 'dve'"),
}


@pytest.mark.parametrize(("rules", "apply", "message"), MISTAKES.values(), ids=MISTAKES)
def test_a_mistake(rules: list[str], apply: str, message: str) -> None:
    with pytest.raises(Exception, match="guardrails") as caught:
        guardrails(*rules, apply=apply)
    assert message in str(caught.value)


def test_the_view_shows_no_secret_and_no_word() -> None:
    rules = "".join(f"    - {{name: r{number}, {fields}}}\n" for number, fields in enumerate(KINDS))
    text = f"{RIGHT}guardrails:\n  rules:\n{rules}    - {{name: w, words: {{denied: [heron]}}}}\n"
    text += "    - {name: t, topic: {keywords: {heron: 1}}}\n"
    gateway = loaded(text, SECRETS)
    shown = f"{redacted_view(gateway)['guardrails']} {gateway!r}"
    assert not [hidden for hidden in ("hidden-token", "hidden-secret", "heron") if hidden in shown]
    assert redacted_view(gateway)["guardrails"]["rules"][-2]["words"] == {"denied": 1, "allowed": 0}


def test_the_view_shows_windows() -> None:
    text = f"{RIGHT}guardrails:\n  rules: [{{{RULE}}}]\n  apply: [{{rules: [r], window: 80, overlap: 8}}]\n"
    (use,) = redacted_view(loaded(text))["guardrails"]["apply"]
    assert (use["window"], use["overlap"]) == (80, 8)


def test_the_words_are_those_of_the_engine() -> None:
    pairs = [
        (document.Phase, rule.Phase),
        (document.GuardrailAction, rule.Action),
        (document.Role, rule.Role),
        (document.Modality, rule.Modality),
        (document.OnFailure, remote.OnFailure),
        (Mode, rule.Mode),
    ]
    for ours, theirs in pairs:
        assert {one.value for one in ours} == {one.value for one in theirs}
