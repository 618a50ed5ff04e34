"""OpenAPI beyond what FastAPI sees by itself: raw bodies, and problem details as the answer to every error."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute
from pydantic import TypeAdapter
from starlette.routing import BaseRoute

from tidegate.api.access.rules import Route, Rule
from tidegate.api.acking import MAX_ACKS
from tidegate.api.idempotency import PARAMETER
from tidegate.api.links import add_links
from tidegate.api.problems import internal_problem
from tidegate.contracts.access import KeyRequest
from tidegate.contracts.ack import Ack
from tidegate.contracts.codec import to_builtins
from tidegate.contracts.command import Command
from tidegate.contracts.configuration_views import Activation, ProfilesBody
from tidegate.contracts.content import ContentType
from tidegate.contracts.problem import MEDIA_TYPE, ProblemDetails
from tidegate.contracts.reading import MAX_BATCH_READINGS, Reading, ReadingBatch
from tidegate.contracts.rest import (
    Approval,
    LabelRequest,
    MaintenanceRequest,
    Order,
    Replacement,
    ReplayRequest,
    TopologyBody,
)
from tidegate.contracts.series import SeriesRequest
from tidegate.contracts.studies import Changes, Proposal

_REFERENCE: Final = "#/components/schemas/{model}"

_RECEIPTS: Final = tuple(_REFERENCE.format(model=name) for name in ("CommandReceipt", "TopologyReceipt"))
"""What answers a request that makes a command."""

_MOST: Final = {Reading: MAX_BATCH_READINGS, Ack: MAX_ACKS}
"""Items in a list of them as a body."""

_BODIES: Final = (
    ReadingBatch,
    Reading,
    Command,
    Ack,
    Approval,
    Order,
    Replacement,
    TopologyBody,
    Proposal,
    Changes,
    ProfilesBody,
    Activation,
    LabelRequest,
    MaintenanceRequest,
    SeriesRequest,
    ReplayRequest,
    KeyRequest,
)
"""What routes decode themselves."""

COMMAND_REQUEST: Final = "CommandRequest"
"""A command as REST takes it: the schema of `Command`, its id optional."""

SECURITY: Final = {
    "credential": {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "tdg_<id>_<secret>, or JWT",
        "description": "An API key (`tidegate keys create`), or a token of the OpenID Connect provider. See docs/access.md.",
    }
}
"""One way in, whatever the credential; asked for only where access control is on. `x-role` says what it must grant."""

DESCRIPTION: Final = """Telemetry and commands in, anomalies and decisions out.

Lists come in pages: send `next_cursor` back as `cursor`. `as_of` says how fresh an answer is. Every error is
`application/problem+json` (RFC 9457) with a stable `code` and, where one helps, an `advice`."""


def body_of(kinds: Sequence[type | str], bodies: Mapping[str, object]) -> dict[str, Any]:
    """The `openapi_extra` of a route that decodes its own JSON body: any of `kinds`, with named examples."""
    schemas = [_schema_of(kind) for kind in kinds]
    content = {
        "schema": schemas[0] if len(schemas) == 1 else {"anyOf": schemas},
        "examples": {name: {"value": to_builtins(body)} for name, body in bodies.items()},
    }
    return {"requestBody": {"required": True, "content": {"application/json": content}}}


def also_packed(extra: dict[str, Any]) -> dict[str, Any]:
    """`extra`, whose body may be a packed batch too; its bytes are in no schema that OpenAPI knows."""
    extra["requestBody"]["content"][ContentType.PACKED.value] = {"schema": {"type": "string", "format": "binary"}}
    return extra


def also_anything(extra: dict[str, Any]) -> dict[str, Any]:
    """`extra`, whose body may be any JSON: what is wrong with it is the answer, and no reason to refuse it."""
    content = extra["requestBody"]["content"]["application/json"]
    content["schema"] = {
        "anyOf": [content["schema"], {"description": "Whatever shall become one; the answer says what is missing."}]
    }
    return extra


def install(app: FastAPI, routes: Sequence[BaseRoute], rules: Mapping[Route, Rule], *, controlled: bool) -> None:
    """Let `app` describe itself and its `routes` completely; the document is made at the first question and kept.

    `rules` say which role each needs; that a credential is needed is said only where access is `controlled`.
    """

    def document() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = _describe(app, routes, rules, controlled=controlled)
        return app.openapi_schema

    app.openapi = document  # type: ignore[method-assign]  # FastAPI's documented way to extend the document


def _describe(app: FastAPI, routes: Sequence[BaseRoute], rules: Mapping[Route, Rule], *, controlled: bool) -> dict[str, Any]:
    document = get_openapi(title=app.title, version=app.version, description=DESCRIPTION, routes=app.routes)
    schemas = document["components"]["schemas"]
    for kind in (*_BODIES, ProblemDetails):
        schema = TypeAdapter(kind).json_schema(ref_template=_REFERENCE)
        schemas.update(schema.pop("$defs", {}))
        schemas[kind.__name__] = schema
    command = schemas["Command"]
    schemas[COMMAND_REQUEST] = {**command, "title": COMMAND_REQUEST, "required": [n for n in command["required"] if n != "id"]}
    for route in routes:
        if isinstance(route, APIRoute) and route.include_in_schema:
            for method in route.methods or ():
                operation = document["paths"][route.path_format][method.lower()]
                _complete(operation, route)
                _secure(operation, rules[method, route.path], controlled=controlled)
    add_links(document, frozenset(_makers(document)))
    document["components"]["securitySchemes"] = SECURITY
    for unused in ("HTTPValidationError", "ValidationError"):
        schemas.pop(unused, None)
    return document


def _makers(document: dict[str, Any]) -> Iterator[str]:
    """The operations whose answer is the receipt of a command."""
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            if any(each in str(operation["responses"]) for each in _RECEIPTS):
                yield f"{method.upper()} {path}"


def _complete(operation: dict[str, Any], route: APIRoute) -> None:
    """Add what an error looks like, and give examples back the nulls that FastAPI drops from the whole document."""
    responses = operation["responses"]
    for status, response in route.responses.items():
        for media_type, media in response.get("content", {}).items():
            responses[str(status)]["content"].setdefault(media_type, {}).update(media)
    if any(each in str(responses) for each in _RECEIPTS):
        operation.setdefault("parameters", []).append(PARAMETER)
        responses.setdefault("409", _problem_response("The id or key is another command's already, or the state forbids it."))
    responses["default"] = _problem_response()
    responses.pop("422", None)  # FastAPI's own shape, which no route of ours answers with


def _secure(operation: dict[str, Any], rule: Rule, *, controlled: bool) -> None:
    """Say which role it takes, and where callers are told apart, that it takes a credential."""
    operation["x-role"] = rule.role or ("none" if rule.open else "any")
    if controlled and not rule.open:
        operation["security"] = [{name: []} for name in SECURITY]


def _problem_response(description: str = "What is wrong and what to do (RFC 9457).") -> dict[str, Any]:
    content = {"schema": {"$ref": _REFERENCE.format(model="ProblemDetails")}, "example": to_builtins(internal_problem())}
    return {"description": description, "content": {MEDIA_TYPE: content}}


def _schema_of(kind: Any) -> dict[str, Any]:
    if isinstance(kind, str):
        return {"$ref": _REFERENCE.format(model=kind)}
    if getattr(kind, "__origin__", None) is list:
        (part,) = kind.__args__
        return {"type": "array", "items": _schema_of(part), "minItems": 1, "maxItems": _MOST[part]}
    return {"$ref": _REFERENCE.format(model=kind.__name__)}
