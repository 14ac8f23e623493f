"""The protobuf schema that an Envoy binary was built with: it carries the FileDescriptorProtos of its own API.

A serialised FileDescriptorProto begins with its file name (field 1), and protoc writes `syntax` (field 12) last; that
is enough to find one and to know where it ends.
"""

from collections.abc import Iterator

from google.protobuf.descriptor_pb2 import FileDescriptorProto

_NAME_TAG = b"\x0a"
_SYNTAX = 12
_FIELDS = frozenset({1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 14})
_LENGTH_DELIMITED = 2


def file_descriptor(binary: bytes, name: str) -> FileDescriptorProto:
    """The descriptor of one .proto file, such as envoy/type/v3/http_status.proto. Raises LookupError."""
    for start in _starts(binary, name):
        end = _end(binary, start)
        if end is not None:
            return FileDescriptorProto.FromString(binary[start:end])
    raise LookupError(f"the binary has no descriptor of {name}")


def _starts(binary: bytes, name: str) -> Iterator[int]:
    mark = _NAME_TAG + bytes([len(name)]) + name.encode()
    start = binary.find(mark)
    while start >= 0:
        yield start
        start = binary.find(mark, start + 1)


def _end(binary: bytes, start: int) -> int | None:
    """Where the message that begins at `start` ends, or None if it is none."""
    position = start
    while position < len(binary):
        tag, position = _varint(binary, position)
        number, wire_type = tag >> 3, tag & 7
        if number not in _FIELDS or wire_type not in (0, _LENGTH_DELIMITED):
            return None
        value, position = _varint(binary, position)
        if wire_type == _LENGTH_DELIMITED:
            position += value
        if number == _SYNTAX:
            return position
    return None


def _varint(binary: bytes, position: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = binary[position]
        position += 1
        value |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return value, position
