"""Memory of the process: large blocks are given back when they are freed. Knows glibc; does nothing elsewhere.

glibc keeps what it thinks will be wanted again: freeing a block of up to 32 MiB teaches it to take the next ones of that size
from the heap, where they cannot be given back from under whatever small is allocated above them. A snapshot allocates tens of
megabytes and frees them at once; after a few of them a fleet of 24,000 devices kept 518 MB that way, and 316 MB without it.
"""

import ctypes
from typing import Final

_M_MMAP_THRESHOLD: Final = -3
"""`mallopt`'s name for it, from malloc.h; setting it also stops it from moving."""

LARGE_BYTES: Final = 1024 * 1024
"""Blocks from here on are mapped apart. Below it are a step's own arrays, which do come again; mapping these would cost."""


def give_large_blocks_back() -> bool:
    """Let freed blocks of `LARGE_BYTES` and more go back to the system at once; False where the C library is not glibc."""
    try:
        mallopt = ctypes.CDLL("libc.so.6").mallopt
    except (OSError, AttributeError):
        return False
    return bool(mallopt(_M_MMAP_THRESHOLD, LARGE_BYTES))
