"""Recognisers in a policy: what they are asked, what becomes of what they find, and what of their failures."""

import asyncio
import json
import logging
import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

import pytest

from extproc.apischema.endpoints import CHAT
from extproc.clients.judge import Connections
from extproc.config.limits import Mode
from extproc.config.privacy import (
    AnalyzerService,
    Encoding,
    EntityAction,
    EntityRecogniser,
    PresidioEngine,
    Privacy,
    PrivacyPolicy,
)
from extproc.config.service import OnFailure
from extproc.errors import ConfigError, GatewayError, RecogniserUnavailable, RequestTooLarge
from extproc.policy.detectors import DetectorStock, surrogates
from extproc.policy.principal import Principal
from extproc.policy.recognisers import RecogniserStock
from extproc.policy.redact import LARGE, Redaction, Redactor
from extproc.privacy.apply import Action, Finding
from extproc.privacy.restore import Channel
from extproc.translator.base import Call
from extproc.wire.json_object import parse_object
from tests.clients.judge_server import judge_server

CALLER = Principal(id="k", alias="k")
REPLACE, MASK = EntityAction.REPLACE, EntityAction.MASK
PRESIDIO = PresidioEngine("en", "names")
NAMES = EntityRecogniser("names", PRESIDIO, ("PERSON", "LOCATION"))
PEOPLE = {"Ann Lee": "PERSON", "Zoë": "PERSON", "Paris": "LOCATION"}
_T = TypeVar("_T")


@dataclass
class Found:
    start: int
    end: int
    entity_type: str


def occurrences(text: str, entities: Sequence[str]) -> list[Found]:
    """Of the people, each once in a text."""
    places = [(text.find(name), name, entity) for name, entity in PEOPLE.items() if entity in entities]
    return [Found(at, at + len(name), entity) for at, name, entity in places if at >= 0]


@dataclass
class Analyzer:
    """A Presidio that knows a few names. `fault` is what it does instead, if that is given."""

    fault: Callable[[], Sequence[Found]] | None = None
    asked: list[str] = field(default_factory=list)
    entities: list[list[str]] = field(default_factory=list)

    def analyze(self, text: str, language: str, entities: list[str], score_threshold: float) -> Sequence[Found]:
        self.asked.append(text)
        self.entities.append(entities)
        return occurrences(text, entities) if self.fault is None else self.fault()

    def get_supported_entities(self, language: str) -> list[str]:
        return ["PERSON", "LOCATION", "NRP"]


async def at_once(work: Callable[[], _T]) -> _T:
    return work()


def offload(work: Callable[[], _T]) -> Awaitable[_T]:
    return at_once(work)


async def never(work: Callable[[], _T]) -> _T:
    await asyncio.Event().wait()
    return work()


class Gateway:
    """A policy `p` with these entities and recognisers. `failed` are the names of those that failed."""

    def __init__(
        self,
        *entities: tuple[str, EntityAction],
        recognisers: tuple[EntityRecogniser, ...] = (NAMES,),
        analyzer: Analyzer | None = None,
        thread: Callable[[Callable[[], Any]], Awaitable[Any]] = offload,
        connections: Connections | None = None,
        **changes: object,
    ) -> None:
        self.analyzer = analyzer or Analyzer()
        self.failed: list[str] = []
        policy = replace(PrivacyPolicy("p", entities or (("PERSON", REPLACE),)), **changes)  # type: ignore[arg-type]
        self.privacy = Privacy(b"k" * 32, (policy,), (), phone_regions=("US",), recognisers=recognisers)
        stock = RecogniserStock(
            connections or Connections(), thread, self.failed.append, lambda language, model: self.analyzer
        )
        detectors = DetectorStock().of(self.privacy)
        self.redactor = Redactor(self.privacy, detectors, surrogates(), offload, recognisers=stock.of(self.privacy))

    async def redact(self, *texts: str, **more: object) -> Redaction:
        messages = [{"role": "user", "content": text} for text in texts]
        body = json.dumps({"model": "m", "messages": messages, **more}).encode()
        call = Call(endpoint=CHAT, path=CHAT.path, body=body, fields=parse_object(body), model="m")
        return await self.redactor.redact(self.privacy.policies[0], call, CALLER)

    async def texts(self, *texts: str) -> list[str]:
        """What leaves of them."""
        made = await self.redact(*texts)
        return [message["content"] for message in json.loads(made.call.body)["messages"]]


# -- what is found ----------------------------------------------------------------------------------------------------


async def test_a_name_becomes_a_placeholder_that_is_restored() -> None:
    made = await Gateway().redact("I am Ann Lee.")
    content = json.loads(made.call.body)["messages"][0]["content"]
    assert re.fullmatch(r"I am PERSON[0-9][0-9a-f]{9}\.", content)
    assert made.tokens is not None
    assert Channel(made.tokens).feed(content) == "I am Ann Lee."
    assert made.counts == {Finding("PERSON", Action.REPLACE): 1}


@pytest.mark.parametrize(
    ("action", "expected"),
    [
        (MASK, "<PERSON> 😀 in <LOCATION>, ann@corp.example.org"),
        (EntityAction.OBSERVE, "Ann Lee 😀 in <LOCATION>, ann@corp.example.org"),
        (EntityAction.BLOCK, "<PERSON> 😀 in <LOCATION>, ann@corp.example.org"),
    ],
)
async def test_each_action(action: EntityAction, expected: str) -> None:
    gateway = Gateway(("PERSON", action), ("LOCATION", MASK))
    assert await gateway.texts("Ann Lee 😀 in Paris, ann@corp.example.org") == [expected]


async def test_a_name_has_no_surrogate_and_gets_a_placeholder() -> None:
    (surrogate,) = await Gateway(("PERSON", EntityAction.SURROGATE)).texts("Ann Lee")
    (placeholder,) = await Gateway(("PERSON", REPLACE)).texts("Ann Lee")
    assert surrogate == placeholder
    assert placeholder.startswith("PERSON")


async def test_what_blocks_refuses_the_request() -> None:
    assert (await Gateway(("PERSON", EntityAction.BLOCK)).redact("Ann Lee")).blocked == ("PERSON",)


async def test_it_joins_what_the_patterns_find() -> None:
    gateway = Gateway(("PERSON", MASK), ("EMAIL_ADDRESS", MASK))
    assert await gateway.texts("Zoë: zoe@corp.example.org") == ["<PERSON>: <EMAIL_ADDRESS>"]


async def test_values_that_are_allowed_are_left() -> None:
    gateway = Gateway(("PERSON", MASK), allow=(("PERSON", ("ann *",)),))
    assert await gateway.texts("Ann Lee and Zoë") == ["Ann Lee and <PERSON>"]


async def test_a_name_is_found_in_every_text_once_it_is_found_in_one() -> None:
    class Once(Analyzer):
        def analyze(self, text: str, language: str, entities: list[str], score_threshold: float) -> Sequence[Found]:
            at = text.find("I am Ann Lee")
            return [Found(at + 5, at + 12, "PERSON")] if at >= 0 else []

    gateway = Gateway(("PERSON", MASK), analyzer=Once())
    assert await gateway.texts("I am Ann Lee", "Ann Lee's, not Joann Leeds'") == [
        "I am <PERSON>",
        "<PERSON>'s, not Joann Leeds'",
    ]


async def test_encoded_names_where_that_is_wanted() -> None:
    gateway = Gateway(("PERSON", MASK), decode=frozenset({Encoding.URL}))
    assert await gateway.texts("see /q?name=Ann%20Lee now") == ["see <PERSON> now"]


async def test_a_large_body() -> None:
    roomy = replace(NAMES, most_characters=8 << 20)
    (text,) = await Gateway(("PERSON", MASK), recognisers=(roomy,)).texts("x " * LARGE + "Ann Lee")
    assert text.endswith("x <PERSON>")


async def test_a_name_on_a_cut() -> None:
    (text,) = await Gateway(("PERSON", MASK)).texts("y" * 3_996 + " Ann Lee " + "y" * 3_996)
    assert text == "y" * 3_996 + " <PERSON> " + "y" * 3_996


# -- what is asked ----------------------------------------------------------------------------------------------------


async def test_all_texts_are_asked_about_together_once_each() -> None:
    gateway = Gateway()
    call: Any = {"id": "call_1", "type": "function", "function": {"name": "note", "arguments": '{"to": "Ann"}'}}
    await gateway.redact("Hi", "Hi", "Hello", tools=[], metadata={"who": "me"}, extra=[call])
    assert gateway.analyzer.asked == ["Hi\n\nHello\n\nwho: me\n\ncall_1\n\nto: Ann"]


async def test_only_what_the_policy_names_is_asked_for() -> None:
    gateway = Gateway(("LOCATION", MASK))
    assert await gateway.texts("Ann Lee in Paris") == ["Ann Lee in <LOCATION>"]
    assert gateway.analyzer.entities == [["LOCATION"]]


async def test_a_policy_that_names_nothing_of_it_asks_nobody() -> None:
    gateway = Gateway(("EMAIL_ADDRESS", MASK))
    assert await gateway.texts("Ann Lee, ann@corp.example.org") == ["Ann Lee, <EMAIL_ADDRESS>"]
    assert gateway.analyzer.asked == []


async def test_an_empty_request_asks_nobody() -> None:
    gateway = Gateway()
    await gateway.redact("", " ")
    assert gateway.analyzer.asked == []


async def test_few_documents_are_asked_about_at_once() -> None:
    under_way: list[int] = [0]

    async def thread(work: Callable[[], _T]) -> _T:
        under_way.append(under_way[-1] + 1)
        await asyncio.sleep(0)
        under_way.append(under_way[-1] - 1)
        return work()

    gateway = Gateway(("PERSON", MASK), thread=thread)
    texts = await gateway.texts(*(f"Zoë {number} " + "x" * 3_500 for number in range(6)))
    assert [text[:10] for text in texts] == [f"<PERSON> {number}" for number in range(6)]
    assert (len(gateway.analyzer.asked), max(under_way)) == (6, 4)


async def test_several_recognisers_are_asked() -> None:
    places = EntityRecogniser("places", PresidioEngine("fr", "lieux"), ("LOCATION",))
    gateway = Gateway(("PERSON", MASK), ("LOCATION", MASK), recognisers=(replace(NAMES, entities=("PERSON",)), places))
    assert await gateway.texts("Zoë in Paris") == ["<PERSON> in <LOCATION>"]
    assert sorted(gateway.analyzer.entities) == [["LOCATION"], ["PERSON"]]


async def test_places_that_overlap_are_one() -> None:
    found = [Found(at, 7 - at, "PERSON") for at in range(3)] + [Found(5, 8, "LOCATION"), Found(0, 7, "PERSON")]
    gateway = Gateway(("PERSON", MASK), ("LOCATION", MASK), analyzer=Analyzer(lambda: found))
    assert await gateway.texts("Ann Leeds, x") == ["<PERSON>s, x"]


# -- failures ---------------------------------------------------------------------------------------------------------


def broken() -> Sequence[Found]:
    raise ValueError("Ann Lee")


FAULTS = {
    "an error": broken,
    "a place outside the text": lambda: [Found(0, 10**9, "PERSON")],
    "a place before the text": lambda: [Found(-3, 2, "PERSON")],
    "more places than characters": lambda: [Found(0, 3, "PERSON")] * 100,
    "an empty place": lambda: [Found(2, 2, "PERSON")],
}


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
async def test_a_fault_refuses_the_request(fault: Callable[[], Sequence[Found]]) -> None:
    gateway = Gateway(analyzer=Analyzer(fault))
    with pytest.raises(RecogniserUnavailable) as caught:
        await gateway.redact("Ann Lee")
    assert (caught.value.status, caught.value.code) == (503, "recogniser_unavailable")
    assert caught.value.message == "The gateway cannot look for personal data in the request now."
    assert gateway.failed == ["names"]


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
async def test_where_that_is_allowed_the_request_goes_on_with_what_else_is_found(
    fault: Callable[[], Sequence[Found]], caplog: pytest.LogCaptureFixture
) -> None:
    allowing = replace(NAMES, on_failure=OnFailure.ALLOW)
    gateway = Gateway(("PERSON", MASK), ("EMAIL_ADDRESS", MASK), recognisers=(allowing,), analyzer=Analyzer(fault))
    with caplog.at_level(logging.DEBUG):
        assert await gateway.texts("Ann Lee, ann@corp.example.org") == ["Ann Lee, <EMAIL_ADDRESS>"]
    assert gateway.failed == ["names"]
    (line,) = [one for one in caplog.records if one.name == "extproc.policy.recognise"]
    assert line.getMessage() == "recogniser failed"
    assert (vars(line)["fields"]["recogniser"], vars(line)["fields"]["on_failure"]) == ("names", "allow")
    assert "Ann" not in repr(vars(line))


async def test_one_that_fails_does_not_take_the_others_with_it() -> None:
    class Half(Analyzer):
        def analyze(self, text: str, language: str, entities: list[str], score_threshold: float) -> Sequence[Found]:
            return broken() if language == "de" else occurrences(text, entities)

    failing = replace(NAMES, name="failing", engine=PresidioEngine("de"), on_failure=OnFailure.ALLOW)
    gateway = Gateway(("PERSON", MASK), recognisers=(failing, NAMES), analyzer=Half())
    assert await gateway.texts("Ann Lee") == ["<PERSON>"]
    assert gateway.failed == ["failing"]


async def test_a_request_waits_no_longer_than_it_must() -> None:
    gateway = Gateway(recognisers=(replace(NAMES, timeout_ms=10),), thread=never)
    with pytest.raises(RecogniserUnavailable):
        await gateway.redact("Ann Lee")
    assert gateway.failed == ["names"]


async def test_too_much_text_is_too_large() -> None:
    gateway = Gateway(recognisers=(replace(NAMES, most_characters=1024),))
    with pytest.raises(RequestTooLarge) as caught:
        await gateway.redact("x" * 1000, "y" * 25)
    assert caught.value.message == "The request has more than the 1024 characters that can be searched."
    assert (gateway.failed, gateway.analyzer.asked) == (["names"], [])
    await gateway.redact("x" * 1000, "y" * 24)


async def test_too_much_text_where_that_is_allowed_is_not_asked_about() -> None:
    allowing = replace(NAMES, most_characters=1024, on_failure=OnFailure.ALLOW)
    gateway = Gateway(("PERSON", MASK), recognisers=(allowing,))
    assert await gateway.texts("x" * 1024, "Zoë") == ["x" * 1024, "Zoë"]
    assert (gateway.failed, gateway.analyzer.asked) == (["names"], [])


# -- shadow -----------------------------------------------------------------------------------------------------------


async def test_in_shadow_it_is_counted_and_nothing_changes() -> None:
    made = await Gateway(("PERSON", EntityAction.BLOCK), mode=Mode.SHADOW).redact("Ann Lee")
    assert made.counts == {Finding("PERSON", Action.BLOCK): 1}
    assert (b"Ann Lee" in made.call.body, made.blocked) == (True, ())


async def test_in_shadow_a_failure_refuses_nothing_and_hides_nothing() -> None:
    entities = (("PERSON", MASK), ("EMAIL_ADDRESS", MASK))
    gateway = Gateway(*entities, analyzer=Analyzer(broken), mode=Mode.SHADOW)
    assert (await gateway.redact("ann@corp.example.org")).counts == {Finding("EMAIL_ADDRESS", Action.MASK): 1}
    assert gateway.failed == ["names"]


# -- a service --------------------------------------------------------------------------------------------------------


def answer(asked: Any) -> tuple[int, Any]:
    found = occurrences(asked["text"], asked["entities"])
    return 200, [{"entity_type": one.entity_type, "start": one.start, "end": one.end, "score": 0.85} for one in found]


def service(url: str, **changes: Any) -> EntityRecogniser:
    return replace(NAMES, engine=AnalyzerService(url, "en"), **changes)


async def test_a_service_finds_names() -> None:
    async with judge_server(answer) as (server, connections):
        gateway = Gateway(
            ("PERSON", MASK), recognisers=(service(server.url, least_score=0.7),), connections=connections
        )
        assert await gateway.texts("😀 A\u200bnn Lee", "and Zoë") == ["😀 <PERSON>", "and <PERSON>"]
    question = {"text": "😀 Ann Lee\n\nand Zoë", "language": "en", "entities": ["PERSON"], "score_threshold": 0.7}
    assert server.asked == [("/analyze", question)]


async def test_a_service_that_is_slow_or_answers_nonsense_fails() -> None:
    for said in (None, lambda asked: (500, "Ann Lee"), lambda asked: (200, "Ann Lee"), lambda asked: (200, {})):
        async with judge_server(said) as (server, connections):
            gateway = Gateway(recognisers=(service(server.url, timeout_ms=100),), connections=connections)
            with pytest.raises(GatewayError) as caught:
                await gateway.redact("Ann Lee")
        assert caught.value.code == "recogniser_unavailable"
        assert gateway.failed == ["names"]


# -- what is loaded ---------------------------------------------------------------------------------------------------


def loading(load: Callable[[str, str | None], Any], *recognisers: EntityRecogniser) -> RecogniserStock:
    stock = RecogniserStock(Connections(), offload, lambda recogniser: None, load)
    stock.of(Privacy(b"k" * 32, (PrivacyPolicy("p", (("PERSON", MASK),)),), (), recognisers=recognisers or (NAMES,)))
    return stock


def test_a_model_is_loaded_once() -> None:
    loaded: list[tuple[str, str | None]] = []

    def load(language: str, model: str | None) -> Analyzer:
        loaded.append((language, model))
        return Analyzer()

    stock = loading(load, NAMES, replace(NAMES, name="places", entities=("LOCATION",)))
    stock.of(Privacy(b"k" * 32, (PrivacyPolicy("q", (("LOCATION", MASK),)),), (), recognisers=(NAMES,)))
    assert loaded == [("en", "names")]


def not_installed(language: str, model: str | None) -> Analyzer:
    raise ModuleNotFoundError(name="presidio_analyzer")


def no_model(language: str, model: str | None) -> Analyzer:
    raise ValueError(f"there is no spaCy model {model!r}")


UNLOADABLE = {
    "no package": (
        not_installed,
        NAMES,
        "privacy.recognisers[0].presidio: needs the package presidio_analyzer: install llm-extproc[presidio]",
    ),
    "no model": (no_model, NAMES, "privacy.recognisers[0].presidio: there is no spaCy model 'names'"),
    "an entity that it does not know": (
        lambda language, model: Analyzer(),
        replace(NAMES, entities=("PERSON", "LOCATIONS")),
        "privacy.recognisers[0].entities[1]: Presidio finds no 'LOCATIONS' in the language 'en'"
        " (did you mean 'LOCATION'?)",
    ),
    "an entity that needs a model": (
        lambda language, model: Analyzer(),
        replace(NAMES, engine=PresidioEngine("en"), entities=("DATE_TIME",)),
        "privacy.recognisers[0].entities[0]: Presidio finds no 'DATE_TIME' in the language 'en' without a model",
    ),
}


@pytest.mark.parametrize(("load", "recogniser", "message"), UNLOADABLE.values(), ids=UNLOADABLE)
def test_what_cannot_be_loaded(
    load: Callable[[str, str | None], Analyzer], recogniser: EntityRecogniser, message: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        loading(load, recogniser)
    assert str(caught.value) == message
