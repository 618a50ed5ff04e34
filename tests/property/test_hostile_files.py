"""Whatever is in a file, readers and profiles answer with values or with our own error."""

import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate.adapters.profiles import load_profiles
from tidegate.errors import ConfigurationError, InputError
from tidegate.fleet.readers import open_dataset

HEADERS = (
    "timestamp,value",
    "ts,date,time,fridge_temperature,temp_condition,label,type",
    "date,time,temperature,pressure,humidity,label,type",
    "datetime;Accelerometer1RMS;Accelerometer2RMS;Current;Pressure;Temperature;Thermocouple;Voltage;Volume Flow RateRMS",
    "frame.number,frame.time,frame.len,eth.src,eth.dst,ip.src,ip.dst,ip.proto,ip.len,tcp.len,tcp.srcport,tcp.dstport,Value,normality",
)
cell = st.one_of(
    st.sampled_from(
        ["", "0", "1", "1e300", "-1", "nan", "inf", "high", "25-Apr-19", "19:19:40", "2020-01-01 00:00:00", "normal", '"']
    ),
    st.text(max_size=8),
    st.floats().map(str),
    st.integers().map(str),
)


def written(suffix: str, content: bytes, use: Callable[[Path], None]) -> None:
    """Hypothesis runs many examples in one test, so each gets a folder of its own."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"file{suffix}"
        path.write_bytes(content)
        use(path)


def read_or_refuse(path: Path) -> None:
    try:
        found = open_dataset(path)
    except InputError as error:
        assert path.name in str(error)
        return
    for series in found:
        assert np.all(np.diff(series.event_time_ms) > 0)
        assert series.values.shape == (len(series), len(series.metrics))
        assert not np.isinf(series.values).any()
        assert series.labels is None or len(series.labels) == len(series)


@pytest.mark.parametrize("header", HEADERS)
@given(rows=st.lists(st.lists(cell, min_size=2, max_size=15), max_size=6), cut=st.booleans())
def test_any_rows_below_a_known_header_are_read_or_refused(header: str, rows: list[list[str]], cut: bool) -> None:
    delimiter = ";" if ";" in header else ","
    width = header.count(delimiter) + 1
    cells = [(row * width)[:width] if cut else row for row in rows]
    text = "\n".join([header, *[delimiter.join(row) for row in cells]])
    written(".csv", text.encode("utf-8", errors="replace"), read_or_refuse)


@pytest.mark.parametrize("suffix", [".csv", ".npz", ".parquet"])
@given(content=st.binary(max_size=300))
def test_any_bytes_are_read_or_refused(suffix: str, content: bytes) -> None:
    written(suffix, content, read_or_refuse)


def load_or_refuse(path: Path) -> None:
    try:
        assert load_profiles([path])
    except ConfigurationError as error:
        assert path.name in str(error)


yaml_value = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats().map(str), st.text(max_size=5)),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=5), inner, max_size=3)),
    max_leaves=6,
)
fields = ("name", "interval_seconds", "metrics", "alarm", "demand", "binding", "bundle", "description", "other")


@given(st.dictionaries(st.sampled_from(fields), yaml_value))
def test_any_profile_loads_or_is_refused(profile: dict[str, object]) -> None:
    import yaml  # noqa: PLC0415 - only to write what the loader reads

    written(".yaml", yaml.safe_dump(profile, allow_unicode=True).encode(), load_or_refuse)


@given(st.text(alphabet="ab:{}[]-&*!<?|>'\"#%@\n \t0.", max_size=60))
def test_any_text_loads_or_is_refused(text: str) -> None:
    written(".yaml", text.encode(), load_or_refuse)
