"""Bitbrains fastStorage/Rnd traces: parquet, one month of business VMs at 5 minutes, column `vm` naming the device.

The column named `Timestamp [ms]` holds seconds. What the VM used becomes metrics; what it was promised (cores, provisioned MHz
and KB) is configuration, not telemetry, and CPU in percent repeats CPU in MHz. VMs are not IoT devices: replay of this set is
trace-driven. Gaps (one of about 30 hours) stay gaps. Source: Shen, van Beek and Iosup, CCGrid 2015.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from tidegate.contracts.ids import DeviceId, MetricName, ProfileName
from tidegate.fleet.readers import times
from tidegate.fleet.readers.parquet import read_numbers
from tidegate.fleet.readers.reader import Reader
from tidegate.fleet.readers.shape import Shape
from tidegate.fleet.series import Series

TIME, VM = "Timestamp [ms]", "vm"
METRICS = {
    "CPU usage [MHZ]": "cpu_usage_mhz",
    "Memory usage [KB]": "memory_usage_kib",
    "Disk read throughput [KB/s]": "disk_read_kib_per_second",
    "Disk write throughput [KB/s]": "disk_write_kib_per_second",
    "Network received throughput [KB/s]": "network_received_kib_per_second",
    "Network transmitted throughput [KB/s]": "network_transmitted_kib_per_second",
}
"""Metric name by column."""

INTERVAL_SECONDS = 300.0
"""Seconds between two samples of a VM."""


def recognises(shape: Shape) -> bool:
    """True for a parquet file with a VM, a time and the usage columns."""
    return shape.suffix == ".parquet" and {VM, TIME, *METRICS} <= set(shape.columns)


def read(path: Path) -> Iterator[Series]:
    """Yield one series per VM, by rising VM number; device `bitbrains-vm-<number>`.

    Raises:
        InputError: malformed; names file and row.
        DependencyError: the parquet extra is not installed.
    """
    columns = read_numbers(path, [VM, TIME, *METRICS])
    event_time_ms = times.from_seconds(columns[TIME], path, first_row=1)
    by_vm = np.argsort(columns[VM], kind="stable")
    machines, starts = np.unique(columns[VM][by_vm], return_index=True)
    for machine, rows in zip(machines, np.split(by_vm, starts[1:]), strict=True):
        order, machine_time_ms = times.order(event_time_ms[rows])
        yield Series(
            dataset="bitbrains",
            device=DeviceId(f"bitbrains-vm-{int(machine):04d}"),
            profile=ProfileName("bitbrains-vm"),
            interval_seconds=INTERVAL_SECONDS,
            event_time_ms=machine_time_ms,
            metrics=tuple(MetricName(name) for name in METRICS.values()),
            values=np.column_stack([columns[name][rows][order] for name in METRICS]),
        )


READER = Reader("bitbrains", recognises, read)
