"""What decoding a document with msgspec raises when the document is bad: bad JSON, bad UTF-8, too deep a nesting."""

import msgspec

MALFORMED = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
