"""Sampled scores, annotations and maintenance windows."""

import sqlalchemy as sa
from alembic import op

revision = "0003_scores"
down_revision = "0002_access"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables of scores and notes."""
    op.create_table(
        "scores",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("site", sa.Text(), nullable=False),
        sa.Column("device", sa.Text(), nullable=False),
        sa.Column("event_time_ms", sa.BigInteger(), nullable=False),
        sa.Column("recorded_at_ms", sa.BigInteger(), nullable=False),
        sa.Column("written_at_ms", sa.BigInteger(), nullable=False),
        sa.Column("document", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_scores"),
    )
    op.create_index("ix_scores_site_device_event_time_ms_id", "scores", ["site", "device", "event_time_ms", "id"])
    op.create_index("ix_scores_written_at_ms", "scores", ["written_at_ms"])
    op.create_table(
        "notes",
        sa.Column("command", sa.Text(), nullable=False),
        sa.Column("site", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("label", sa.Text()),
        sa.Column("issued_by", sa.Text(), nullable=False),
        sa.Column("place", sa.BigInteger(), nullable=False),
        sa.Column("sent_at_ms", sa.BigInteger(), nullable=False),
        sa.Column("document", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("command", name="pk_notes"),
    )
    op.create_index("ix_notes_subject_kind", "notes", ["subject", "kind"])
    op.create_index("ix_notes_site_kind", "notes", ["site", "kind"])
