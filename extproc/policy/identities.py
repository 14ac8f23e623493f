"""Who a caller without a key is, by what Envoy verified: the claims of a JWT, or the SPIFFE id of a certificate.

A caller who presents a key is known by the key, whatever else Envoy says; this is asked when there is none, and a
caller who is nobody here either is refused. What a token says was signed by its issuer but not written for us: nothing
of it becomes a user, team or tag that could not stand in the document.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import get_args

from extproc.config.document import Label
from extproc.config.model import WILDCARD, IdentityRule
from extproc.errors import PermissionDenied

_LABEL = re.compile(get_args(Label)[1].pattern)
_NO_LABEL = " "  # makes what it stands in unfit to be a label
_PLACEHOLDER = re.compile(r"\{([^{}]+)\}")
_SEGMENT = "([A-Za-z0-9._-]+)"  # SPIFFE-ID, section 2.2
_EXACT = 2.0**53  # numbers of a token arrive as floats: from here on two integers may be the same one

_Find = Callable[[str], object]
"""The value that a placeholder stands for: a claim by its path, or a part of a SPIFFE id by its number."""


@dataclass(frozen=True, slots=True)
class Identity:
    """A caller as `rule` sees them: its templates, filled in. What the rule leaves out is empty."""

    rule: IdentityRule
    user: str
    team: str
    tags: tuple[str, ...]


class Identities:
    """The rules of one document, in its order."""

    def __init__(self, rules: tuple[IdentityRule, ...]) -> None:
        self._rules = tuple((rule, _id_pattern(rule.spiffe)) for rule in rules)
        self._providers = {rule.provider for rule in rules if rule.provider}

    def match(self, claims: Mapping[str, object], spiffe_id: str) -> Identity | None:
        """The identity by the first rule that matches; None for a caller whom no rule knows.

        `claims` are payloads of verified tokens by provider, `spiffe_id` is empty without a client certificate.
        Raises PermissionDenied where the rule matches but makes no name of what the token or certificate says.
        """
        payloads = {provider: claims[provider] for provider in self._providers if provider in claims}
        for rule, pattern in self._rules:
            find = _by_certificate(pattern, spiffe_id) if rule.spiffe else _by_token(rule, payloads.get(rule.provider))
            if find is not None:
                return _identity(rule, find)
        return None


def _id_pattern(spiffe: str) -> re.Pattern[str]:
    return re.compile(re.escape(spiffe).replace(re.escape(WILDCARD), _SEGMENT))


def _by_certificate(pattern: re.Pattern[str], spiffe_id: str) -> _Find | None:
    matched = pattern.fullmatch(spiffe_id)
    if matched is None:
        return None
    parts = {str(number): part for number, part in enumerate(matched.groups(), start=1)}
    return parts.get


def _by_token(rule: IdentityRule, payload: object) -> _Find | None:
    if not isinstance(payload, Mapping):
        return None
    if not all(_holds(claim.value, _claim(payload, claim.name)) for claim in rule.claims):
        return None
    return lambda name: _claim(payload, name)


def _claim(payload: object, path: str) -> object:
    """The member at a path with dots, None without one. A name may itself have dots (`https://a.example/groups`)."""
    if not isinstance(payload, Mapping):
        return None
    if path in payload:
        return payload[path]
    for dot in re.finditer(r"\.", path):
        found = _claim(payload.get(path[: dot.start()]), path[dot.end() :])
        if found is not None:
            return found
    return None


def _holds(wanted: str, found: object) -> bool:
    if wanted == WILDCARD:
        return found is not None
    if isinstance(found, list):
        return any(_is(wanted, _text(item)) for item in found)
    return _is(wanted, _text(found))


def _is(wanted: str, text: str | None) -> bool:
    if text is None:
        return False
    return text.startswith(wanted.removesuffix(WILDCARD)) if wanted.endswith(WILDCARD) else text == wanted


def _text(value: object) -> str | None:
    """A scalar as a rule would write it; None for what has no one way to be written."""
    match value:
        case str():
            return value
        case bool():
            return "true" if value else "false"
        case float() if value.is_integer() and abs(value) < _EXACT:
            return str(int(value))
    return None


def _identity(rule: IdentityRule, find: _Find) -> Identity:
    return Identity(
        rule=rule,
        user=_filled(rule.user, "user", rule, find),
        team=_filled(rule.team, "team", rule, find),
        tags=tuple(_filled(tag, "tag", rule, find) for tag in rule.tags),
    )


def _filled(template: str, what: str, rule: IdentityRule, find: _Find) -> str:
    filled = _PLACEHOLDER.sub(lambda place: _text(find(place[1])) or _NO_LABEL, template)
    if filled and not _LABEL.fullmatch(filled):
        raise PermissionDenied(
            f"What the caller is known by gives no {what} for the identity {rule.name!r}.", code="identity_refused"
        )
    return filled
