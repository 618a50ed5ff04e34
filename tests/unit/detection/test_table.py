"""Columns that grow."""

import numpy as np
import pytest

from tidegate.core.detection.table import INITIAL_ROWS, Column, Table


def table() -> Table:
    return Table({"count": Column("i4"), "edge": Column("f8", (2,), np.nan)})


def test_growing_keeps_what_is_there_and_fills_what_is_new() -> None:
    subject = table()
    subject.append(1)
    subject.count[0] = 7
    assert subject.append(10 * INITIAL_ROWS) == 1
    assert subject.count[0] == 7
    assert (subject.count[1 : subject.size] == 0).all()
    assert np.isnan(subject.edge[1 : subject.size]).all()


def test_growing_one_by_one_reallocates_seldom() -> None:
    subject = table()
    lengths = set()
    for _ in range(50 * INITIAL_ROWS):
        subject.append(1)
        lengths.add(len(subject.count))
    assert len(lengths) == 7


def test_an_export_is_a_copy_that_loads_again() -> None:
    subject, other = table(), table()
    subject.append(100)
    subject.count[:100] = np.arange(100)
    exported = subject.export()
    subject.count[:] = 0
    other.load(exported)
    assert other.size == 100
    np.testing.assert_array_equal(other.count[:100], np.arange(100))


def test_keeping_some_rows_renumbers_them() -> None:
    subject = table()
    subject.append(5)
    subject.count[:5] = np.arange(5)
    subject.keep(np.array([4, 1]))
    assert subject.size == 2
    np.testing.assert_array_equal(subject.count[:2], [4, 1])
    assert subject.append(1) == 2
    assert subject.count[2] == 0


def test_an_unknown_column_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="nothing"):
        _ = table().nothing


def test_bytes_per_row_count_every_column() -> None:
    assert table().bytes_per_row == 4 + 16
