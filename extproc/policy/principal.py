"""Who a request counts for, and what they may: a virtual key, or an identity of a token or a certificate."""

from dataclasses import dataclass, field
from ipaddress import IPv4Network, IPv6Network
from typing import Literal

from extproc.config.limits import AnyRule

Source = Literal["document", "registry", "jwt", "mtls"]
"""Where a principal is known from."""


@dataclass(frozen=True, slots=True)
class Principal:
    """A caller, with what its team and organisation add.

    `id` names its accounts and never changes: the alias of a key of the document, the record's id of a key of the
    registry. `alias` is fit for logs and metrics. `models` and `endpoints` are its own lists, `team_models` and
    `team_endpoints` its team's: both must allow what is asked for. `tags` are its own, its team's and its
    organisation's. `rules` are limits of this key, and of its team where the registry has that. `expires` is a Unix
    time in seconds.
    """

    id: str
    alias: str
    user: str = ""
    team: str = ""
    organisation: str = ""
    tags: tuple[str, ...] = ()
    models: tuple[str, ...] = ("*",)
    endpoints: tuple[str, ...] = ("*",)
    aliases: tuple[tuple[str, str], ...] = ()
    networks: tuple[IPv4Network | IPv6Network, ...] = ()
    team_models: tuple[str, ...] = ("*",)
    team_endpoints: tuple[str, ...] = ("*",)
    rules: tuple[AnyRule, ...] = ()
    source: Source = "document"
    expires: float | None = None
    metadata: tuple[tuple[str, str], ...] = field(default=(), repr=False)

    @property
    def tenant(self) -> tuple[str, str]:
        """Who shares placeholders and kept answers: what kind of name it is, and the name."""
        if self.organisation:
            return "organisation", self.organisation
        return ("team", self.team) if self.team else ("key", self.id)
