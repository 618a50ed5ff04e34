"""JSON Schemas: as fresh as the contracts, and true of the messages."""

import json
from pathlib import Path

import jsonschema
import pytest
from typer.testing import CliRunner

from tidegate.cli.schemas import app
from tidegate.contracts.codec import encode
from tidegate.contracts.reading import Reading, ReadingBatch
from tidegate.contracts.schemas import MESSAGES, schema, schema_files
from tidegate.contracts.version import SCHEMA_VERSION

DOCS = Path(__file__).parents[2] / "docs"
READING = Reading("site", "device", "profile", 1, {"temperature": 21.5, "humidity": None})


def test_the_files_in_docs_are_fresh() -> None:
    present = {path.name: path.read_text(encoding="utf-8") for path in (DOCS / "schemas").glob("*.json")}
    assert present == schema_files(), "run `tidegate schemas write docs/schemas`"


@pytest.mark.parametrize("name", MESSAGES)
def test_every_schema_is_one_and_pins_the_version_where_the_message_carries_it(name: str) -> None:
    made = schema(name)
    jsonschema.Draft202012Validator.check_schema(made)
    root = made["$defs"][MESSAGES[name].__name__]
    if "schema_version" in root["properties"]:
        assert root["properties"]["schema_version"]["const"] == SCHEMA_VERSION


def test_a_reading_and_a_batch_as_encoded_satisfy_their_schemas() -> None:
    jsonschema.validate(json.loads(encode(READING)), schema("reading"))
    jsonschema.validate(json.loads(encode(ReadingBatch("site", [READING]))), schema("reading-batch"))


@pytest.mark.parametrize(
    "change",
    [
        {"event_time_ms": "1"},
        {"event_time_ms": None},
        {"metrics": {"temperature": "hot"}},
        {"device": ""},
        {"device": "x" * 129},
        {"schema_version": 2},
    ],
)
def test_a_wrong_reading_breaks_its_schema(change: dict[str, object]) -> None:
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(json.loads(encode(READING)) | change, schema("reading"))


def test_an_empty_batch_breaks_its_schema() -> None:
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({"site": "site", "readings": []}, schema("reading-batch"))


def test_the_command_writes_what_its_check_accepts_and_removes_what_is_no_more(tmp_path: Path) -> None:
    (tmp_path / "gone.schema.json").write_text("{}")
    run = CliRunner().invoke
    assert run(app, ["check", str(tmp_path)]).exit_code != 0
    assert run(app, ["write", str(tmp_path)]).exit_code == 0
    assert run(app, ["check", str(tmp_path)]).exit_code == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(schema_files())
    (tmp_path / "reading.schema.json").write_text("{}")
    assert "reading.schema.json" in str(run(app, ["check", str(tmp_path)]).exception)
