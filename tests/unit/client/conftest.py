"""The door's own description, without a service."""

from typing import Any

import pytest
from fastapi import FastAPI

from tidegate.api import openapi as description
from tidegate.api.app import ROUTERS


@pytest.fixture(scope="session")
def openapi() -> dict[str, Any]:
    app = FastAPI(title="Tidegate")
    for module in ROUTERS:
        app.include_router(module.router)
    description.install(app, [route for module in ROUTERS for route in module.router.routes])
    return app.openapi()
