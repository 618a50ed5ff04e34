"""JSON Schema (2020-12) of every message, made from the dataclasses: what to hand to somebody who writes a producer.

The files in `docs/schemas/` are this module's output. A schema does not say everything that is checked: rules between
fields, and rules that need the state, are in the messages' own docstrings, which the schemas carry as descriptions.
"""

import inspect
import json
from typing import Any, Final

import msgspec

from tidegate.contracts.ack import Ack
from tidegate.contracts.anomaly import Anomaly, Incident
from tidegate.contracts.command import Command
from tidegate.contracts.deadletter import DeadLetter
from tidegate.contracts.field_docs import field_docs
from tidegate.contracts.forecast import Forecast
from tidegate.contracts.journal import JournalRecord
from tidegate.contracts.letters import LetterReplayed
from tidegate.contracts.manifest import BundleManifest
from tidegate.contracts.outcome import CommandOutcome
from tidegate.contracts.packed import PackedBatch
from tidegate.contracts.plan import Assignment, Decision, Plan
from tidegate.contracts.profile import AlarmPolicy, DemandMapping, DemandTerm, Metric, Profile
from tidegate.contracts.reading import MAX_BATCH_READINGS, Reading, ReadingBatch
from tidegate.contracts.scores import ScoreBatch
from tidegate.contracts.snapshot import SnapshotChunk
from tidegate.contracts.topology import Topology
from tidegate.contracts.version import SCHEMA_VERSION

MESSAGES: Final[dict[str, type]] = {
    "reading": Reading,
    "reading-batch": ReadingBatch,
    "packed-batch": PackedBatch,
    "command": Command,
    "ack": Ack,
    "anomaly": Anomaly,
    "incident": Incident,
    "forecast": Forecast,
    "score-batch": ScoreBatch,
    "decision": Decision,
    "assignment": Assignment,
    "command-outcome": CommandOutcome,
    "dead-letter": DeadLetter,
    "letter-replayed": LetterReplayed,
    "journal-record": JournalRecord,
    "snapshot-chunk": SnapshotChunk,
    "topology": Topology,
    "plan": Plan,
    "profile": Profile,
    "bundle-manifest": BundleManifest,
}
"""Every message that has a schema of its own, by the name of its file."""

_DOCUMENTED: Final = {kind.__name__: kind for kind in (Profile, Metric, AlarmPolicy, DemandMapping, DemandTerm)}
"""Parts whose fields are described one by one."""

_DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"


def schema(name: str) -> dict[str, Any]:
    """The JSON Schema of the message `name` (a key of `MESSAGES`), with the messages it is made of under `$defs`."""
    made = msgspec.json.schema(MESSAGES[name])
    for part in made["$defs"].values():
        finish(part)
    return {"$schema": _DIALECT, "$id": f"tidegate:{name}:v{SCHEMA_VERSION}", **made}


def schema_files() -> dict[str, str]:
    """The text of each schema file by its name; equal contracts give equal bytes."""
    return {f"{name}.schema.json": json.dumps(schema(name), indent=2, ensure_ascii=False) + "\n" for name in MESSAGES}


def finish(part: dict[str, Any]) -> None:
    """Say what the type alone does not: the one known schema version, and the bound of a batch."""
    if "description" in part:
        part["description"] = inspect.cleandoc(part["description"])
    properties = part.get("properties", {})
    if "schema_version" in properties:
        properties["schema_version"]["const"] = SCHEMA_VERSION
    if part.get("title") in _DOCUMENTED:
        for name, text in field_docs(_DOCUMENTED[part["title"]]).items():
            properties[name].setdefault("description", text)
    if part.get("title") == ReadingBatch.__name__:
        properties["readings"] |= {"minItems": 1, "maxItems": MAX_BATCH_READINGS}
