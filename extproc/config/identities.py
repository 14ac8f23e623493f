"""Identities of callers without a key, from their entries in the document."""

import re
from collections.abc import Iterator

from extproc.config.document_callers import IdentityEntry
from extproc.config.mistakes import Mistakes
from extproc.config.model import WILDCARD, Claim, IdentityRule
from extproc.config.named import Named, Served, check_tags

_PLACEHOLDER = re.compile(r"\{([^{}]+)\}")


def build_identity(entry: IdentityEntry, path: str, teams: Named, served: Served, mistakes: Mistakes) -> IdentityRule:
    """The rule of an entry; what is wrong with it is in `mistakes`. `path` is where the entry stands."""
    for where, template in _templates(entry, path):
        _check_placeholders(entry, template, where, mistakes)
    if entry.team is not None and not _PLACEHOLDER.search(entry.team):
        teams.check(entry.team, f"{path}.team", mistakes)
    check_tags(entry.tags, f"{path}.tags", mistakes)
    served.check_all(entry.models, f"{path}.models", mistakes)
    return IdentityRule(
        name=entry.name,
        provider=entry.jwt.provider if entry.jwt is not None else "",
        claims=tuple(_claims(entry)),
        spiffe=entry.spiffe or "",
        user=entry.user or "",
        team=entry.team or "",
        tags=entry.tags,
        models=entry.models,
        endpoints=entry.endpoints,
        foreign_keys=entry.foreign_keys,
    )


def _claims(entry: IdentityEntry) -> Iterator[Claim]:
    for name, value in entry.jwt.claims.items() if entry.jwt is not None else ():
        yield Claim(name, str(value).lower() if isinstance(value, bool) else str(value))


def _templates(entry: IdentityEntry, path: str) -> Iterator[tuple[str, str]]:
    if entry.user is not None:
        yield f"{path}.user", entry.user
    if entry.team is not None:
        yield f"{path}.team", entry.team
    for index, tag in enumerate(entry.tags):
        yield f"{path}.tags[{index}]", tag


def _check_placeholders(entry: IdentityEntry, template: str, path: str, mistakes: Mistakes) -> None:
    stars = (entry.spiffe or "").count(WILDCARD)
    for name in _PLACEHOLDER.findall(template):
        if entry.spiffe is None:
            if name.isdecimal():
                mistakes.add(path, f"{{{name}}} has no meaning for a token: name a claim")
        elif not name.isdecimal():
            mistakes.add(path, f"{{{name}}} has no meaning for a SPIFFE id: say {{1}} for its first '*'")
        elif not 1 <= int(name) <= stars:
            mistakes.add(path, f"{{{name}}} stands for nothing: the SPIFFE id has {stars} '*'")
