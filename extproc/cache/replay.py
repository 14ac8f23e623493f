"""A whole answer said as a stream, in the format that it is in: for a caller who asked for one.

There is one piece for each text, because the answer leaves in one message anyway: what a client puts together of the
stream is the whole answer again.
"""

from extproc.apischema.endpoints import CHAT, COMPLETIONS, MESSAGES, RESPONSES, Endpoint
from extproc.apischema.malformed import MALFORMED
from extproc.cache.replay_chat import chat_stream, completions_stream
from extproc.cache.replay_messages import messages_stream
from extproc.cache.replay_responses import responses_stream
from extproc.cache.unrepeatable import Unrepeatable


def replay(endpoint: Endpoint, document: bytes, *, wants_usage: bool) -> bytes:
    """The server-sent events, terminator included. `wants_usage`: the caller asked for `stream_options.include_usage`.

    Raises Unrepeatable for a document that is not of the endpoint, ValueError for an endpoint that does not stream.
    """
    try:
        return _stream(endpoint, document, wants_usage=wants_usage)
    except (KeyError, TypeError, *MALFORMED):
        raise Unrepeatable from None


def _stream(endpoint: Endpoint, document: bytes, *, wants_usage: bool) -> bytes:
    if endpoint == CHAT:
        return chat_stream(document, wants_usage=wants_usage)
    if endpoint == COMPLETIONS:
        return completions_stream(document, wants_usage=wants_usage)
    if endpoint == MESSAGES:
        return messages_stream(document)
    if endpoint == RESPONSES:
        return responses_stream(document)
    raise ValueError("an endpoint that does not stream")
