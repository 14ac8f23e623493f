"""A call made ready for one leg of its chain: path, authority, headers, body."""

from extproc.errors import InternalError, InvalidRequest
from extproc.exchange.actions import HeaderList, Upstream
from extproc.pipeline.snapshot import Leg
from extproc.policy.credentials import Outgoing
from extproc.translator.base import Call, UpstreamRequest

_METHOD = "POST"  # of all requests whose credential depends on them


def prepare(call: Call, leg: Leg, now: float) -> tuple[Upstream, tuple[str, ...]]:
    """The request for this leg at Unix time `now`, and the names of the caller's parameters that it had to drop.

    Raises InvalidRequest, Unsupported for what the leg's format cannot express, or CredentialUnavailable. The body is
    always given when it differs from the caller's; `Upstream.body` None means the caller's own.
    """
    translator = leg.translator(call.endpoint)
    if translator is None:
        raise InternalError("no translator")
    made = translator.request(call, leg.target)
    credential = _credential(call, leg, made, now)
    set_here = {name for name, _ in (*made.headers, *credential)}
    action = Upstream(
        path=made.path,
        authority=leg.backend.authority,
        headers=(*leg.set_headers, *made.headers, *credential),
        remove=tuple(name for name in leg.remove_headers if name not in set_here) if set_here else leg.remove_headers,
        body=made.body,
    )
    return action, made.dropped


def can_express(call: Call, leg: Leg) -> bool:
    """Whether a later leg's format can say what the call says. One of the caller's own format always can."""
    translator = leg.translator(call.endpoint)
    if translator is None or translator.identity:
        return translator is not None
    try:
        translator.request(call, leg.target)
    except InvalidRequest:  # and Unsupported, which is one
        return False
    return True


def _credential(call: Call, leg: Leg, made: UpstreamRequest, now: float) -> HeaderList:
    """The headers of a credential that is made anew for each attempt."""
    if leg.credential is None:
        return ()
    body = call.body if made.body is None else made.body
    return leg.credential.headers(Outgoing(_METHOD, leg.backend.authority, made.path, body), now)
