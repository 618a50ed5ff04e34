"""The REST door as an ASGI application."""

from collections.abc import Sequence
from functools import cache
from types import ModuleType
from typing import Final

from fastapi import APIRouter, Depends, FastAPI
from fastapi.middleware.cors import CORSMiddleware
from fastapi.routing import APIRoute
from starlette.routing import BaseRoute

from tidegate.api import openapi, problems
from tidegate.api.access.gate import Gate
from tidegate.api.access.guard import guard
from tidegate.api.access.rules import OPEN, Route, Rule, rule_for
from tidegate.api.dependencies import ApiDependencies, open_door
from tidegate.api.edge import Edge
from tidegate.api.hosts import Hosts
from tidegate.api.routers import (
    access,
    acks,
    annotations,
    anomalies,
    bundles,
    commands,
    configuration,
    deadletters,
    decisions,
    devices,
    docs,
    live,
    maintenance,
    operation,
    orders,
    plans,
    readings,
    scores,
    sites,
    stream,
    summary,
    topologies,
)
from tidegate.api.traced import Traced

ROUTERS: Final = (
    readings,
    commands,
    acks,
    sites,
    topologies,
    orders,
    devices,
    scores,
    anomalies,
    plans,
    annotations,
    maintenance,
    decisions,
    deadletters,
    configuration,
    bundles,
    summary,
    stream,
    access,
    operation,
    docs,
)
"""In the order in which the documentation shows them."""


OPERATION: Final = (operation, docs)
"""What a process without the api role serves: for whoever keeps it running."""

INTERNAL: Final = (live,)
"""What a process with the worker role serves to the doors of others."""


def create_app(dependencies: ApiDependencies, routers: Sequence[ModuleType] = ROUTERS) -> FastAPI:
    """The application over `dependencies`. Holds no task and opens nothing; two of them do not know of each other."""
    routes = [route for module in routers for route in module.router.routes]
    rules = _rules(routes, dependencies)
    app = FastAPI(
        title="Tidegate",
        version=dependencies.version,
        redirect_slashes=False,
        docs_url=None,
        redoc_url=None,
    )
    app.state.door = open_door(dependencies, rules)
    app.router.routes.extend(_guarded(tuple(routers)) if dependencies.access.on else routes)
    app.add_middleware(Gate, control=dependencies.access, rules=rules, auditor=dependencies.auditor, clock=dependencies.clock)
    if dependencies.cors_origins:
        _let_pages_read(app, dependencies.cors_origins)
    if dependencies.hosts is not None:
        app.add_middleware(Hosts, names=dependencies.hosts)
    app.add_middleware(Edge, metrics=dependencies.metrics, clock=dependencies.clock)
    if dependencies.tracing.on:
        app.add_middleware(Traced, tracing=dependencies.tracing)
    problems.install(app)
    openapi.install(app, routes, rules, controlled=dependencies.access.on)
    return app


@cache
def _guarded(routers: tuple[ModuleType, ...]) -> list[BaseRoute]:
    """The routes of `routers`, each behind the guard; one list for every application of the process.

    FastAPI prepares the routes that an application includes once more, at its first request: some 0.3 s of work for each
    application. Shared, that is done once; and without a guard the routers' own routes serve as they are.
    """
    guarded = APIRouter(dependencies=[Depends(guard)])
    for module in routers:
        guarded.include_router(module.router)
    return guarded.routes


def _let_pages_read(app: FastAPI, origins: Sequence[str]) -> None:
    """Let pages of `origins` ask in a browser; without cookies, so that they need a credential as everybody else does."""
    app.add_middleware(
        CORSMiddleware,
        allow_origins=origins,
        allow_methods=["GET", "POST", "PUT", "DELETE"],
        allow_headers=["authorization", "content-type", "if-match", "if-none-match", "idempotency-key", "last-event-id"],
        expose_headers=["etag", "location", "retry-after", "x-request-id"],
    )


def _rules(routes: Sequence[BaseRoute], dependencies: ApiDependencies) -> dict[Route, Rule]:
    """Who may use each of `routes`, looked up once."""
    rules = {
        (method, route.path): rule_for(method, route.path)
        for route in routes
        if isinstance(route, APIRoute)
        for method in route.methods or ()
    }
    return rules | ({("GET", "/metrics"): OPEN} if dependencies.access.metrics_open else {})
