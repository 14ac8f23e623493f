"""The wire formats there are; a new one is a module and a row here. The first that owns a request answers it."""

from extproc.simulator import anthropic, azure, openai
from extproc.simulator.format import Format

FORMATS: dict[str, Format] = {one.name: one for one in (anthropic.FORMAT, azure.FORMAT, openai.FORMAT)}


def choose(names: tuple[str, ...]) -> tuple[Format, ...]:
    """The formats of these names, all of them for none. Raises KeyError for a name that is not known."""
    return tuple(FORMATS[name] for name in names) if names else tuple(FORMATS.values())
