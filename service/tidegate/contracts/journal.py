"""The journal: one record per committed batch, enough to run the same step again from the same inputs.

State is a function of the log: which offsets of which inputs were taken, at which tick, under which configuration.
"""

from dataclasses import dataclass, field

from tidegate.contracts.configuration import CoreConfiguration
from tidegate.contracts.version import SCHEMA_VERSION


@dataclass(frozen=True, slots=True)
class OffsetRange:
    """`start` inclusive to `end` exclusive, in one partition of one input topic."""

    topic: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Part:
    """Of the batch of readings at `offset` of the telemetry topic only those from `start` to `stop` (exclusive).

    `stop` null is its end; before it, the input position stays at `offset`.
    """

    offset: int
    start: int
    stop: int | None = None


@dataclass(frozen=True, slots=True)
class Excluded:
    """One input: a whole record, or the reading at `index` of its batch. `why` it was set aside as poison, once it is."""

    topic: str
    offset: int
    index: int | None = None
    why: str = ""


@dataclass(frozen=True, slots=True)
class Trial:
    """What the next batch is going to take. Where the journal ends with this, taking it ended the worker.

    `alone` is set when it is one command or one reading. `failures` counts how often that one ended the worker before,
    alone, and `why` is what was said then.
    """

    inputs: list[OffsetRange]
    part: Part | None = None
    alone: Excluded | None = None
    failures: int = 0
    why: str = ""


@dataclass(frozen=True, slots=True)
class JournalRecord:
    """One committed batch of one partition.

    `sequence` rises by one. `tick_ms` is the only time the core saw (Unix, milliseconds). `configuration` is carried by
    the first record written under it and absent while it stays the same; `configuration_digest` is on each. `bundles`
    maps a bundle's name/version to its digest. `code_version` is the release that made the step. `part` and `excluded` narrow
    what was taken of `inputs`; `trial` announces the next batch, and only a batch without inputs carries one.
    """

    partition: int
    sequence: int
    tick_ms: int
    inputs: list[OffsetRange]
    configuration_digest: str
    bundles: dict[str, str]
    code_version: str
    configuration: CoreConfiguration | None = None
    part: Part | None = None
    excluded: list[Excluded] = field(default_factory=list)
    trial: Trial | None = None
    schema_version: int = SCHEMA_VERSION
