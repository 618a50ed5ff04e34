"""The REST door as an ASGI application."""

from collections.abc import Sequence
from types import ModuleType
from typing import Final

from fastapi import FastAPI

from tidegate.api import openapi, problems
from tidegate.api.dependencies import ApiDependencies, open_door
from tidegate.api.edge import Edge
from tidegate.api.routers import (
    acks,
    anomalies,
    commands,
    deadletters,
    decisions,
    devices,
    docs,
    operation,
    readings,
    sites,
    stream,
    summary,
)

ROUTERS: Final = (readings, commands, acks, sites, devices, anomalies, decisions, deadletters, summary, stream, operation, docs)
"""In the order in which the documentation shows them."""


OPERATION: Final = (operation, docs)
"""What a process without the api role serves: for whoever keeps it running."""


def create_app(dependencies: ApiDependencies, routers: Sequence[ModuleType] = ROUTERS) -> FastAPI:
    """The application over `dependencies`. Holds no task and opens nothing; two of them do not know of each other."""
    app = FastAPI(title="Tidegate", version=dependencies.version, redirect_slashes=False, docs_url=None, redoc_url=None)
    app.state.door = open_door(dependencies)
    for module in routers:
        app.include_router(module.router)
    app.add_middleware(Edge, metrics=dependencies.metrics, clock=dependencies.clock)
    problems.install(app)
    openapi.install(app, [route for module in routers for route in module.router.routes])
    return app
