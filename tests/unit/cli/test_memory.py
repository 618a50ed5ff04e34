"""Freed large blocks leave the process, also when something small was allocated after them."""

import subprocess
import sys
from platform import libc_ver

import pytest

STORY = """
import sys
from pathlib import Path
from tidegate.cli.memory import give_large_blocks_back

def resident():
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096 // 2**20

if sys.argv[1] == "apart":
    assert give_large_blocks_back()
for index in range(2):
    b"x" * (24 * 2**20 + index)
before, blocks, pins = resident(), [], []
for index in range(6):
    blocks.append(b"x" * (20 * 2**20 + index))
    pins.append(b"x" * (100_000 + index))
del blocks
print(resident() - before)
"""


def kept_mib(how: str) -> int:
    return int(subprocess.run([sys.executable, "-c", STORY, how], capture_output=True, text=True, check=True).stdout)


@pytest.mark.skipif(libc_ver()[0] != "glibc", reason="only glibc keeps them")
def test_large_blocks_are_given_back_which_they_are_not_by_themselves() -> None:
    assert kept_mib("apart") < 10
    assert kept_mib("as it is") > 50
