"""Snapshots: what goes in comes out bit for bit, and what was damaged on the way is noticed."""

import dataclasses

import numpy as np
import pytest

from tidegate.errors import InputError
from tidegate.pipeline.snapshots import CHUNK_BYTES, chunk_snapshot, join_chunks, read_chunk

STATE = {
    "floats": np.array([[1.5, np.nan], [np.inf, -0.0]]),
    "empty": np.zeros((0, 3), np.float32),
    "counts": np.arange(5, dtype=np.int64),
    "nested": {"flags": np.array([True, False]), "text": "ü", "bytes": b"\x00\xff", "list": [1, None, 2.5]},
}


def chunks(state: dict[str, object]) -> list[bytes]:
    return chunk_snapshot(0, 41, {"t": 7}, state)


def test_a_state_comes_back_bit_for_bit() -> None:
    snapshot = join_chunks([read_chunk(raw) for raw in chunks(STATE)])
    assert (snapshot.journal_sequence, snapshot.positions) == (41, {"t": 7})
    for name in ("floats", "empty", "counts"):
        before, after = STATE[name], snapshot.state[name]
        assert isinstance(before, np.ndarray)
        assert (before.dtype, before.shape, before.tobytes()) == (after.dtype, after.shape, after.tobytes())
    assert snapshot.state["nested"]["text"] == "ü"
    assert snapshot.state["nested"]["list"] == [1, None, 2.5]
    snapshot.state["counts"][0] = 9  # restored arrays are the worker's own, to be written to


def test_a_large_state_is_cut_into_chunks_and_joined_in_any_order() -> None:
    noise = np.random.default_rng(0).random(400_000)
    parts = [read_chunk(raw) for raw in chunks({"noise": noise})]
    assert len(parts) > 1
    assert max(len(part.data) for part in parts) <= CHUNK_BYTES
    assert join_chunks(reversed(parts)).state["noise"].tobytes() == noise.tobytes()


@pytest.mark.parametrize("damage", ["missing", "flipped", "other-layout", "none"])
def test_a_damaged_snapshot_is_refused(damage: str) -> None:
    parts = [read_chunk(raw) for raw in chunks({"noise": np.random.default_rng(0).random(400_000)})]
    if damage == "missing":
        parts = parts[1:]
    elif damage == "flipped":
        data = bytearray(parts[0].data)
        data[100] ^= 1
        parts[0] = dataclasses.replace(parts[0], data=bytes(data))
    elif damage == "other-layout":
        parts = [dataclasses.replace(part, state_version=99) for part in parts]
    else:
        parts = []
    with pytest.raises(InputError):
        join_chunks(parts)


def test_bytes_that_are_no_chunk_are_refused() -> None:
    for raw in (b"", b"\xc1", b"{}", chunks(STATE)[0][:-10]):
        with pytest.raises(InputError):
            read_chunk(raw)


def test_a_state_of_foreign_objects_is_refused_when_written_not_when_read() -> None:
    with pytest.raises(NotImplementedError, match="object"):
        chunks({"thing": object()})
