"""Small recordings in the data sets' own formats, made from a fixed random state."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq


def machine_file(path: Path, metrics: int, rows: int = 400, random_state: int = 0) -> Path:
    """An SMD (38 metrics) or ASD (19) file: a cycle of 120 rows, noise, a labelled excursion amid the test part."""
    random = np.random.default_rng(random_state)
    cycle = np.sin(2 * np.pi * np.arange(2 * rows) / 120)[:, None] * random.uniform(0.1, 0.3, metrics)
    values = 0.5 + cycle + random.normal(0, 0.02, size=(2 * rows, metrics))
    labels = np.zeros(rows, dtype=np.uint8)
    labels[rows // 2 : rows // 2 + 20] = 1
    values[rows:][labels == 1] += 2.0
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez(path, train=values[:rows].astype(np.float32), test=values[rows:].astype(np.float32), test_label=labels)
    return path


def bitbrains_file(path: Path, machines: int = 6, rows: int = 60, random_state: int = 0) -> Path:
    """VMs of unequal size whose CPU use comes and goes."""
    random = np.random.default_rng(random_state)
    steps = np.tile(np.arange(rows), machines)
    size = np.repeat(random.uniform(200, 3000, machines), rows)
    load = 0.5 + 0.5 * np.sin(2 * np.pi * (steps / 48 + np.repeat(random.random(machines), rows)))
    table = {
        "vm": np.repeat(np.arange(machines), rows),
        "Timestamp [ms]": 1_372_629_600 + 300 * steps,
        "CPU usage [MHZ]": size * load,
        "Memory usage [KB]": size * 500,
        "Disk read throughput [KB/s]": np.zeros(len(steps)),
        "Disk write throughput [KB/s]": np.zeros(len(steps)),
        "Network received throughput [KB/s]": 10 * load,
        "Network transmitted throughput [KB/s]": 5 * load,
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table(table), path)
    return path


def map_files(folder: Path, servers: int = 4, users: int = 12) -> None:
    """EUA's two files: servers on a line through Melbourne, users beside the first of them."""
    folder.mkdir(parents=True, exist_ok=True)
    lines = [f"{10 + n},{-37.81 - 0.002 * n},144.96,site {n}" for n in range(servers)]
    (folder / "servers.csv").write_text("SITE_ID,LATITUDE,LONGITUDE,NAME\n" + "\n".join(lines) + "\n")
    places = [f"{-37.81 - 0.0001 * n},144.961" for n in range(users)]
    (folder / "users.csv").write_text("Latitude,Longitude\n" + "\n".join(places) + "\n")
