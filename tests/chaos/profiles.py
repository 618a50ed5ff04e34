"""The shipped profiles, every other one with a lateness horizon: what comes late counts for some devices and not for others."""

from pathlib import Path
from typing import Final

import yaml

from tidegate.adapters.profiles import SHIPPED

LATE_INTERVALS: Final = 60
"""The horizon: most reordered readings fall within it, and many late ones beyond."""


def write_profiles(path: Path) -> None:
    """Write them to `path`, in the order of their names."""
    documents = [document for file in SHIPPED.rglob("*.yaml") for document in yaml.safe_load_all(file.read_text())]
    documents.sort(key=lambda document: str(document["name"]))
    for document in documents[::2]:
        document["lateness_seconds"] = LATE_INTERVALS * document["interval_seconds"]
    path.write_text(yaml.safe_dump_all(documents, sort_keys=False))
