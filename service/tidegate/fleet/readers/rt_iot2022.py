"""RT-IoT2022: parquet of network flows of an IoT testbed, 82 features, the class in `Attack_type`.

All flows of a file become one device, in file order, one a second: the set has no times, and a device per class would give the
label away. Ports leak the class and are left out; `proto` becomes its IANA number; `service` a fixed code. Names take `_` for
`.`. Three quarters of the rows are one attack: report macro-F1. Source: Sharmila and Nagapadma, 2023.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tidegate.contracts.ids import DeviceId, MetricName, ProfileName
from tidegate.errors import InputError
from tidegate.fleet.readers import times
from tidegate.fleet.readers.parquet import column_names, read_numbers, read_text
from tidegate.fleet.readers.reader import Reader
from tidegate.fleet.readers.shape import Shape
from tidegate.fleet.series import Series

TARGET = "Attack_type"
LEAKS = ("id.orig_p", "id.resp_p")
"""Source and destination port: nearly one to one with the class."""

NORMAL = ("MQTT_Publish", "Thing_Speak", "Wipro_bulb", "Amazon-Alexa")
"""Classes that are the testbed's ordinary devices; every other class is an attack."""

PROTOCOLS = {"icmp": 1.0, "tcp": 6.0, "udp": 17.0}
"""IANA protocol numbers."""

SERVICES = ("-", "dhcp", "dns", "http", "irc", "mqtt", "ntp", "radius", "ssh", "ssl")
"""Services the flow meter names, in the order of their codes; a code is a name, not an amount."""

TEXTS = {"proto": PROTOCOLS, "service": {name: float(code) for code, name in enumerate(SERVICES)}}


def recognises(shape: Shape) -> bool:
    """True for a parquet file with the target column and the flow's duration."""
    return shape.suffix == ".parquet" and {TARGET, "flow_duration", "proto"} <= set(shape.columns)


def read(path: Path) -> Iterator[Series]:
    """Yield the file's one series; device `rt-iot2022-<file name>`.

    Raises:
        InputError: malformed, or an unknown protocol or service; names file and row.
        DependencyError: the parquet extra is not installed.
    """
    names = [name for name in column_names(path) if name not in (*LEAKS, TARGET)]
    numbers = read_numbers(path, [name for name in names if name not in TEXTS])
    columns = [_codes(path, name) if name in TEXTS else numbers[name] for name in names]
    classes, codes = np.unique(read_text(path, TARGET), return_inverse=True)
    yield Series(
        dataset="rt-iot2022",
        device=DeviceId(f"rt-iot2022-{path.stem}"),
        profile=ProfileName("rt-iot2022-flows"),
        interval_seconds=1.0,
        event_time_ms=times.evenly(len(codes), 1.0),
        metrics=tuple(MetricName(name.replace(".", "_").lower()) for name in names),
        values=np.column_stack(columns),
        labels=~np.isin(classes, NORMAL)[codes],
        classes=codes.astype(np.int16),
        class_names=tuple(str(name) for name in classes),
    )


def _codes(path: Path, name: str) -> NDArray[np.float64]:
    texts, rows, positions = np.unique(read_text(path, name), return_index=True, return_inverse=True)
    for text, row in zip(texts, rows, strict=True):
        if text not in TEXTS[name]:
            raise InputError(f"{path}: row {row + 1}: {name} is {str(text)!r}, expected one of {', '.join(TEXTS[name])}")
    return np.array([TEXTS[name][str(text)] for text in texts])[positions]


READER = Reader("rt-iot2022", recognises, read)
