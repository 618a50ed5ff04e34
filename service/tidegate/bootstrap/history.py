"""The database of history."""

from contextlib import AsyncExitStack

from tidegate.adapters.history import Database, open_database
from tidegate.bootstrap.secrets import secret
from tidegate.settings import Settings


async def open_history(settings: Settings, stack: AsyncExitStack) -> Database:
    """The database of history, which connects when it is asked; `stack` closes it.

    Raises:
        ConfigurationError: its URL cannot be used, or its password cannot be read.
    """
    chosen = settings.history
    password = secret("history.password", chosen.password, chosen.password_file)
    database = open_database(chosen.url or f"sqlite:///{settings.log.path.with_name('history.db')}", password)
    stack.push_async_callback(database.close)
    return database
