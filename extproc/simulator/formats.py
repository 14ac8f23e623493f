"""The wire formats there are; a new one is a module and a row here. The first that owns a request answers it."""

from extproc.simulator import anthropic, anthropic_vertex, azure, bedrock, cohere, gemini, mistral, openai
from extproc.simulator.format import Format

FORMATS: dict[str, Format] = {
    one.name: one
    for one in (
        anthropic.FORMAT,
        anthropic_vertex.FORMAT,
        azure.FORMAT,
        bedrock.FORMAT,
        cohere.FORMAT,
        gemini.FORMAT,
        mistral.FORMAT,
        openai.FORMAT,
    )
}
_NAMED_ONLY = frozenset({"mistral"})  # their paths are another format's


def choose(names: tuple[str, ...]) -> tuple[Format, ...]:
    """The formats of these names; for none, all that have paths of their own. Raises KeyError for an unknown name."""
    if names:
        return tuple(FORMATS[name] for name in names)
    return tuple(one for one in FORMATS.values() if one.name not in _NAMED_ONLY)
