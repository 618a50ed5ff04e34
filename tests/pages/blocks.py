"""What of a page is to be typed: its shell blocks in order, and the files that it asks the reader to make.

A block that cannot run here says why in a comment before it, which no reader sees: `<!-- not run: it never ends -->`.
A file is announced by the sentence before its block, which ends with its name: "Put this into `profiles/boiler.yaml`:".
"""

import re
from dataclasses import dataclass
from pathlib import Path

_BLOCK = re.compile(r"(?P<before>[^\n]*)\n(?P<blank>\n?)```(?P<language>\w*)\n(?P<text>.*?)^```", re.MULTILINE | re.DOTALL)
_REASON = re.compile(r"<!-- not run: (?P<reason>.*?) -->")
_FILE = re.compile(r"`(?P<file>[\w./-]+\.\w+)`:$")

SHELL = ("bash", "sh", "shell", "console")


@dataclass(frozen=True, slots=True)
class Block:
    """One block. `file` is where its text belongs; `reason` why it is not run; neither: it is run."""

    line: int
    language: str
    text: str
    file: str | None
    reason: str | None

    @property
    def is_run(self) -> bool:
        return self.language in SHELL and self.reason is None


def blocks_of(page: Path) -> list[Block]:
    """Every block of `page` that is shell or a file to make."""
    text = page.read_text(encoding="utf-8")
    found = []
    for match in _BLOCK.finditer(text):
        file, reason = _FILE.search(match["before"]), _REASON.search(match["before"])
        if match["language"] in SHELL or file:
            line = text.count("\n", 0, match.start()) + 1
            found.append(Block(line, match["language"], match["text"], file and file["file"], reason and reason["reason"]))
    return found
