"""Resident memory of the workers over the run, read from the system."""

import asyncio
from collections import defaultdict
from pathlib import Path
from typing import Final

from chaos.crew import Crew

SAMPLE_SECONDS: Final = 1.0

SETTLED_SAMPLES: Final = 30
"""Samples of a life before it counts as settled: imports, the model, the restore and the first batches are behind it, also on
a busy machine."""


class MemoryWatch:
    """Samples every process of a crew; `samples` are megabytes by process id, in order."""

    def __init__(self, crew: Crew) -> None:
        self.samples: dict[int, list[float]] = defaultdict(list)
        self._crew = crew
        self._task = asyncio.create_task(self._run(), name="memory-watch")

    def close(self) -> None:
        """Stop sampling."""
        self._task.cancel()

    def peak_mb(self) -> float:
        """The largest sample of all."""
        return max((max(samples) for samples in self.samples.values()), default=0.0)

    def growth_mb(self) -> float:
        """The most that any life grew by since it had settled; 0 when none lived that long."""
        lives = [samples[SETTLED_SAMPLES:] for samples in self.samples.values() if len(samples) > SETTLED_SAMPLES + 1]
        return max((samples[-1] - samples[0] for samples in lives), default=0.0)

    async def _run(self) -> None:
        while True:
            for member in self._crew.present():
                if (pid := member.pid) is not None and (used := resident_mb(pid)) is not None:
                    self.samples[pid].append(used)
            await asyncio.sleep(SAMPLE_SECONDS)


def resident_mb(pid: int) -> float | None:
    """Megabytes of main memory that process `pid` holds; None when it is gone or the system does not say."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines()
    except OSError:
        return None
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith("VmRSS:")), None)
