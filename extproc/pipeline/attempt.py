"""A call made ready for one leg of its chain: path, authority, headers, body."""

from extproc.errors import InternalError
from extproc.exchange.actions import Upstream
from extproc.pipeline.snapshot import Leg
from extproc.translator.base import Call


def prepare(call: Call, leg: Leg) -> tuple[Upstream, tuple[str, ...]]:
    """The request for this leg, and the names of the caller's parameters that it had to drop.

    Raises InvalidRequest, or Unsupported for what the leg's format cannot express. The body is always given when it
    differs from the caller's; `Upstream.body` None means the caller's own.
    """
    translator = leg.translator(call.endpoint)
    if translator is None:
        raise InternalError("no translator")
    made = translator.request(call, leg.target)
    set_here = {name for name, _ in made.headers}
    action = Upstream(
        path=made.path,
        authority=leg.backend.authority,
        headers=(*leg.set_headers, *made.headers),
        remove=tuple(name for name in leg.remove_headers if name not in set_here) if set_here else leg.remove_headers,
        body=made.body,
    )
    return action, made.dropped
