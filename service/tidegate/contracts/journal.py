"""The journal: one record per committed batch, enough to run the same step again from the same inputs.

State is a function of the log: which offsets of which inputs were taken, at which tick, under which configuration.
"""

from dataclasses import dataclass

from tidegate.contracts.configuration import CoreConfiguration
from tidegate.contracts.version import SCHEMA_VERSION


@dataclass(frozen=True, slots=True)
class OffsetRange:
    """`start` inclusive to `end` exclusive, in one partition of one input topic."""

    topic: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class JournalRecord:
    """One committed batch of one partition.

    `sequence` rises by one. `tick_ms` is the only time the core saw (Unix, milliseconds). `configuration` is carried by
    the first record written under it and absent while it stays the same; `configuration_digest` is on each. `bundles`
    maps a bundle's name/version to its digest. `code_version` is the release that made the step.
    """

    partition: int
    sequence: int
    tick_ms: int
    inputs: list[OffsetRange]
    configuration_digest: str
    bundles: dict[str, str]
    code_version: str
    configuration: CoreConfiguration | None = None
    schema_version: int = SCHEMA_VERSION
