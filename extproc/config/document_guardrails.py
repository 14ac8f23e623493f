"""The shape of `gateway.yaml`: what may be asked of models, and what they may answer."""

from typing import Annotated

from msgspec import Meta, field

from extproc.config.document import Label, Models, Name, SecretSource, Section
from extproc.config.document_privacy import Regex, Word
from extproc.config.document_service import Score, ServiceMilliseconds, ServiceUrl
from extproc.config.guardrails import GuardrailAction, Modality, Phase, Role
from extproc.config.limits import Mode
from extproc.config.privacy import Unreadable
from extproc.config.service import OnFailure

Words = Annotated[tuple[Word, ...], Meta(min_length=1, max_length=10_000, description="a list of 1 to 10000 words")]
FewWords = Annotated[tuple[Word, ...], Meta(max_length=10_000, description="a list of at most 10000 words")]
Weight = Annotated[float, Meta(ge=0.01, le=1000, description="a number from 0.01 to 1000")]
Count = Annotated[int, Meta(ge=0, le=1 << 30, description="a number from 0 to 1073741824")]
Length = Annotated[int, Meta(ge=1, le=4096, description="a number of characters from 1 to 4096")]
Window = Annotated[int, Meta(ge=20, le=20_000, description="a number of characters from 20 to 20000")]
Overlap = Annotated[int, Meta(ge=0, le=10_000, description="a number of characters from 0 to 10000")]
ToolName = Annotated[
    str,
    Meta(
        pattern=r"^[!-)+-~]{0,128}\*?$",
        description="the name of a tool of at most 128 characters without spaces, with a '*' at its end at most",
    ),
]


class DeniedWordsEntry(Section, frozen=True):
    """None of the `denied` words and phrases, save within one that is `allowed`."""

    denied: Words
    allowed: FewWords = ()


class DeniedPatternEntry(Section, frozen=True):
    """Nothing that `regex` (RE2's syntax) matches. In a stream, matches of up to `length` characters are found."""

    regex: Regex
    case_sensitive: bool = True
    length: Length = 128


class InjectionEntry(Section, frozen=True):
    """No sign that somebody wants to take over the model: heuristics, whose weights add up to the `threshold`."""

    threshold: Weight = 1.0
    roles: Annotated[tuple[Role, ...], Meta(min_length=1, description="a list with at least one role")] = (
        Role.USER,
        Role.TOOL,
        Role.DEFINITION,
    )


class SecretsEntry(Section, frozen=True):
    """No credentials."""


class TopicEntry(Section, frozen=True):
    """No text whose keywords weigh `threshold` or more together."""

    keywords: dict[Word, Weight]
    threshold: Weight = 1.0


class AnswerSchemaEntry(Section, frozen=True):
    """Answers conform to `json`, a JSON Schema; without it, to what the request asks for."""

    json: Annotated[str, Meta(max_length=65536, description="a JSON Schema of at most 65536 characters")] | None = None


class SizeEntry(Section, frozen=True):
    """No more than so many of each in a request."""

    at_least_one = ("messages", "characters", "images", "tools")

    messages: Count | None = None
    characters: Count | None = None
    images: Count | None = None
    tools: Count | None = None


class ModerationEntry(Section, frozen=True):
    """A service with OpenAI's moderations API under `url`. `thresholds` are scores from which a category is refused;
    the others as the service says, unless `only_thresholds`."""

    url: ServiceUrl
    credential: SecretSource | None = None
    model: Annotated[str, Meta(pattern=r"^[!-~]{1,256}$", description="a model's name")] = "omni-moderation-latest"
    timeout_ms: ServiceMilliseconds = 2000
    thresholds: dict[Label, Score] = field(default_factory=dict)
    only_thresholds: bool = False


class WebhookEntry(Section, frozen=True):
    """A service of the operator's own; `secret` signs what it is asked."""

    url: ServiceUrl
    secret: SecretSource | None = None
    timeout_ms: ServiceMilliseconds = 2000


class GuardrailEntry(Section, frozen=True):
    """One rule. `phase` unless given is where the rule makes sense; `on_failure` is for services."""

    exactly_one = (
        "words",
        "pattern",
        "injection",
        "secrets",
        "topic",
        "schema",
        "tools",
        "size",
        "modalities",
        "moderation",
        "webhook",
    )

    name: Name
    words: DeniedWordsEntry | None = None
    pattern: DeniedPatternEntry | None = None
    injection: InjectionEntry | None = None
    secrets: SecretsEntry | None = None
    topic: TopicEntry | None = None
    schema: AnswerSchemaEntry | None = None
    tools: tuple[ToolName, ...] | None = None
    size: SizeEntry | None = None
    modalities: tuple[Modality, ...] | None = None
    moderation: ModerationEntry | None = None
    webhook: WebhookEntry | None = None
    phase: Phase | None = None
    action: GuardrailAction = GuardrailAction.BLOCK
    mode: Mode = Mode.ENFORCE
    on_failure: OnFailure | None = None


class GuardrailUseEntry(Section, frozen=True):
    """Whose requests rules are for; what is left out is not asked. The first entry that matches counts.

    Services judge streams in windows of so many characters, of which `overlap` are judged again with the next one.
    """

    rules: Annotated[tuple[Name, ...], Meta(min_length=1, description="a list with at least one rule")]
    teams: tuple[Label, ...] = ()
    keys: tuple[Label, ...] = ()
    models: Models = ("*",)
    unreadable: Unreadable = Unreadable.REFUSE
    window: Window = 500
    overlap: Overlap = 100


GuardrailEntries = Annotated[
    tuple[GuardrailEntry, ...], Meta(min_length=1, max_length=200, description="a list of 1 to 200 rules")
]
GuardrailUses = Annotated[
    tuple[GuardrailUseEntry, ...], Meta(max_length=1000, description="a list of at most 1000 entries")
]


class GuardrailsSection(Section, frozen=True):
    """Rules for requests and answers."""

    rules: GuardrailEntries
    apply: GuardrailUses = ()
