"""What stands between texts that are searched together: patterns do not go across it, nor do words of context count.

The line ends keep what stops at white space, the control character what goes over white space. Nobody's text has it by
chance; who writes it himself ends what can be read together there.
"""

MARK = "\x1e"
"""The record separator of ASCII (ECMA-48, 8.3.60: IS2)."""
SEPARATOR = f"\n{MARK}\n"

_MARK = MARK.encode("ascii")


def behind_last(view: bytes) -> bytes:
    """What of a view is in its last text."""
    return view[view.rfind(_MARK) + 1 :]


def before_first(view: bytes) -> bytes:
    """What of a view is in its first text."""
    return view.partition(_MARK)[0]
