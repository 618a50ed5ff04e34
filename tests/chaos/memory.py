"""Resident memory of the workers over the run, read from the system."""

import asyncio
from collections import defaultdict
from pathlib import Path
from typing import Final

from chaos.crew import Crew

SAMPLE_SECONDS: Final = 1.0

LONG_SAMPLES: Final = 60
"""Samples of a life before its growth is looked at: on a busy machine imports, model and restore alone take half a minute."""


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
        """The most that any long life grew by in its second half; 0 when none was long."""
        lives = [samples for samples in self.samples.values() if len(samples) >= LONG_SAMPLES]
        return max((samples[-1] - samples[len(samples) // 2] for samples in lives), default=0.0)

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
