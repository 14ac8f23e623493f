"""The rules of a document, compiled once, and what they say. Pure and synchronous.

    guardrails = Guardrails(rules)
    view = read_request(call.fields)
    verdicts = guardrails.check_request(view)
    body = guardrails.redact(call.body, Phase.REQUEST) if verdicts.redacts else call.body
    answer = guardrails.answer(call.fields)     # then stream.guarded(response, answer, …)

One thread at a time, as `privacy.detect.Detector`. Hyperscan and RE2 read in linear time; what is done for each finding
is bounded.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Protocol

import msgspec
from msgspec import Raw, Struct

from extproc.apischema.malformed import MALFORMED
from extproc.guardrails.answer_view import AnswerView
from extproc.guardrails.conformance import Conformance, SchemaError
from extproc.guardrails.injection import InjectionFinder
from extproc.guardrails.reading import Reading
from extproc.guardrails.rule import (
    Action,
    InjectionRule,
    Modality,
    ModalityRule,
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
from extproc.guardrails.topics import TopicFinder
from extproc.guardrails.verdict import Verdict, Verdicts, verdict_of
from extproc.guardrails.view import RequestView, Text
from extproc.guardrails.words import PatternFinder, WordFinder
from extproc.privacy.detect.span import Span
from extproc.privacy.walk import mask_body

_MOST_SCHEMAS = 64
_ANY_OBJECT = b'{"type":"object"}'


class Finder(Protocol):
    """Finds what one rule is about; nothing, if it is too little."""

    def find(self, reading: Reading) -> list[Span]: ...


@dataclass(frozen=True, slots=True)
class _TextRule:
    rule: Rule
    finder: Finder
    roles: frozenset[Role] | None = None  # None: whoever wrote it


class Guardrails:
    """The rules that are decided here (`remote` has the others).

    Raises ValueError, with a rule's name, for a pattern or schema that is none.
    """

    def __init__(self, rules: Sequence[Rule]) -> None:
        self._rules = tuple(rules)
        self._texts = tuple(text for rule in rules if (text := _text_rule(rule)) is not None)
        self._fixed = {rule.name: _fixed_schema(rule) for rule in _of(rules, SchemaRule) if rule.schema is not None}
        self._asked = lru_cache(_MOST_SCHEMAS)(_asked_schema)

    def check_request(self, view: RequestView) -> Verdicts:
        """Everything that is wrong with a request, rule by rule."""
        found = [
            *self._in_texts(view.texts, Phase.REQUEST),
            *(verdict_of(rule) for rule in self._in(Phase.REQUEST) if _is_broken(rule, view)),
        ]
        return Verdicts(tuple(found))

    def check_text(self, text: str, phase: Phase, role: Role = Role.USER) -> Verdicts:
        """What is wrong with one text."""
        return Verdicts(tuple(self._in_texts((Text(role, text),), phase)))

    def redact(self, document: bytes, phase: Phase) -> bytes:
        """A body with what is to be redacted replaced by `<name of the rule>`; the very one given if there is nothing.

        Raises InvalidRequest for what is no JSON.
        """
        rules = [text for text in self._texts if _redacts(text.rule, phase)]
        if not rules:
            return document

        def find(text: str) -> list[Span]:
            reading = Reading(text)
            return [span for rule in rules for span in rule.finder.find(reading)]

        return mask_body(document, find)

    def answer(self, fields: Mapping[str, Raw]) -> "AnswerRules":
        """The rules for the answer to a request with these fields."""
        schemas = [(rule, self._schema(rule, fields)) for rule in _of(self._in(Phase.RESPONSE), SchemaRule)]
        return AnswerRules(self, tuple((rule, schema) for rule, schema in schemas if schema is not None))

    def reach(self, phase: Phase) -> int:
        """The longest finding in a text that any rule of the phase may have; 0 where none looks at texts."""
        return max((text.rule.reach for text in self._texts if text.rule.phase.covers(phase)), default=0)

    def check_tools(self, tools: Iterable[str], phase: Phase) -> list[Verdict]:
        names = tuple(tools)
        return [verdict_of(rule) for rule in _of(self._in(phase), ToolRule) if not _all_allowed(rule, names)]

    def applies(self, phase: Phase) -> bool:
        return any(True for _ in self._in(phase))

    def _in(self, phase: Phase) -> Iterator[Rule]:
        return (rule for rule in self._rules if rule.phase.covers(phase))

    def _in_texts(self, texts: Sequence[Text], phase: Phase) -> Iterator[Verdict]:
        readings = [(text.role, Reading(text.text)) for text in texts]
        for rule in self._texts:
            if rule.rule.phase.covers(phase):
                chosen = (reading for role, reading in readings if rule.roles is None or role in rule.roles)
                spans = [span for reading in chosen for span in rule.finder.find(reading)]
                if spans:
                    yield verdict_of(rule.rule, spans)

    def _schema(self, rule: SchemaRule, fields: Mapping[str, Raw]) -> Conformance | None:
        if rule.name in self._fixed:
            return self._fixed[rule.name]
        asked = _schema_in(fields)
        return None if asked is None else self._asked(asked, rule.most_characters, rule.most_steps)


@dataclass(frozen=True, slots=True)
class AnswerRules:
    """The rules for one answer: those for all answers, and the schemas that this one is to conform to."""

    guardrails: Guardrails
    schemas: tuple[tuple[SchemaRule, Conformance], ...] = ()

    @property
    def apply(self) -> bool:
        """Whether there is anything to check."""
        return self.guardrails.applies(Phase.RESPONSE)

    @property
    def reach(self) -> int:
        return self.guardrails.reach(Phase.RESPONSE)

    def check(self, view: AnswerView) -> Verdicts:
        """Everything that is wrong with a whole answer."""
        found = [
            *self.guardrails._in_texts(view.texts, Phase.RESPONSE),
            *self.check_tools(view.tools).all,
            *(verdict for text in view.answers for verdict in self.check_schema(text).all),
        ]
        return Verdicts(tuple(found))

    def check_text(self, text: str) -> Verdicts:
        return self.guardrails.check_text(text, Phase.RESPONSE, Role.ASSISTANT)

    def check_tools(self, tools: Iterable[str]) -> Verdicts:
        return Verdicts(tuple(self.guardrails.check_tools(tools, Phase.RESPONSE)))

    def check_schema(self, answer: str) -> Verdicts:
        """What is wrong with the form of a whole answer's text."""
        return Verdicts(tuple(verdict_of(rule) for rule, schema in self.schemas if not schema.conforms(answer)))

    def redact(self, document: bytes) -> bytes:
        return self.guardrails.redact(document, Phase.RESPONSE)


class _SecretFinder:
    def __init__(self, rule: SecretRule) -> None:
        self._rule = rule

    def find(self, reading: Reading) -> list[Span]:
        return [Span(span.start, span.end, self._rule.name) for span in self._rule.find(reading.text)]


def _text_rule(rule: Rule) -> _TextRule | None:
    match rule:
        case WordRule():
            return _TextRule(rule, WordFinder(rule))
        case PatternRule():
            return _TextRule(rule, PatternFinder(rule))
        case SecretRule():
            return _TextRule(rule, _SecretFinder(rule))
        case TopicRule():
            return _TextRule(rule, TopicFinder(rule))
        case InjectionRule():
            # An answer is the model's, and there is no other role in it.
            roles = rule.roles | {Role.ASSISTANT} if rule.phase is not Phase.REQUEST else rule.roles
            return _TextRule(rule, InjectionFinder(rule), roles)
        case _:
            return None


def _redacts(rule: Rule, phase: Phase) -> bool:
    return rule.action is Action.REDACT and rule.enforced and rule.phase.covers(phase)


def _is_broken(rule: Rule, view: RequestView) -> bool:
    """Whether a request breaks a rule that is not about texts."""
    match rule:
        case SizeRule():
            sizes = (view.messages, view.characters, view.media.get(Modality.IMAGE, 0), len(view.tools))
            limits = (rule.most_messages, rule.most_characters, rule.most_images, rule.most_tools)
            return any(limit is not None and size > limit for size, limit in zip(sizes, limits, strict=True))
        case ModalityRule():
            return not rule.allowed.issuperset(view.media)
        case ToolRule():
            return not _all_allowed(rule, view.tools)
        case _:
            return False


def _all_allowed(rule: ToolRule, tools: Iterable[str]) -> bool:
    stems = tuple(name[:-1] for name in rule.allowed if name.endswith("*"))
    return all(tool in rule.allowed or tool.startswith(stems) for tool in tools)


def _of(rules: Iterable[Rule], kind: type[Any]) -> Iterator[Any]:
    return (rule for rule in rules if isinstance(rule, kind))


def _fixed_schema(rule: SchemaRule) -> Conformance:
    try:
        return Conformance(rule.schema, rule.most_characters, rule.most_steps)
    except SchemaError as error:
        raise ValueError(f"The rule {rule.name!r}: {error}") from None


def _asked_schema(raw: bytes, most_characters: int, most_steps: int) -> Conformance | None:
    """A caller's schema; None for one that is none, which is the provider's to refuse."""
    try:
        return Conformance(msgspec.json.decode(raw), most_characters, most_steps)
    except (SchemaError, *MALFORMED):
        return None


class _JsonSchema(Struct):
    schema: Raw = Raw(_ANY_OBJECT)


class _Format(Struct):
    """OpenAI's has its schema in `json_schema`; that of Responses and of Messages has it beside the type."""

    type: str = "text"
    json_schema: _JsonSchema | None = None
    schema: Raw = Raw(_ANY_OBJECT)


class _WithFormat(Struct):
    format: _Format | None = None


_decode_format = msgspec.json.Decoder(_Format | None).decode
_decode_with_format = msgspec.json.Decoder(_WithFormat | None).decode


def _schema_in(fields: Mapping[str, Raw]) -> bytes | None:
    """The schema that a request asks the answer to conform to; any object's, if it just asks for JSON."""
    try:
        formats = [_decode_format(fields["response_format"])] if "response_format" in fields else []
        holders = [_decode_with_format(fields[name]) for name in ("text", "output_config") if name in fields]
    except MALFORMED:
        return None
    for asked in (*formats, *(holder.format for holder in holders if holder is not None)):
        if asked is not None and asked.type in ("json_schema", "json_object"):
            return bytes(asked.schema if asked.json_schema is None else asked.json_schema.schema)
    return None
