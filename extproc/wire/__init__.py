"""Bytes on the wire: event streams, content encodings, the caller's JSON document. Pure: no I/O, no clock."""
