"""The recognisers of the section `privacy`, from their entries in the document."""

from extproc.config.credentials import SecretReader
from extproc.config.document_privacy import AnalyzerEntry, PresidioEntry, RecogniserEntry
from extproc.config.entities import ALL_SECRETS
from extproc.config.mistakes import Mistakes
from extproc.config.privacy import AnalyzerService, EntityRecogniser, PresidioEngine
from extproc.config.secret import Secret


def build_recogniser(entry: RecogniserEntry, path: str, secrets: SecretReader, mistakes: Mistakes) -> EntityRecogniser:
    """What is wrong with it goes to `mistakes`; `path` is where it stands."""
    for index, entity in enumerate(entry.entities):
        if entity == ALL_SECRETS:
            mistakes.add(f"{path}.entities[{index}]", "is the name of a group")
        if entity in entry.entities[:index]:
            mistakes.add(f"{path}.entities[{index}]", "is given twice")
    engine = _service(entry.service, f"{path}.service", secrets) if entry.service is not None else None
    return EntityRecogniser(
        name=entry.name,
        engine=engine or _presidio(entry.presidio or PresidioEntry()),
        entities=entry.entities,
        least_score=entry.least_score,
        timeout_ms=entry.timeout_ms,
        most_characters=entry.most_characters,
        on_failure=entry.on_failure,
    )


def _service(entry: AnalyzerEntry, path: str, secrets: SecretReader) -> AnalyzerService:
    source = entry.credential
    secret = secrets.read(source, f"{path}.credential") if source is not None else None
    return AnalyzerService(entry.url, entry.language, None if secret is None else Secret(secret))


def _presidio(entry: PresidioEntry) -> PresidioEngine:
    return PresidioEngine(entry.language, entry.model)
