"""What a running service uses and how it stands, looked at from outside: /proc and its metrics."""

import re
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

import httpx
import numpy as np

MEBIBYTE: Final = 1024 * 1024
_TICKS: Final = 100
"""Of the kernel's clock, a second."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One look. `seconds` since the first; `planner_mb` and `cpu_seconds` with the children that live just now."""

    seconds: float
    rss_mb: float
    planner_mb: float
    open_files: int
    threads: int
    cpu_seconds: float
    readings: float
    lag_records: float
    drain_seconds: float
    event_time_lag_seconds: float
    commit_age_seconds: float
    ready: bool


def look(pid: int, client: httpx.Client, seconds: float) -> Sample:
    """One sample of the service `pid` behind `client`."""
    shown = metrics(client)
    pids = [pid, *children(pid)]
    return Sample(
        seconds=seconds,
        rss_mb=_rss_mb(pid),
        planner_mb=sum(map(_rss_mb, pids[1:])),
        open_files=len(list(Path(f"/proc/{pid}/fd").iterdir())),
        threads=len(list(Path(f"/proc/{pid}/task").iterdir())),
        cpu_seconds=sum(map(_cpu_seconds, pids)),
        readings=total(shown, "tidegate_readings_total"),
        lag_records=total(shown, "tidegate_lag_records"),
        drain_seconds=max((v for name, v in shown.items() if name.startswith("tidegate_drain_seconds")), default=np.nan),
        event_time_lag_seconds=total(shown, "tidegate_event_time_lag_seconds"),
        commit_age_seconds=total(shown, "tidegate_commit_age_seconds"),
        ready=client.get("/readyz").status_code == httpx.codes.OK,
    )


def metrics(client: httpx.Client) -> dict[str, float]:
    """Every sample of `/metrics` by name and labels."""
    text = client.get("/metrics").text
    return {name: float(value) for name, value in re.findall(r"^(\S+) (\S+)$", text, flags=re.M) if not name.startswith("#")}


def total(shown: dict[str, float], name: str) -> float:
    """The sum of a metric over its labels."""
    return sum(value for each, value in shown.items() if each.partition("{")[0] == name)


def children(pid: int) -> list[int]:
    """The process's children."""
    found = []
    for task in Path(f"/proc/{pid}/task").iterdir():
        found += [int(each) for each in (task / "children").read_text().split()]
    return found


def summary(samples: list[Sample], warm_up_seconds: float) -> dict[str, float]:
    """What grew and what was worst after the warm-up: medians of the first and the last tenth, and a fitted slope."""
    after = [each for each in samples if each.seconds >= warm_up_seconds]
    tenth = max(1, len(after) // 10)
    at = np.array([each.seconds for each in after])

    def growth(name: str) -> float:
        values = np.array([getattr(each, name) for each in after], float)
        return float(np.median(values[-tenth:]) - np.median(values[:tenth]))

    def worst(name: str) -> float:
        return float(max(getattr(each, name) for each in after))

    slope = np.polyfit(at, [each.rss_mb for each in after], 1)[0] if len(after) > 1 else np.nan
    span = max(at[-1] - at[0], 1e-9)
    return {
        "rss_growth_mb": growth("rss_mb"),
        "rss_slope_mb_per_hour": float(slope * 3600),
        "rss_mb": float(np.median([each.rss_mb for each in after])),
        "max_rss_mb": worst("rss_mb"),
        "planner_growth_mb": growth("planner_mb"),
        "fd_growth": growth("open_files"),
        "thread_growth": growth("threads"),
        "max_lag": worst("lag_records"),
        "max_event_time_lag_seconds": worst("event_time_lag_seconds"),
        "max_commit_age_seconds": worst("commit_age_seconds"),
        "not_ready_samples": float(sum(not each.ready for each in after)),
        "readings_per_second": (after[-1].readings - after[0].readings) / span,
        "cores_used": (after[-1].cpu_seconds - after[0].cpu_seconds) / span,
    }


def thinned(samples: list[Sample], most: int = 180) -> dict[str, list[float]]:
    """At most `most` samples as columns, evenly spread."""
    kept = samples[:: max(1, -(-len(samples) // most))]
    return {name: [round(float(asdict(each)[name]), 3) for each in kept] for name in Sample.__slots__}


def _rss_mb(pid: int) -> float:
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    except FileNotFoundError:
        return 0.0
    return pages * 4096 / MEBIBYTE


def _cpu_seconds(pid: int) -> float:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()
    except FileNotFoundError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / _TICKS
