"""Runs migrations over the connection that `migrate` hands over, in its transaction."""

from alembic import context

from tidegate.adapters.history.metadata import METADATA

context.configure(connection=context.config.attributes["connection"], target_metadata=METADATA, transactional_ddl=True)
context.run_migrations()
