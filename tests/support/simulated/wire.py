"""Frames to requests and answers to frames, with aiokafka's own schemas: what it can say, the simulated broker understands."""

from dataclasses import dataclass
from io import BytesIO
from typing import Any, Final

from aiokafka.protocol.admin import ApiVersionRequest_v0, DeleteRecordsRequest_v2
from aiokafka.protocol.api import RequestHeader_v1, RequestStruct, ResponseHeader_v0, ResponseHeader_v1
from aiokafka.protocol.commit import OffsetFetchRequest_v3
from aiokafka.protocol.coordination import FindCoordinatorRequest_v1
from aiokafka.protocol.fetch import FetchRequest_v11
from aiokafka.protocol.metadata import MetadataRequest_v5
from aiokafka.protocol.offset import OffsetRequest_v3
from aiokafka.protocol.produce import ProduceRequest_v7
from aiokafka.protocol.transaction import (
    AddOffsetsToTxnRequest_v0,
    AddPartitionsToTxnRequest_v0,
    EndTxnRequest_v0,
    InitProducerIdRequest_v0,
    TxnOffsetCommitRequest_v0,
)
from aiokafka.protocol.types import TaggedFields

REQUESTS: Final[dict[str, type[RequestStruct]]] = {
    "versions": ApiVersionRequest_v0,
    "metadata": MetadataRequest_v5,
    "coordinator": FindCoordinatorRequest_v1,
    "init": InitProducerIdRequest_v0,
    "partitions": AddPartitionsToTxnRequest_v0,
    "produce": ProduceRequest_v7,
    "offsets": AddOffsetsToTxnRequest_v0,
    "positions": TxnOffsetCommitRequest_v0,
    "end": EndTxnRequest_v0,
    "fetch": FetchRequest_v11,
    "list": OffsetRequest_v3,
    "committed": OffsetFetchRequest_v3,
    "delete": DeleteRecordsRequest_v2,
}
"""Our short name of each request, in the version that aiokafka chooses with the broker of `deploy/kafka`."""

_BY_KEY: Final = {kind.API_KEY: name for name, kind in REQUESTS.items()}


@dataclass(frozen=True, slots=True)
class Call:
    """One request as it came in; `name` is a key of `REQUESTS`."""

    name: str
    correlation: int
    body: Any

    def answer(self, *fields: Any) -> bytes:
        """The frame that answers with `fields` of the response's schema."""
        kind = REQUESTS[self.name]
        header = ResponseHeader_v1(self.correlation, {}) if kind.FLEXIBLE_VERSION else ResponseHeader_v0(self.correlation)
        return framed(header.encode() + kind.RESPONSE_TYPE(*fields).encode())


def framed(message: bytes) -> bytes:
    """`message` with its length before it."""
    return len(message).to_bytes(4, "big") + message


def call_of(frame: bytes) -> Call:
    """Decode a request's frame."""
    stream = BytesIO(frame[4:])
    header = [field.decode(stream) for field in RequestHeader_v1.SCHEMA.fields]
    name = _BY_KEY[header[0]]
    kind = REQUESTS[name]
    if header[1] != kind.API_VERSION:
        raise NotImplementedError(f"version {header[1]} of {name}, expected {kind.API_VERSION}")
    if kind.FLEXIBLE_VERSION:
        TaggedFields.decode(stream)
    return Call(name, header[2], kind.decode(stream))
