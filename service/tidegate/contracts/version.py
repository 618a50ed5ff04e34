"""The schema version every message carries, and the layout version of snapshots. An unknown version is refused, never guessed."""

from typing import Final

SCHEMA_VERSION: Final = 1
"""Of every message on every topic. Raised only for a change that an older reader would misunderstand."""

STATE_VERSION: Final = 6
"""Of the layout of the state in a snapshot. One of another version is not read; the state is rebuilt from the log."""
