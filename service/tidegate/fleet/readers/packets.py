"""Packet logs in the layout of the DNN traffic paper: CSV with 14 columns from `frame.number` to `normality`.

A packet is a reading of the device that sent it (`eth.src`). Lengths and the sensor's `Value` become metrics; addresses name
devices, not amounts, and ports tell the attack tools apart: both are left out. `frame.time` may be Unix seconds, ISO 8601 or
Wireshark's text; packets of one device that share a time follow each other by a millisecond.

`normality` is read as a class number with 0 normal and 1 to 5 attacks, as its six-class network needs; the paper's own
sentence "normal (1) or anomalous (0)" names two classes and contradicts it. The data itself is not at hand: tested on made
files. Source: the DNN paper, section 3.1.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tidegate.contracts.ids import DeviceId, MetricName, ProfileName
from tidegate.errors import InputError
from tidegate.fleet.readers import times
from tidegate.fleet.readers.reader import Reader
from tidegate.fleet.readers.shape import Shape
from tidegate.fleet.readers.tables import Table, read_csv
from tidegate.fleet.series import Series

COLUMNS = (
    "frame.number", "frame.time", "frame.len", "eth.src", "eth.dst", "ip.src", "ip.dst",
    "ip.proto", "ip.len", "tcp.len", "tcp.srcport", "tcp.dstport", "Value", "normality",
)  # fmt: skip
METRICS = {
    "frame.len": "frame_len_bytes",
    "ip.proto": "ip_proto",
    "ip.len": "ip_len_bytes",
    "tcp.len": "tcp_len_bytes",
    "Value": "value",
}
"""Metric name by column."""

CLASSES = ("normal", "wrong-setup", "ddos", "data-type-probing", "scan-attack", "man-in-the-middle")
"""Names of the classes 0 to 5, as the data set's page gives them."""


def recognises(shape: Shape) -> bool:
    """True for a CSV file with the paper's 14 columns, in any order."""
    return shape.suffix == ".csv" and set(shape.columns) == set(COLUMNS)


def read(path: Path) -> Iterator[Series]:
    """Yield one series per sender, by first appearance in sorted order; device `packets-<eth.src>`.

    Raises:
        InputError: malformed; names file and row.
    """
    table = read_csv(path)
    event_time_ms, classes = _times(table), _classes(table)
    values = np.column_stack([table.numbers(name) for name in METRICS])
    senders, owner = np.unique(np.array(table.text("eth.src"), dtype=np.str_), return_inverse=True)
    for index, sender in enumerate(senders):
        rows = np.flatnonzero(owner == index)
        order, sender_time_ms = times.order(event_time_ms[rows])
        rows = rows[order]
        yield Series(
            dataset="packets",
            device=DeviceId(f"packets-{str(sender)[:64] or 'unknown'}"),
            profile=ProfileName("dnn-paper-packets"),
            interval_seconds=times.median_interval_seconds(sender_time_ms, 1.0),
            event_time_ms=sender_time_ms,
            metrics=tuple(MetricName(name) for name in METRICS.values()),
            values=values[rows],
            labels=classes[rows] > 0,
            classes=classes[rows],
            class_names=CLASSES,
        )


def _classes(table: Table) -> NDArray[np.int16]:
    known = {text: float(code) for code in range(len(CLASSES)) for text in (str(code), f"{code}.0")}
    codes = table.codes("normality", known)
    missing = np.flatnonzero(np.isnan(codes))
    if missing.size:
        raise InputError(f"{table.path}: row {int(missing[0]) + 2}: normality is missing, expected 0 to {len(CLASSES) - 1}")
    return codes.astype(np.int16)


def _times(table: Table) -> NDArray[np.int64]:
    texts = table.text("frame.time")
    if texts and texts[0].replace(".", "", 1).isdigit():
        return times.from_seconds(table.numbers("frame.time"), table.path)
    pattern = "%b %d, %Y %H:%M:%S.%f" if texts and "," in texts[0] else None
    return times.from_text([_without_zone(text) for text in texts], pattern, table.path)


def _without_zone(text: str) -> str:
    """Wireshark writes nanoseconds and a zone name, `Mar 15, 2020 12:00:00.123456789 UTC`; keep what strptime can read."""
    head, dot, tail = text.partition(".")
    return f"{head}.{tail.split()[0][:6]}" if dot and tail.split() else text


READER = Reader("packets", recognises, read)
