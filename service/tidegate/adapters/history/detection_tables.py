"""Tables of what detection says beyond its facts, sampled scores, and of what people say: annotations and maintenance."""

from typing import Final

from sqlalchemy import BigInteger, Column, Index, LargeBinary, Table, Text

from tidegate.adapters.history.metadata import METADATA

SCORES: Final = Table(
    "scores",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("site", Text, nullable=False),
    Column("device", Text, nullable=False),
    Column("event_time_ms", BigInteger, nullable=False),
    Column("recorded_at_ms", BigInteger, nullable=False),
    Column("written_at_ms", BigInteger, nullable=False),
    Column("document", LargeBinary, nullable=False),
)
"""One sample each (`ScoreSample`, packed). `id` is a hash of whose it is and when, so that one that is read twice counts once."""
Index(None, SCORES.c.site, SCORES.c.device, SCORES.c.event_time_ms, SCORES.c.id)
Index(None, SCORES.c.written_at_ms)

NOTES: Final = Table(
    "notes",
    METADATA,
    Column("command", Text, primary_key=True),
    Column("site", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("label", Text),
    Column("issued_by", Text, nullable=False),
    Column("place", BigInteger, nullable=False),
    Column("sent_at_ms", BigInteger, nullable=False),
    Column("document", LargeBinary, nullable=False),
)
"""Commands that annotate or declare maintenance (`Command`); they count when their command was accepted. `subject` is the
anomaly, incident or window they are about, `place` their offset: the order among those of a site."""
Index(None, NOTES.c.subject, NOTES.c.kind)
Index(None, NOTES.c.site, NOTES.c.kind)
