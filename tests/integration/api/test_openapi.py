"""The document describes the door as it is: every route has examples, every example fits its schema and is a real answer."""

from typing import Any

import pytest
from jsonschema import Draft202012Validator

from tidegate.adapters.profiles import shipped_profiles
from tidegate.api import examples

METHODS = {"get", "post", "put", "patch", "delete"}


def media_types(document: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    found = []
    for path, operations in document["paths"].items():
        for method in METHODS & set(operations):
            operation = operations[method]
            parts = [(f"{status}", response) for status, response in operation["responses"].items()]
            parts += [("body", operation["requestBody"])] if "requestBody" in operation else []
            for name, part in parts:
                found += [(f"{method} {path} {name} {kind}", media) for kind, media in part.get("content", {}).items()]
    return found


def examples_of(media: dict[str, Any]) -> list[Any]:
    return [each["value"] for each in media.get("examples", {}).values()] + ([media["example"]] if "example" in media else [])


@pytest.fixture
async def document(house: Any) -> dict[str, Any]:
    return dict((await house.client.get("/openapi.json")).json())


async def test_every_example_fits_its_schema(document: dict[str, Any]) -> None:
    checked = 0
    for where, media in media_types(document):
        if "json" not in where:
            continue
        schema = media["schema"] | {"components": document["components"]}
        for example in examples_of(media):
            errors = [error.message for error in Draft202012Validator(schema).iter_errors(example)]
            assert not errors, f"{where}: {errors}"
            checked += 1
    assert checked > 40


async def test_every_json_body_and_answer_has_an_example(document: dict[str, Any]) -> None:
    assert [where for where, media in media_types(document) if "json" in where and not examples_of(media)] == []


async def test_every_operation_says_what_an_error_looks_like_and_what_it_is_for(document: dict[str, Any]) -> None:
    for path, operations in document["paths"].items():
        for method in METHODS & set(operations):
            operation = operations[method]
            assert "application/problem+json" in operation["responses"]["default"]["content"], path
            assert operation["description"].endswith("."), path


async def test_every_reference_leads_somewhere(document: dict[str, Any]) -> None:
    def references(part: Any) -> list[str]:
        if isinstance(part, dict):
            return [part[key] for key in part if key == "$ref"] + [found for each in part.values() for found in references(each)]
        return [found for each in part for found in references(each)] if isinstance(part, list) else []

    known = {f"#/components/schemas/{name}" for name in document["components"]["schemas"]}
    assert set(references(document)) <= known


async def test_documented_reading_bodies_are_taken_as_they_stand(house: Any, document: dict[str, Any]) -> None:
    for body in examples_of(document["paths"]["/v1/readings"]["post"]["requestBody"]["content"]["application/json"]):
        assert (await house.client.post("/v1/readings", json=body)).status_code == 202


def test_the_documented_reading_is_of_a_profile_that_is_shipped() -> None:
    profile = shipped_profiles()[examples.READING.profile]
    assert set(examples.READING.metrics) <= set(profile.metrics)
    assert set(examples.ANOMALY.metrics) <= set(profile.metrics)


async def test_the_documentation_page_needs_no_other_host(house: Any) -> None:
    response = await house.client.get("/docs")
    assert response.status_code == 200
    assert response.headers["content-type"].startswith("text/html")
    assert "default-src 'none'" in response.headers["content-security-policy"]
    assert "//" not in response.text.replace("// Builds", "")
    assert "innerHTML" not in response.text


async def test_every_link_leads_to_an_operation_and_fills_its_path(document: dict[str, Any]) -> None:
    operations = {each["operationId"]: path for path, methods in document["paths"].items() for each in methods.values()}
    found = 0
    for methods in document["paths"].values():
        for operation in methods.values():
            for response in operation["responses"].values():
                for link in response.get("links", {}).values():
                    path = operations[link["operationId"]]
                    assert all(f"{{{name}}}" in path for name in link["parameters"])
                    found += 1
    assert found > 20
