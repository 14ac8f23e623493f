"""What is wrong with a configuration, and where."""

from dataclasses import dataclass
from enum import StrEnum


class Severity(StrEnum):
    ERROR = "error"  # it will not work, or it is unsafe
    WARNING = "warning"  # it works until the day it does not


@dataclass(frozen=True, slots=True)
class Finding:
    """One mistake: `path` is the place in `file`, `hint` a nearest name or empty."""

    file: str
    path: str
    message: str
    hint: str = ""
    severity: Severity = Severity.ERROR

    def __str__(self) -> str:
        where = ": ".join(part for part in (self.file, self.path) if part)
        hint = f" (did you mean {self.hint!r}?)" if self.hint else ""
        return f"{where}: {self.severity}: {self.message}{hint}"
