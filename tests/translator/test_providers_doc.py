"""The table of what is supported says what is there."""

from extproc.apischema.endpoints import CHAT, EMBEDDINGS, RERANK
from extproc.config.model import Schema
from extproc.translator import registry
from tests.translator import providers_doc
from tests.translator.golden import PAIRS, cases


def test_the_file_is_current() -> None:
    """Else: `python -m tests.translator.providers_doc --update`."""
    assert providers_doc.FILE.read_text() == providers_doc.rendered()


def test_every_translation_of_a_backends_format_has_golden_cases() -> None:
    shown = {(pair.endpoint.path, pair.backend.schema) for name, pair in PAIRS.items() if cases(name)}
    registered = {
        (endpoint.path, schema)
        for endpoint in (CHAT, EMBEDDINGS, RERANK)
        for schema in Schema
        for _, backend in providers_doc.backends(schema)
        if (found := registry.find(endpoint, backend)) is not None and not found.identity
    }
    assert registered <= shown
