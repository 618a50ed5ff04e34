"""Jobs for work that is spread over processes: by name, as a process started afresh finds them."""

import os
import time
from pathlib import Path

from tidegate_training.evaluate.spread import advance


def squared(number: int) -> int:
    """The first takes longest, so that it finishes last; says twice how far it is."""
    time.sleep(0.3 if number == 1 else 0.0)
    advance(number)
    advance(number)
    return number * number


def refused(number: int) -> int:
    """Fails for one number."""
    if number == 2:
        raise ValueError("two is refused")
    return number


def never_done(folder: str) -> None:
    """Says who does it, and goes on for ever."""
    Path(folder, str(os.getpid())).touch()
    while True:
        time.sleep(0.05)
