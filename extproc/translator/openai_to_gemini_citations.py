"""Gemini's sources of an answer as OpenAI's annotations.

References: https://ai.google.dev/api/generate-content#GroundingMetadata, .../generate-content#CitationMetadata,
https://platform.openai.com/docs/api-reference/chat/object (all seen 2026-11-21).

Gemini counts bytes of UTF-8, within a part for grounding and within the whole text for citations; OpenAI counts
characters of the whole content.
"""

from collections.abc import Iterator

from extproc.apischema.gemini import Citation, GroundingMetadata, Segment, Source
from extproc.translator.openai_chunks import Annotation, UrlCitation


def annotations(
    text: str, grounding: GroundingMetadata | None, citations: list[Citation], part_starts: list[int]
) -> list[Annotation]:
    """The sources with a web address. `part_starts` is where each part's text begins, in bytes of the whole text."""
    if grounding is None and not citations:
        return []
    raw = text.encode()
    found = [*_grounded(text, raw, grounding, part_starts)] if grounding is not None else []
    for citation in citations:
        start, end = citation.start_index or 0, citation.end_index or 0
        found += _annotation(citation.uri, citation.title, _characters(raw, start), _characters(raw, end))
    return found


def _grounded(text: str, raw: bytes, grounding: GroundingMetadata, part_starts: list[int]) -> Iterator[Annotation]:
    """Sources without a place in the text (a provider's choice) are sources of all of it."""
    sources = [chunk.source or Source() for chunk in grounding.grounding_chunks or ()]
    if not grounding.grounding_supports:
        for source in sources:
            yield from _annotation(source.uri, source.title, 0, len(text))
    for support in grounding.grounding_supports or ():
        start, end = _place(text, raw, support.segment or Segment(), part_starts)
        for index in support.grounding_chunk_indices or ():
            if 0 <= index < len(sources):
                yield from _annotation(sources[index].uri, sources[index].title, start, end)


def _place(text: str, raw: bytes, segment: Segment, part_starts: list[int]) -> tuple[int, int]:
    """A segment in characters of the text. Its own text decides, because parts are counted in more than one way."""
    part = segment.part_index or 0
    offset = part_starts[part] if 0 <= part < len(part_starts) else 0
    start = _characters(raw, offset + (segment.start_index or 0))
    end = _characters(raw, offset + (segment.end_index or 0))
    if segment.text and text[start:end] != segment.text:
        found = text.find(segment.text)
        return (found, found + len(segment.text)) if found >= 0 else (start, end)
    return start, end


def _annotation(uri: str | None, title: str | None, start: int, end: int) -> Iterator[Annotation]:
    if uri and uri.startswith(("http://", "https://")):
        yield Annotation(UrlCitation(uri, title or "", start, end))


def _characters(raw: bytes, count: int) -> int:
    """How many characters the first `count` bytes hold."""
    return len(raw[: max(0, count)].decode("utf-8", "ignore"))
