"""The client can ask for everything that the door answers, and for nothing else."""

import importlib
import pkgutil

from fastapi.routing import APIRoute

import tidegate.client
from tidegate.api.app import ROUTERS
from tidegate.client.route import Route


def routes() -> dict[str, Route]:
    """Every route of every module of the client, by module and name."""
    modules = [
        importlib.import_module(found.name) for found in pkgutil.iter_modules(tidegate.client.__path__, "tidegate.client.")
    ]
    return {
        f"{module.__name__}.{name}": each for module in modules for name, each in vars(module).items() if isinstance(each, Route)
    }


def operations() -> set[tuple[str, str]]:
    """What the door serves and describes."""
    routes_of_door = [route for module in ROUTERS for route in module.router.routes]
    return {
        (method, route.path)
        for route in routes_of_door
        if isinstance(route, APIRoute) and route.include_in_schema
        for method in route.methods
    }


def test_every_operation_of_the_door_has_a_method_of_the_client() -> None:
    known = {(route.method, route.template) for route in routes().values()}
    assert operations() - known == set(), "the client cannot ask for these yet: add a Route and a method"
    assert known - operations() == set(), "the client asks for what is not there"
