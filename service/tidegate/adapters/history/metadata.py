"""The one catalogue of tables; each module of tables adds its own. `TABLES` brings them all together for the migrations."""

from typing import Final

from sqlalchemy import MetaData

METADATA: Final = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    }
)
"""Names of indices follow from what they are of, so that a migration can name them on every database."""
