"""The topics, by their plain names, and how each is cleaned up (design: topics).

Inside Tidegate a topic always goes by its plain name; only the Kafka adapter puts a prefix before it (`with_prefix`), so
that several installations can share a cluster.
"""

import re
from enum import StrEnum
from typing import Final

from tidegate.errors import ConfigurationError

TELEMETRY: Final = "tidegate.telemetry.v1"
"""Readings and batches of readings, keyed by site."""

COMMANDS: Final = "tidegate.commands.v1"
"""What operators, API clients and the planner ask of a site, keyed by site."""

ACKS: Final = "tidegate.acks.v1"
"""What gateways say about themselves and their devices, keyed by site."""

ANOMALIES: Final = "tidegate.anomalies.v1"
"""Facts about anomalies, keyed by site/device."""

INCIDENTS: Final = "tidegate.incidents.v1"
"""Facts about incidents, keyed by site/incident."""

FORECASTS: Final = "tidegate.forecasts.v1"
"""The latest demand and forecast, keyed by site/device."""

SCORES: Final = "tidegate.scores.v1"
"""How devices scored, sampled, in MessagePack, keyed by site."""

DECISIONS: Final = "tidegate.decisions.v1"
"""Facts in the life of plans, keyed by site/plan."""

ASSIGNMENTS: Final = "tidegate.assignments.v1"
"""Desired state, keyed by site/device."""

OUTCOMES: Final = "tidegate.outcomes.v1"
"""What became of each command, keyed by site."""

SNAPSHOTS: Final = "tidegate.snapshots.v1"
"""A partition's state in chunks, keyed by partition/chunk."""

JOURNAL: Final = "tidegate.journal.v1"
"""One record per committed batch, keyed by partition."""

DEADLETTER: Final = "tidegate.deadletter.v1"
"""Input we could not use, keyed as the input was."""


class Cleanup(StrEnum):
    """How old records go: by age or position (`delete`), or all but the last of each key (`compact`)."""

    DELETE = "delete"
    COMPACT = "compact"


CLEANUP: Final[dict[str, Cleanup]] = {
    TELEMETRY: Cleanup.DELETE,
    COMMANDS: Cleanup.DELETE,
    ACKS: Cleanup.DELETE,
    ANOMALIES: Cleanup.DELETE,
    INCIDENTS: Cleanup.DELETE,
    FORECASTS: Cleanup.COMPACT,
    SCORES: Cleanup.DELETE,
    DECISIONS: Cleanup.DELETE,
    ASSIGNMENTS: Cleanup.COMPACT,
    OUTCOMES: Cleanup.DELETE,
    SNAPSHOTS: Cleanup.COMPACT,
    JOURNAL: Cleanup.DELETE,
    DEADLETTER: Cleanup.DELETE,
}

INPUTS: Final = (TELEMETRY, COMMANDS, ACKS)
"""What a worker reads."""

COMPACTED: Final = frozenset(topic for topic, cleanup in CLEANUP.items() if cleanup is Cleanup.COMPACT)
"""Topics of which only the last record of each key is kept."""

_LEGAL = re.compile(r"[a-zA-Z0-9._-]*")


def with_prefix(prefix: str, topic: str) -> str:
    """`topic` as it is called on a shared cluster: `plant-a.` gives `plant-a.tidegate.telemetry.v1`; empty changes nothing.

    Raises:
        ConfigurationError: `prefix` has characters that Kafka does not allow in a topic, or the result is too long.
    """
    if _LEGAL.fullmatch(prefix) is None or len(prefix) + len(topic) > 249:
        raise ConfigurationError(
            f"topic prefix {prefix!r} is not usable, expected letters, digits, dot, dash and underscore",
            advice="a topic's whole name may have at most 249 characters",
        )
    return prefix + topic
