"""Takes personal data and secrets out of requests, by the first policy that is for the caller and the model.

What is found and what becomes of it is the document's; how is `privacy`'s. A tenant is an organisation, or a team that
has none, or else a key: each has a key of its own, made from the document's, so that a value has one placeholder in
all of a tenant's requests, on every replica, and another one for every other tenant.

Searching is done on the event loop where it takes a millisecond, and in a thread where the body is large: both matchers
let others run meanwhile. What is searched twice (at the seam of two parts) counts twice towards the bound.

Where a policy has recognisers, the texts are gathered first, the recognisers are asked about all of them together, and
then the search takes what they said for what they find. Other policies have one search and wait for nobody.
"""

from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Protocol, TypeVar

from extproc.config.limits import Mode
from extproc.config.lookup import covers
from extproc.config.privacy import Privacy, PrivacyPolicy, Unreadable
from extproc.errors import ContentFiltered, InvalidRequest, RequestTooLarge
from extproc.policy.principal import Principal
from extproc.policy.token_ids import has_token_ids
from extproc.privacy.apply import Action, Find, Finding, Policy
from extproc.privacy.detect.recogniser import Recogniser
from extproc.privacy.detect.span import Span
from extproc.privacy.keyed import keyed
from extproc.privacy.restore import Tokens
from extproc.privacy.surrogate import Surrogates
from extproc.privacy.vault import Vault
from extproc.privacy.walk import RedactedBody, redact_body
from extproc.translator.base import Call
from extproc.wire.json_object import parse_object

if TYPE_CHECKING:  # for those who keep mappings, or have recognisers, only
    from extproc.policy.mappings import Mappings, Turn
    from extproc.policy.recognise import Recognisers

LARGE = 256 << 10
"""Bodies of more weight are searched in a thread."""

_WEIGHT_OF_A_SIGN = 16

_SPACE = b" \t\r\n\xef\xbb\xbf"  # and a byte order mark
_NO_ACTIONS = Policy(default=Action.OBSERVE)
_NO_KEY = bytes(16)
_T = TypeVar("_T")


class Detectors(Protocol):
    """A policy's detector, for the event loop and for the one thread beside it. Each call begins a request's search.

    `heard` are recognisers of that request; `read` is what they will be asked about, for any thread.
    """

    def search(self, heard: Sequence[Recogniser] = ()) -> Find: ...

    def search_apart(self, heard: Sequence[Recogniser] = ()) -> Find: ...

    def read(self) -> Callable[[str], Iterator[str]]: ...


class Offload(Protocol):
    """Does work in a thread, one piece after the other."""

    def __call__(self, work: Callable[[], _T], /) -> Awaitable[_T]: ...


class Applicable(Protocol):
    """An entry that says whose requests something is for."""

    @property
    def teams(self) -> tuple[str, ...]: ...

    @property
    def keys(self) -> tuple[str, ...]: ...

    @property
    def models(self) -> tuple[str, ...]: ...


@dataclass(frozen=True, slots=True)
class Redaction:
    """What a policy did to a request. `tokens` restore what it replaced; None where nothing is to be restored.

    `keep` keeps the mapping under a response's id, for later requests; None where they are to know nothing of it.
    """

    policy: str
    mode: Mode
    counts: Mapping[Finding, int]
    call: Call
    tokens: Tokens | None = field(default=None, repr=False)
    keep: "Callable[[str], Awaitable[None]] | None" = field(default=None, repr=False)

    @property
    def blocked(self) -> tuple[str, ...]:
        """The entities for which the request is to be refused."""
        if self.mode is Mode.SHADOW:
            return ()
        return tuple(sorted(entity for entity, action in self.counts if action is Action.BLOCK))


class Redactor:
    """The policies of one document. `detectors` are by policy, as are `recognisers`, where a policy has some; without
    `mappings` each lives for its exchange."""

    def __init__(
        self,
        privacy: Privacy,
        detectors: Mapping[str, Detectors],
        surrogates: Surrogates,
        offload: Offload,
        mappings: "Mappings | None" = None,
        recognisers: "Mapping[str, Recognisers] | None" = None,
    ) -> None:
        self._privacy = privacy
        self._policies = {policy.name: policy for policy in privacy.policies}
        self._actions = {policy.name: _actions(policy) for policy in privacy.policies}
        self._detectors = detectors
        self._offload = offload
        self._surrogates = surrogates
        self._mappings = mappings
        self._recognisers = recognisers or {}

    def policy(self, caller: Principal, model: str, name: str) -> PrivacyPolicy | None:
        """The policy for a caller and a model: `model` is the operator's name of it, `name` the caller's."""
        rules = (rule for rule in self._privacy.rules if is_for(rule, caller, model, name))
        rule = next(rules, None)
        return None if rule is None else self._policies[rule.policy]

    async def redact(self, policy: PrivacyPolicy, call: Call, caller: Principal) -> Redaction:
        """The call without what the policy says.

        Raises ContentFiltered for a body that cannot be read, RequestTooLarge for more text than is searched,
        RecogniserUnavailable for one that had to be asked; in shadow mode nothing.
        """
        readable = is_readable(call)
        refuses = policy.mode is Mode.ENFORCE and policy.unreadable is Unreadable.REFUSE
        if refuses and (not readable or has_token_ids(call.fields)):
            raise ContentFiltered(f"The privacy policy {policy.name!r} lets nothing pass that it cannot read.")
        if not readable:
            return Redaction(policy.name, policy.mode, {}, call)
        vault = Vault(self.tenant_key(caller), self._surrogates.make)
        if policy.mode is Mode.SHADOW:
            return Redaction(policy.name, policy.mode, await self._counted(policy, call.body, vault), call)
        turn = self._turn(policy, call, caller)
        if turn is not None and (earlier := await turn.recall()) is not None:
            with vault.avoiding(call.body):
                vault.take_over(earlier)
        body = await self._redacted(policy, call.body, vault)
        tokens = Tokens(vault) if policy.restore and len(vault) else None
        keep = partial(turn.keep, vault=vault) if turn is not None and len(vault) else None
        return Redaction(policy.name, policy.mode, body.counts, _with_body(call, body.body), tokens, keep)

    def tenant_key(self, caller: Principal) -> bytes:
        """What a caller's placeholders are made with."""
        return keyed(self._privacy.key, b"tenant", *caller.tenant)

    def _turn(self, policy: PrivacyPolicy, call: Call, caller: Principal) -> "Turn | None":
        if self._mappings is None or not policy.keep_seconds:
            return None
        from extproc.policy.mappings import Owner, turn_of

        owner = Owner(":".join(caller.tenant), self.tenant_key(caller))
        return turn_of(call, self._mappings, owner, policy.keep_seconds)

    async def _counted(self, policy: PrivacyPolicy, body: bytes, vault: Vault) -> Mapping[Finding, int]:
        """What would be done; nothing is refused, whatever it is."""
        try:
            return (await self._redacted(policy, body, vault)).counts
        except (InvalidRequest, RequestTooLarge):
            return {}

    async def _redacted(self, policy: PrivacyPolicy, body: bytes, vault: Vault) -> RedactedBody:
        actions, detectors = self._actions[policy.name], self._detectors[policy.name]
        recognisers = self._recognisers.get(policy.name)
        heard = () if recognisers is None else (await self._heard(recognisers, policy, body),)
        if weight(body) <= LARGE:
            return redact_body(body, self._bounded(detectors.search(heard)), actions, vault)
        return await self._offload(
            lambda: redact_body(body, self._bounded(detectors.search_apart(heard)), actions, vault)
        )

    async def _heard(self, recognisers: "Recognisers", policy: PrivacyPolicy, body: bytes) -> Recogniser:
        """What recognisers say of all that will be searched."""
        read = self._detectors[policy.name].read()
        texts = self._read(body, read) if weight(body) <= LARGE else await self._offload(lambda: self._read(body, read))
        return await recognisers.about(texts, policy.mode)

    def _read(self, body: bytes, read: Callable[[str], Iterator[str]]) -> list[str]:
        """The texts of a body, by a search that finds nothing: what is searched does not depend on what is found."""
        texts: dict[str, None] = {}

        def find(text: str) -> Sequence[Span]:
            texts.update(dict.fromkeys(read(text)))
            return ()

        redact_body(body, self._bounded(find), _NO_ACTIONS, Vault(_NO_KEY))
        return list(texts)

    def _bounded(self, find: Find) -> Find:
        """Finds until so much was searched as a request may have; then raises RequestTooLarge."""
        most = left = self._privacy.max_characters

        def find_within(text: str) -> Sequence[Span]:
            nonlocal left
            left -= len(text)
            if left < 0:
                raise RequestTooLarge(f"The request has more than the {most} characters that can be searched.")
            return find(text)

        return find_within


def weight(body: bytes) -> int:
    """How much work a JSON body is: its bytes, and what must be done for each string and number in it."""
    return len(body) + _WEIGHT_OF_A_SIGN * (body.count(b'"') + body.count(b","))


def is_readable(call: Call) -> bool:
    """Whether nothing was sent, or something that was read as JSON."""
    body = call.body.lstrip(_SPACE)
    return not body or body.startswith(b"{")


def is_for(rule: Applicable, caller: Principal, model: str, name: str) -> bool:
    """Whether it is for a caller and a model: `model` is the operator's name of the model, `name` the caller's."""
    if rule.teams and caller.team not in rule.teams:
        return False
    if rule.keys and not {caller.id, caller.alias} & set(rule.keys):
        return False
    return covers(rule.models, model, name)


def _actions(policy: PrivacyPolicy) -> Policy:
    """What a recogniser finds beside what the policy names is not touched."""
    return Policy({entity: Action(action.value) for entity, action in policy.entities}, default=Action.OBSERVE)


def _with_body(call: Call, body: bytes) -> Call:
    return call if body is call.body else replace(call, body=body, fields=parse_object(body))
