"""Snapshots: a partition's state at a journal position, in chunks. They shorten replay and carry no authority."""

from dataclasses import dataclass

from tidegate.contracts.version import SCHEMA_VERSION


@dataclass(frozen=True, slots=True)
class SnapshotChunk:
    """One piece of a snapshot.

    A snapshot is complete when all `chunk_count` chunks of a `journal_sequence` are there and the joined bytes have
    `sha256`. `positions` are the next input offsets by topic. `state_version` changes when the layout of the state does;
    a snapshot of another version is rebuilt from the log instead of read.
    """

    partition: int
    journal_sequence: int
    chunk: int
    chunk_count: int
    positions: dict[str, int]
    state_version: int
    sha256: str
    data: bytes
    schema_version: int = SCHEMA_VERSION
