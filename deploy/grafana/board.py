"""What our dashboards are made of, in a few words of our own; `build.py` turns them into Grafana's."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Query:
    """A PromQL expression and what its series are called (`{{label}}` is replaced)."""

    expression: str
    legend: str = ""


@dataclass(frozen=True, slots=True)
class Panel:
    """Queries over time. `unit` is one of Grafana's; `text` says what to do about what one sees.

    `limits` are values at which the colour turns to yellow, then red. `stacked` series add up to a whole.
    `least` is where the axis starts; None leaves that to the values.
    """

    title: str
    text: str
    queries: Sequence[Query]
    unit: str = "short"
    limits: tuple[float, ...] = ()
    stacked: bool = False
    least: float | None = 0
    width: int = 8
    height: int = 8


@dataclass(frozen=True, slots=True)
class Number:
    """One query's latest value, large, over its recent course."""

    title: str
    text: str
    expression: str
    unit: str = "short"
    limits: tuple[float, ...] = ()
    width: int = 4
    height: int = 4


@dataclass(frozen=True, slots=True)
class Bars:
    """The latest value of each series, as bars: a distribution."""

    title: str
    text: str
    query: Query
    unit: str = "short"
    width: int = 8
    height: int = 8


Item = Panel | Number | Bars


@dataclass(frozen=True, slots=True)
class Row:
    """Items under one heading."""

    title: str
    items: Sequence[Item]


@dataclass(frozen=True, slots=True)
class Board:
    """One dashboard; `uid` is its address and never changes."""

    uid: str
    title: str
    text: str
    rows: Sequence[Row]
