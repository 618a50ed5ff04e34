"""What went wrong, as a file that makes it happen again: the state before, and every batch since."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tidegate.contracts.codec import pack, unpack
from tidegate.ports import Record

MOST_FILES = 50
"""Findings kept; the same fault seldom comes alone."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Records of one step, and its tick."""

    records: list[Record]
    tick_ms: int


@dataclass(frozen=True, slots=True)
class Case:
    """A finding: its kind, what was said, the snapshot before, and the batches up to the one that showed it."""

    kind: str
    said: str
    snapshot: list[bytes]
    batches: list[Batch]


@dataclass(slots=True)
class Evidence:
    """Keeps the batches since the last checkpoint, and writes them down when something is found."""

    folder: Path
    checkpoint: list[bytes]
    batches: list[Batch] = field(default_factory=list)
    files: int = 0

    def start_over(self, checkpoint: list[bytes]) -> None:
        """Everything up to here is in `checkpoint`."""
        self.checkpoint, self.batches = checkpoint, []

    def note(self, records: Sequence[Record], tick_ms: int) -> None:
        """The next batch."""
        self.batches.append(Batch(list(records), tick_ms))

    def keep(self, kind: str, said: str) -> None:
        """Write a finding of the last batch; after a crash, the batches are forgotten as the state goes back too."""
        if self.files < MOST_FILES:
            self.files += 1
            self.folder.mkdir(parents=True, exist_ok=True)
            packed = pack(Case(kind, said, self.checkpoint, self.batches))
            path = self.folder / f"{kind}-{hashlib.sha256(packed).hexdigest()[:12]}.case"
            path.write_bytes(packed)
            (path.with_suffix(".txt")).write_text(f"{said}\n\npython -m fuzz --repeat {path}\n", encoding="utf-8")
        if kind == "crash":
            self.batches = []


def load(path: Path) -> Case:
    """The finding in `path`. Raises InputError when it is none."""
    return unpack(path.read_bytes(), Case)
