"""The client can ask for everything that the door answers, and for nothing else."""

import importlib
import pkgutil
from typing import Any

import tidegate.client
from tidegate.client.route import Route


def routes() -> dict[str, Route]:
    """Every route of every module of the client, by module and name."""
    modules = [
        importlib.import_module(found.name) for found in pkgutil.iter_modules(tidegate.client.__path__, "tidegate.client.")
    ]
    return {
        f"{module.__name__}.{name}": each for module in modules for name, each in vars(module).items() if isinstance(each, Route)
    }


def operations(document: dict[str, Any]) -> set[tuple[str, str]]:
    return {(method.upper(), path) for path, methods in document["paths"].items() for method in methods}


def test_every_operation_of_the_door_has_a_method_of_the_client(openapi: dict[str, Any]) -> None:
    known = {(route.method, route.template) for route in routes().values()}
    assert operations(openapi) - known == set(), "the client cannot ask for these yet: add a Route and a method"
    assert known - operations(openapi) == set(), "the client asks for what is not there"
