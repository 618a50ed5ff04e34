"""The one interface of every format: does this file look like mine, and what series are in it."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from tidegate.fleet.readers.shape import Shape
from tidegate.fleet.series import Series


@dataclass(frozen=True)
class Reader:
    """A format. `recognises` judges by the head of a file alone; `read` yields its series one by one and raises InputError
    naming file and row."""

    name: str
    recognises: Callable[[Shape], bool]
    read: Callable[[Path], Iterator[Series]]
