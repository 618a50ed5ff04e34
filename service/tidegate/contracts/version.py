"""The schema version every message carries. A version this release does not know is refused, never guessed."""

from typing import Final

SCHEMA_VERSION: Final = 1
"""Of every message on every topic. Raised only for a change that an older reader would misunderstand."""
