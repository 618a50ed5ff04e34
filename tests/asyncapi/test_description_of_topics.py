"""The AsyncAPI description: as fresh as the contracts, complete, and valid to AsyncAPI's own parser."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator
from typer.testing import CliRunner

from tidegate.api.asyncapi import asyncapi_text, document
from tidegate.cli.schemas import app
from tidegate.contracts.codec import to_builtins
from tidegate.contracts.content import ContentType
from tidegate.contracts.topics import CLEANUP, INPUTS
from validator import findings

PAGE = Path(__file__).parents[2] / "docs" / "asyncapi.yaml"


def resolved(whole: dict[str, Any], reference: dict[str, str]) -> dict[str, Any]:
    found: Any = whole
    for step in reference["$ref"].removeprefix("#/").split("/"):
        found = found[step]
    return dict(found)


def test_the_file_in_docs_is_fresh() -> None:
    assert PAGE.read_text("utf-8") == asyncapi_text(), "run `tidegate schemas asyncapi write docs/asyncapi.yaml`"


def test_the_file_says_what_the_document_says() -> None:
    assert yaml.safe_load(asyncapi_text())["channels"] == yaml.safe_load(PAGE.read_text("utf-8"))["channels"]


def test_every_topic_is_a_channel_with_its_cleanup_and_received_exactly_if_it_is_an_input() -> None:
    made = document()
    by_topic = {channel["title"]: channel for channel in made["channels"].values()}
    assert by_topic.keys() == CLEANUP.keys()
    for topic, channel in by_topic.items():
        assert channel["bindings"]["kafka"]["topicConfiguration"]["cleanup.policy"] == [CLEANUP[topic].value]
    received = [made for made in made["operations"].values() if made["action"] == "receive"]
    assert {resolved(made, operation["channel"])["title"] for operation in received} == set(INPUTS)


def test_every_message_has_a_key_a_schema_and_an_example() -> None:
    made = document()
    for message in made["components"]["messages"].values():
        assert message["examples"]
        assert resolved(made, message["payload"])["type"] == "object"
        assert message["bindings"]["kafka"]["key"]["description"]


def test_every_example_fits_its_schema() -> None:
    made = to_builtins(document())
    for name, message in made["components"]["messages"].items():
        schema = message["payload"] | {"components": made["components"]}
        for example in message["examples"]:
            errors = [error.message for error in Draft202012Validator(schema).iter_errors(example["payload"])]
            assert not errors, f"{name}, {example['name']}: {errors}"


def test_the_forms_of_telemetry_differ_by_the_header_that_decoding_reads() -> None:
    messages = document()["components"]["messages"]
    declared = {
        messages[name]["headers"]["properties"]["content-type"]["const"] for name in ("Reading", "ReadingBatch", "PackedBatch")
    }
    assert declared == set(ContentType)


def test_the_command_writes_what_its_check_accepts(tmp_path: Path) -> None:
    run, file = CliRunner().invoke, tmp_path / "docs" / "asyncapi.yaml"
    assert run(app, ["asyncapi", "check", str(file)]).exit_code != 0
    assert run(app, ["asyncapi", "write", str(file)]).exit_code == 0
    assert run(app, ["asyncapi", "check", str(file)]).exit_code == 0
    file.write_text(file.read_text("utf-8") + "\n", encoding="utf-8")
    assert "is not what the code says" in str(run(app, ["asyncapi", "check", str(file)]).exception)


@pytest.mark.usefixtures("parser")
def test_asyncapis_own_parser_finds_nothing_wrong() -> None:
    assert findings(PAGE) == []


@pytest.mark.usefixtures("parser")
def test_the_parser_would_find_what_is_wrong(tmp_path: Path) -> None:
    broken = tmp_path / "broken.yaml"
    broken.write_text(PAGE.read_text("utf-8").replace("#/components/schemas/Reading'", "#/components/schemas/Raeding'"), "utf-8")
    assert "Raeding" in "\n".join(findings(broken))
