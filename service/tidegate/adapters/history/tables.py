"""Tables of facts: one row for the latest of each, as it was on its topic (`document`, JSON), with the columns that are asked by.

Text columns hold no NUL, which PostgreSQL cannot store; a document is bytes and holds whatever it held.
"""

from typing import Final

from sqlalchemy import BigInteger, Boolean, Column, Index, Integer, LargeBinary, Table, Text

from tidegate.adapters.history.detection_tables import NOTES, SCORES
from tidegate.adapters.history.metadata import METADATA

ORDERED: Final = Text().with_variant(Text(collation="C"), "postgresql")
"""Text that lists are in the order of: by code point everywhere, whatever language a server was set up for."""

OFFSETS: Final = Table(
    "offsets",
    METADATA,
    Column("topic", Text, primary_key=True),
    Column("partition", Integer, primary_key=True),
    Column("next_offset", BigInteger, nullable=False),
    Column("time_ms", BigInteger, nullable=False),
)
"""How far each partition of a topic was read, and the log time of the last record: written with what was read."""

ANOMALIES: Final = Table(
    "anomalies",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("version", Integer, nullable=False),
    Column("site", Text, nullable=False),
    Column("device", Text, nullable=False),
    Column("gateway", Text),
    Column("profile", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("severity", Text, nullable=False),
    Column("fault_kind", Text, nullable=False),
    Column("is_open", Boolean, nullable=False),
    Column("opened_at_ms", BigInteger, nullable=False),
    Column("ended_at_ms", BigInteger),
    Column("document", LargeBinary, nullable=False),
)
"""`ended_at_ms` here and below: when the log took in the fact that ended it (not event time: a replay of an old year is no
reason to forget); null while it goes on."""
Index(None, ANOMALIES.c.ended_at_ms)
Index(None, ANOMALIES.c.opened_at_ms, ANOMALIES.c.id)
Index(None, ANOMALIES.c.site, ANOMALIES.c.device, ANOMALIES.c.opened_at_ms)
Index(None, ANOMALIES.c.is_open, ANOMALIES.c.opened_at_ms)

INCIDENTS: Final = Table(
    "incidents",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("version", Integer, nullable=False),
    Column("site", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("opened_at_ms", BigInteger, nullable=False),
    Column("ended_at_ms", BigInteger),
    Column("document", LargeBinary, nullable=False),
)
Index(None, INCIDENTS.c.ended_at_ms)
Index(None, INCIDENTS.c.opened_at_ms, INCIDENTS.c.id)

DECISIONS: Final = Table(
    "decisions",
    METADATA,
    Column("plan_id", Text, primary_key=True),
    Column("version", Integer, nullable=False),
    Column("site", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("proposed_at_ms", BigInteger, nullable=False),
    Column("ended_at_ms", BigInteger),
    Column("document", LargeBinary, nullable=False),
)
"""Each plan as its latest fact left it (`DecisionView`)."""
Index(None, DECISIONS.c.ended_at_ms)
Index(None, DECISIONS.c.proposed_at_ms, DECISIONS.c.plan_id)

DECISION_FACTS: Final = Table(
    "decision_facts",
    METADATA,
    Column("plan_id", Text, primary_key=True),
    Column("version", Integer, primary_key=True),
    Column("document", LargeBinary, nullable=False),
)
"""Every fact in the life of a plan (`Decision`); the first carries the plan."""

ASSIGNMENTS: Final = Table(
    "assignments",
    METADATA,
    Column("key", Text, primary_key=True),
    Column("site", ORDERED, nullable=False),
    Column("device", ORDERED, nullable=False),
    Column("gateway", Text),
    Column("document", LargeBinary, nullable=False),
    Column("coming", Text),
)
"""`coming` is the gateway that is to have the device next."""
Index(None, ASSIGNMENTS.c.site, ASSIGNMENTS.c.device)
Index(None, ASSIGNMENTS.c.gateway, ASSIGNMENTS.c.site, ASSIGNMENTS.c.device)
Index(None, ASSIGNMENTS.c.coming, ASSIGNMENTS.c.site, ASSIGNMENTS.c.device)

FORECASTS: Final = Table(
    "forecasts",
    METADATA,
    Column("key", Text, primary_key=True),
    Column("document", LargeBinary, nullable=False),
)

DEAD_LETTERS: Final = Table(
    "dead_letters",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("log_partition", Integer, nullable=False),
    Column("log_offset", BigInteger, nullable=False),
    Column("reason", Text, nullable=False),
    Column("site", Text),
    Column("device", Text),
    Column("topic", Text, nullable=False),
    Column("partition", Integer, nullable=False),
    Column("received_at_ms", BigInteger, nullable=False),
    Column("written_at_ms", BigInteger, nullable=False),
    Column("document", LargeBinary, nullable=False),
)
"""Letters with the head of their original, which stands at `log_partition` and `log_offset` of the dead-letter topic;
`topic` and `partition` are where the original came from."""
Index(None, DEAD_LETTERS.c.written_at_ms)
Index(None, DEAD_LETTERS.c.received_at_ms, DEAD_LETTERS.c.id)

REPLAYS: Final = Table(
    "replays",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("letter", Text, nullable=False),
    Column("replayed_at_ms", BigInteger, nullable=False),
)
"""Notes that a letter was sent again. `id` is the note's own place, so that a note that is read twice counts once."""
Index(None, REPLAYS.c.letter)

COMMANDS: Final = Table(
    "commands",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("site", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("sent_at_ms", BigInteger, nullable=False),
    Column("decided_at_ms", BigInteger),
    Column("digest", Text, nullable=False, server_default=""),
    Column("document", LargeBinary, nullable=False),
)
"""Commands and what became of them (`CommandView`). `digest` is of what was asked: the first command of an id says it."""
Index(None, COMMANDS.c.sent_at_ms, COMMANDS.c.id)

TOPOLOGIES: Final = Table(
    "topologies",
    METADATA,
    Column("command", Text, primary_key=True),
    Column("site", Text, nullable=False),
    Column("revision", BigInteger, nullable=False),
    Column("issued_by", Text, nullable=False),
    Column("sent_at_ms", BigInteger, nullable=False),
    Column("document", LargeBinary, nullable=False),
)
"""Every topology that was sent; it came into force when its command was accepted, if it was."""
Index(None, TOPOLOGIES.c.site, TOPOLOGIES.c.revision)

FACTS: Final = (
    ANOMALIES,
    INCIDENTS,
    DECISIONS,
    DECISION_FACTS,
    ASSIGNMENTS,
    FORECASTS,
    DEAD_LETTERS,
    REPLAYS,
    COMMANDS,
    TOPOLOGIES,
    SCORES,
    NOTES,
)
"""What is made from the topics, and can be made again."""
