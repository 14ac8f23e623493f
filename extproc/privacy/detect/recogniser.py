"""Detectors from elsewhere: models of named entities, other rule sets. What they find joins what the patterns find.

They are called on the request path and must not wait: one that asks a service is asynchronous, and no part of this
package.
"""

from collections.abc import Iterable
from typing import Protocol

from extproc.privacy.detect.allowance import Allowance
from extproc.privacy.detect.span import Span


class Recogniser(Protocol):
    """A detector over readable text (`normalise.readable`)."""

    def find(self, text: str, allowance: Allowance) -> Iterable[Span]:
        """Spans over `text`, in any order."""
        ...
