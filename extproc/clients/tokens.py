"""Tokens, keys and secrets that are fetched over the network: in the background, before they are needed.

A request takes what is there. Each credential has one task, which renews what it fetched before that expires, and keeps
the old one for as long as it is valid when a new one cannot be had.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from extproc.config.model import AwsKeys, FetchedCredential, Secret

_log = logging.getLogger(__name__)
_PART_OF_LIFE = 0.8
_SHORTEST_WAIT_SECONDS = 1.0
_LONGEST_BACKOFF_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Token:
    """What was fetched. `expires` is Unix time in seconds, infinite for what has no end; `life` is in seconds: a new
    one is wanted when most of it is over."""

    value: Secret | AwsKeys
    expires: float
    life: float


class TokenError(Exception):
    """It could not be fetched. The message is fit for a log: it quotes nothing that came over the network."""


class TokenSource(Protocol):
    """Fetches a credential's token."""

    async def fetch(self) -> Token:
        """Raises TokenError."""
        ...


class TokenRecorder(Protocol):
    """Counts what becomes of renewals."""

    def credential_renewed(self, backend: str) -> None: ...

    def credential_not_renewed(self, backend: str) -> None: ...


@dataclass(frozen=True, slots=True)
class Surroundings:
    """Time and chance: `now` is Unix time in seconds, `sleep` takes seconds, `chance` gives 0 to 1."""

    now: Callable[[], float]
    sleep: Callable[[float], Awaitable[None]]
    chance: Callable[[], float]


class TokenKeeper:
    """Holds the tokens of all credentials of a document. For one event loop."""

    def __init__(
        self,
        source_of: Callable[[FetchedCredential], TokenSource],
        recorder: TokenRecorder,
        surroundings: Surroundings,
    ) -> None:
        self._source_of = source_of
        self._recorder = recorder
        self._surroundings = surroundings
        self._kept: dict[FetchedCredential, _Renewal] = {}
        self._retired: dict[FetchedCredential, Token | None] = {}

    def current(self, credential: FetchedCredential) -> Secret | AwsKeys | None:
        """What to use now; None where nothing was fetched yet, or it has expired."""
        renewal = self._kept.get(credential)
        token = renewal.token if renewal is not None else self._retired.get(credential)
        return token.value if token is not None and self._surroundings.now() < token.expires else None

    async def prepare(self, wanted: Mapping[FetchedCredential, str], patience: float) -> None:
        """Begins to keep what is new, and waits until all of it was tried once; at most `patience` seconds.

        The values of `wanted` are what logs and metrics are to call a credential.
        """
        new = {credential: name for credential, name in wanted.items() if credential not in self._kept}
        for credential, name in new.items():
            self._kept[credential] = _Renewal(self._source_of(credential), name, self._recorder, self._surroundings)
        waiting = [asyncio.ensure_future(self._kept[credential].tried.wait()) for credential in new]
        if waiting:
            _, late = await asyncio.wait(waiting, timeout=patience)
            for wait in late:
                wait.cancel()

    def keep_only(self, wanted: Mapping[FetchedCredential, str]) -> None:
        """Renews nothing else any more. What was kept until now can be used until the next call, by those exchanges
        that began with it."""
        gone = [credential for credential in self._kept if credential not in wanted]
        ended = {credential: self._kept.pop(credential) for credential in gone}
        for renewal in ended.values():
            renewal.task.cancel()
        self._retired = {credential: renewal.token for credential, renewal in ended.items()}

    async def close(self) -> None:
        tasks = [renewal.task for renewal in self._kept.values()]
        self.keep_only({})
        await asyncio.gather(*tasks, return_exceptions=True)


class _Renewal:
    """One credential's task. `tried` is set after the first attempt, whatever came of it."""

    def __init__(self, source: TokenSource, name: str, recorder: TokenRecorder, surroundings: Surroundings) -> None:
        self.token: Token | None = None
        self.tried = asyncio.Event()
        self._source = source
        self._name = name
        self._recorder = recorder
        self._surroundings = surroundings
        self.task = asyncio.create_task(self._run())
        self.task.add_done_callback(self._ended)

    async def _run(self) -> None:
        failures = 0
        while True:
            try:
                self.token = await self._source.fetch()
            except TokenError as error:
                failures += 1
                seconds = self._backoff(failures)
                self._failed(error, seconds)
            else:
                failures = 0
                seconds = self._life(self.token.life)
                self._renewed(self.token, seconds)
            self.tried.set()
            await self._surroundings.sleep(seconds)

    def _life(self, life: float) -> float:
        """Spread over a tenth of the life, so that many gateways do not come at once."""
        part = _PART_OF_LIFE - self._surroundings.chance() / 10
        return max(life * part, _SHORTEST_WAIT_SECONDS)

    def _backoff(self, failures: int) -> float:
        longest = min(2.0**failures, _LONGEST_BACKOFF_SECONDS)
        return max(longest * (0.5 + self._surroundings.chance() / 2), _SHORTEST_WAIT_SECONDS)

    def _renewed(self, token: Token, seconds: float) -> None:
        self._recorder.credential_renewed(self._name)
        fields = {"backend": self._name, "life_seconds": round(token.life), "next_seconds": round(seconds)}
        _log.info("credential renewed", extra={"fields": fields})

    def _failed(self, error: TokenError, seconds: float) -> None:
        self._recorder.credential_not_renewed(self._name)
        left = max(self.token.expires - self._surroundings.now(), 0.0) if self.token is not None else 0.0
        fields = {
            "backend": self._name,
            "reason": str(error),
            "valid_for_seconds": round(left, 1),
            "next_seconds": round(seconds, 1),
        }
        _log.warning("credential not renewed", extra={"fields": fields})

    def _ended(self, task: "asyncio.Task[None]") -> None:
        """A renewal goes on until it is cancelled: any other end is a defect, which must not stay unnoticed."""
        self.tried.set()
        if not task.cancelled():
            fields = {"backend": self._name}
            _log.error("credential renewal failed", exc_info=task.exception(), extra={"fields": fields})
