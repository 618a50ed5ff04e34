"""Assignments are found by the gateway that is to have the device next, too."""

import sqlalchemy as sa
from alembic import op

revision = "0004_handover"
down_revision = "0003_scores"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column: what was written before names nobody there."""
    op.add_column("assignments", sa.Column("coming", sa.Text()))
    op.create_index("ix_assignments_coming_site_device", "assignments", ["coming", "site", "device"])
