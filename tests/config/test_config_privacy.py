"""The section `privacy`: what it means, what is wrong with it, and what of it administrators see."""

import base64
from typing import Any

import pytest
from gateway_documents import RIGHT, loaded

from extproc.config.document_privacy import PHONE_REGIONS
from extproc.config.entities import ENTITIES, SECRETS
from extproc.config.limits import Mode
from extproc.config.mistakes import ConfigErrors
from extproc.config.privacy import (
    AnalyzerService,
    Encoding,
    EntityAction,
    EntityPattern,
    EntityRecogniser,
    EntityWords,
    PresidioEngine,
    Privacy,
    PrivacyPolicy,
    PrivacyRule,
    SecretRules,
    Unreadable,
)
from extproc.config.redacted import redacted_view
from extproc.config.secret import Secret
from extproc.config.service import OnFailure
from extproc.privacy import apply
from extproc.privacy.detect import detector, entity

KEY = "5f" * 32
SMALL = "policies: [{name: a, entities: {EMAIL_ADDRESS: replace}}]"

RECOGNISER = "recognisers: [{name: a, presidio: {}, entities: [PERSON]}]\n"


def privacy(fields: str, key: str = KEY) -> Privacy:
    """The section with these fields, each on a line."""
    lines = "".join(f"  {line}\n" for line in fields.splitlines())
    made = loaded(f"{RIGHT}privacy:\n  key: {{env: KEY}}\n{lines}", {"KEY": key}).privacy
    assert made is not None
    return made


def test_there_is_none_by_default() -> None:
    assert loaded(RIGHT).privacy is None


def test_a_small_section() -> None:
    assert privacy(SMALL) == Privacy(
        key=b"\x5f" * 32,
        policies=(PrivacyPolicy("a", (("EMAIL_ADDRESS", EntityAction.REPLACE),)),),
        rules=(),
        phone_regions=PHONE_REGIONS,
        max_characters=8388608,
    )


def test_everything_there_is() -> None:
    made = privacy(
        """\
phone_regions: [SE]
max_characters: 4096
secret_rules: kingfisher
patterns: [{name: EMPLOYEE_ID, regex: "E-[0-9]{6}", context: [staff], case_sensitive: false}]
words: [{name: PROJECT, words: [Heron], case_sensitive: true}]
policies:
  - name: a
    entities: {PROJECT: surrogate, EMPLOYEE_ID: hash}
    allow: {EMAIL_ADDRESS: ["*@example.com"]}
    decode: [url, base64]
    mode: shadow
    restore: false
    unreadable: allow
apply: [{policy: a, teams: [legal], keys: [dev], models: [gpt-*]}]
"""
    )
    assert made.patterns == (EntityPattern("EMPLOYEE_ID", "E-[0-9]{6}", ("staff",), case_sensitive=False),)
    assert made.words == (EntityWords("PROJECT", ("Heron",), case_sensitive=True),)
    assert made.policies == (
        PrivacyPolicy(
            "a",
            (("EMPLOYEE_ID", EntityAction.HASH), ("PROJECT", EntityAction.SURROGATE)),
            (("EMAIL_ADDRESS", ("*@example.com",)),),
            frozenset({Encoding.BASE64, Encoding.URL}),
            Mode.SHADOW,
            restore=False,
            unreadable=Unreadable.ALLOW,
        ),
    )
    assert made.rules == (PrivacyRule("a", ("legal",), ("dev",), ("gpt-*",)),)
    assert (made.phone_regions, made.max_characters) == (("SE",), 4096)
    assert made.secret_rules is SecretRules.KINGFISHER


def test_a_mapping_may_be_kept() -> None:
    made = privacy("policies: [{name: a, entities: {all: replace}, keep_mapping: 24h}]")
    assert made.policies[0].keep_seconds == 86_400
    assert privacy(SMALL).policies[0].keep_seconds == 0


def test_recognisers() -> None:
    made = privacy(
        """\
recognisers:
  - name: names
    service: {url: "http://presidio:3000", credential: {value: sk-analyzer}}
    entities: [PERSON, EMAIL_ADDRESS]
  - name: local
    presidio: {language: de, model: de_core_news_sm}
    entities: [LOCATION]
    least_score: 0.85
    timeout_ms: 200
    most_characters: 4096
    on_failure: allow
policies:
  - {name: a, entities: {all: mask, PERSON: replace}, allow: {PERSON: [Merlin]}}
  - {name: b, entities: {LOCATION: observe}}
"""
    )
    assert made.recognisers == (
        EntityRecogniser(
            "names", AnalyzerService("http://presidio:3000", "en", Secret("sk-analyzer")), ("PERSON", "EMAIL_ADDRESS")
        ),
        EntityRecogniser(
            "local", PresidioEngine("de", "de_core_news_sm"), ("LOCATION",), 0.85, 200, 4096, OnFailure.ALLOW
        ),
    )
    of_a, of_b = (dict(policy.entities) for policy in made.policies)
    assert set(of_a) == {*ENTITIES, "PERSON", "LOCATION"}
    assert (of_a["PERSON"], of_a["LOCATION"]) == (EntityAction.REPLACE, EntityAction.MASK)
    assert of_b == {"LOCATION": EntityAction.OBSERVE}


def test_what_a_recogniser_is_unless_told() -> None:
    made = privacy(f"{SMALL}\nrecognisers: [{{name: a, presidio: {{}}, entities: [PERSON]}}]")
    assert made.recognisers == (
        EntityRecogniser("a", PresidioEngine("en", None), ("PERSON",), 0.5, 1000, 200_000, OnFailure.DENY),
    )


def test_the_more_special_name_counts() -> None:
    fields = (
        "words: [{name: PROJECT, words: [Heron]}]\n"
        "policies: [{name: a, entities: {JWT: mask, SECRET: block, IP_ADDRESS: observe, all: replace}}]"
    )
    entities = dict(privacy(fields).policies[0].entities)
    assert set(entities) == {*ENTITIES, "PROJECT"}
    assert [entities[name] for name in ("JWT", "API_KEY", "IP_ADDRESS", "US_SSN", "PROJECT")] == [
        EntityAction.MASK,
        EntityAction.BLOCK,
        EntityAction.OBSERVE,
        EntityAction.REPLACE,
        EntityAction.REPLACE,
    ]


@pytest.mark.parametrize("text", ["ab" * 32, "AB" * 40, base64.b64encode(b"k" * 32).decode()])
def test_a_key_is_hex_or_base64(text: str) -> None:
    assert len(privacy(SMALL, text).key) >= 32


MISTAKES = {
    "a mapping that is kept too long": (
        "policies: [{name: a, entities: {all: replace}, keep_mapping: 31d}]",
        KEY,
        "privacy.policies[0].keep_mapping: must be at most 30d",
    ),
    "a mapping that is kept for nothing": (
        "policies: [{name: a, entities: {all: replace}, restore: false, keep_mapping: 1h}]",
        KEY,
        "privacy.policies[0].keep_mapping: is of no use where nothing is restored",
    ),
    "a short key": (
        SMALL,
        "ab" * 31,
        "privacy.key: must be at least 32 bytes in hex or base64; `openssl rand -hex 32`",
    ),
    "a key that is neither": (SMALL, "€", "privacy.key: the secret must be one line of visible ASCII"),
    "no policies": ("policies: []", KEY, "privacy.policies: must be a list of 1 to 100 policies"),
    "an unknown entity": (
        "policies: [{name: a, entities: {EMAIL_ADRESS: mask}}]",
        KEY,
        "privacy.policies[0].entities.EMAIL_ADRESS: there is no entity 'EMAIL_ADRESS' (did you mean 'EMAIL_ADDRESS'?)",
    ),
    "an unknown entity that is allowed": (
        "policies: [{name: a, entities: {all: mask}, allow: {US_SNN: [x]}}]",
        KEY,
        "privacy.policies[0].allow.US_SNN: there is no entity 'US_SNN' (did you mean 'US_SSN'?)",
    ),
    "an unknown action": (
        "policies: [{name: a, entities: {all: redact}}]",
        KEY,
        "privacy.policies[0].entities.all: must be one of observe, mask, hash, replace, surrogate, block",
    ),
    "no entities": (
        "policies: [{name: a, entities: {}}]",
        KEY,
        "privacy.policies[0].entities: names nothing, so that nothing would be detected",
    ),
    "two policies of one name": (
        "policies: [{name: a, entities: {all: mask}}, {name: a, entities: {all: mask}}]",
        KEY,
        "privacy.policies[1].name: is the name of privacy.policies[0] already",
    ),
    "an unknown policy": (
        f"{SMALL}\napply: [{{policy: b}}]",
        KEY,
        "privacy.apply[0].policy: there is no privacy policy 'b'",
    ),
    "an unknown key": (
        f"{SMALL}\napply: [{{policy: a, keys: [dve]}}]",
        KEY,
        "privacy.apply[0].keys[0]: there is no key 'dve' (did you mean 'dev'?)",
    ),
    "an unknown model": (
        f"{SMALL}\napply: [{{policy: a, models: [gpt-4]}}]",
        KEY,
        "privacy.apply[0].models[0]: there is no model 'gpt-4' (did you mean 'gpt-4o'?)",
    ),
    "a built-in name": (
        f"{SMALL}\nwords: [{{name: SECRET, words: [x]}}]",
        KEY,
        "privacy.words[0].name: is the name of something that is built in",
    ),
    "look-around": (
        f"{SMALL}\npatterns: [{{name: A, regex: '(?=x)'}}]",
        KEY,
        "privacy.patterns[0].regex: is no regular expression of RE2 (it has no backreferences and no look-around)",
    ),
    "no region": (
        f"{SMALL}\nphone_regions: [UK]",
        KEY,
        "privacy.phone_regions[0]: there is no region 'UK'",
    ),
    "an entity that no recogniser finds": (
        f"{RECOGNISER}policies: [{{name: a, entities: {{PERSONS: mask}}}}]",
        KEY,
        "privacy.policies[0].entities.PERSONS: there is no entity 'PERSONS' (did you mean 'PERSON'?)",
    ),
    "an entity of a recogniser that is a group": (
        f"{SMALL}\nrecognisers: [{{name: a, presidio: {{}}, entities: [PERSON, SECRET]}}]",
        KEY,
        "privacy.recognisers[0].entities[1]: is the name of a group",
    ),
    "an entity of a recogniser that is there twice": (
        f"{SMALL}\nrecognisers: [{{name: a, presidio: {{}}, entities: [PERSON, PERSON]}}]",
        KEY,
        "privacy.recognisers[0].entities[1]: is given twice",
    ),
    "two recognisers of one name": (
        f"{SMALL}\nrecognisers:\n" + "  - {name: a, presidio: {}, entities: [PERSON]}\n" * 2,
        KEY,
        "privacy.recognisers[1].name: is the name of privacy.recognisers[0] already",
    ),
    "a recogniser that is two": (
        f"{SMALL}\nrecognisers: [{{name: a, presidio: {{}}, service: {{url: 'http://a'}}, entities: [PERSON]}}]",
        KEY,
        "privacy.recognisers[0]: must have exactly one of presidio, service",
    ),
    "a recogniser without a URL": (
        f"{SMALL}\nrecognisers: [{{name: a, service: {{url: 'http://me:pass@a'}}, entities: [PERSON]}}]",
        KEY,
        "privacy.recognisers[0].service.url: must be a URL with http or https, without user and password",
    ),
    "a recogniser that takes too long": (
        f"{SMALL}\nrecognisers: [{{name: a, presidio: {{}}, entities: [PERSON], timeout_ms: 2001}}]",
        KEY,
        "privacy.recognisers[0].timeout_ms: must be a number of milliseconds from 10 to 2000",
    ),
    "a recogniser's field that there is not": (
        f"{SMALL}\nrecognisers: [{{name: a, presidio: {{}}, entities: [PERSON], least_scor: 1}}]",
        KEY,
        "privacy.recognisers[0].least_scor: there is no such field (did you mean 'least_score'?)",
    ),
    "a recogniser's credential that there is not": (
        f"{SMALL}\nrecognisers: [{{name: a, service: {{url: 'http://a', credential: {{env: NONE}}}}, entities: [A]}}]",
        KEY,
        "privacy.recognisers[0].service.credential.env: the environment variable NONE is not set",
    ),
    "an unknown field": (f"{SMALL}\npolicy: []", KEY, "privacy.policy: there is no such field"),
}


@pytest.mark.parametrize(("fields", "key", "message"), MISTAKES.values(), ids=MISTAKES)
def test_a_mistake(fields: str, key: str, message: str) -> None:
    with pytest.raises(ConfigErrors) as caught:
        privacy(fields, key)
    assert message in str(caught.value)
    assert len(caught.value.mistakes) == 1


def test_the_view_shows_no_key_and_no_value() -> None:
    text = (
        f"{RIGHT}privacy:\n  key: {{env: KEY}}\n"
        "  words: [{name: PROJECT, words: [Heron, Bluebird]}]\n"
        "  policies: [{name: a, entities: {PROJECT: mask}, allow: {EMAIL_ADDRESS: [ann@example.com]}}]\n"
        "  apply: [{policy: a, keys: [dev]}]\n"
        "  recognisers:\n"
        "    - {name: n, service: {url: 'http://p:3000', credential: {value: sk-analyzer}}, entities: [PERSON]}\n"
        "    - {name: m, presidio: {model: en_core_web_sm}, entities: [LOCATION], on_failure: allow}\n"
    )
    gateway = loaded(text, {"KEY": KEY})
    view: dict[str, Any] = redacted_view(gateway)["privacy"]
    assert view["words"] == [{"name": "PROJECT", "words": 2, "case_sensitive": False}]
    assert view["policies"] == [
        {
            "name": "a",
            "entities": {"PROJECT": "mask"},
            "allow": {"EMAIL_ADDRESS": 1},
            "decode": [],
            "mode": "enforce",
            "restore": True,
            "unreadable": "refuse",
            "keep_mapping": None,
        }
    ]
    assert view["apply"] == [{"policy": "a", "teams": [], "keys": ["dev"], "models": ["*"]}]
    common = {"least_score": 0.5, "timeout_ms": 1000, "most_characters": 200_000}
    assert view["recognisers"] == [
        {
            "name": "n",
            "service": {"url": "http://p:3000", "language": "en", "credential": "***"},
            "entities": ["PERSON"],
            **common,
            "on_failure": "deny",
        },
        {
            "name": "m",
            "presidio": {"language": "en", "model": "en_core_web_sm"},
            "entities": ["LOCATION"],
            **common,
            "on_failure": "allow",
        },
    ]
    shown = repr(view) + repr(gateway)
    assert not [hidden for hidden in ("Heron", "ann@", KEY, "sk-analyzer", "\\x5f", "_____") if hidden in shown]


def test_the_names_are_those_of_the_detectors() -> None:
    assert set(ENTITIES) == {one.value for one in entity.Entity}
    assert set(SECRETS) == {one.value for one in entity.SECRETS}
    assert {one.value for one in EntityAction} == {one.value for one in apply.Action}
    assert detector.PHONE_REGIONS == PHONE_REGIONS
