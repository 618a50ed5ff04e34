"""Which answer leads to which question: OpenAPI links, for programs that find their way by the document."""

from collections.abc import Mapping
from typing import Any, Final

_ONE: Final[Mapping[str, Mapping[str, tuple[str, dict[str, str]]]]] = {
    "GET /v1/anomalies": {"anomaly": ("GET /v1/anomalies/{anomaly}", {"anomaly": "items/0/id"})},
    "GET /v1/incidents": {"incident": ("GET /v1/incidents/{incident}", {"incident": "items/0/id"})},
    "GET /v1/decisions": {"plan": ("GET /v1/decisions/{plan}", {"plan": "items/0/plan_id"})},
    "GET /v1/decisions/{plan}": {
        "approve": ("POST /v1/decisions/{plan}/approve", {"plan": "decision/plan_id"}),
        "refuse": ("POST /v1/decisions/{plan}/refuse", {"plan": "decision/plan_id"}),
        "undo": ("POST /v1/decisions/{plan}/undo", {"plan": "decision/plan_id"}),
    },
    "GET /v1/devices": {
        "device": ("GET /v1/devices/{site}/{device}", {"site": "items/0/site", "device": "items/0/device"}),
        "explain": ("GET /v1/devices/{site}/{device}/explain", {"site": "items/0/site", "device": "items/0/device"}),
        "forecast": ("GET /v1/devices/{site}/{device}/forecast", {"site": "items/0/site", "device": "items/0/device"}),
    },
    "GET /v1/sites": {
        "site": ("GET /v1/sites/{site}", {"site": "0/site"}),
        "topology": ("GET /v1/sites/{site}/topology", {"site": "0/site"}),
        "gateways": ("GET /v1/sites/{site}/gateways", {"site": "0/site"}),
        "assignments": ("GET /v1/sites/{site}/assignments", {"site": "0/site"}),
        "dry run": ("POST /v1/sites/{site}/plans", {"site": "0/site"}),
        "what if": ("POST /v1/sites/{site}/what-if", {"site": "0/site"}),
        "headroom": ("GET /v1/sites/{site}/headroom", {"site": "0/site"}),
        "capacity advice": ("GET /v1/sites/{site}/capacity-advice", {"site": "0/site"}),
        "revisions": ("GET /v1/sites/{site}/topology/revisions", {"site": "0/site"}),
    },
    "GET /v1/sites/{site}/topology/revisions": {
        "revision": (
            "GET /v1/sites/{site}/topology/revisions/{revision}",
            {"site": "items/0/site", "revision": "items/0/revision"},
        ),
    },
    "GET /v1/sites/{site}/gateways": {
        "assignments": ("GET /v1/gateways/{gateway}/assignments", {"gateway": "0/gateway"}),
        "drain": ("POST /v1/sites/{site}/gateways/{gateway}/drain", {"site": "0/site", "gateway": "0/gateway"}),
    },
    "GET /v1/deadletters": {
        "letter": ("GET /v1/deadletters/{letter}", {"letter": "items/0/id"}),
        "replay": ("POST /v1/deadletters/{letter}/replay", {"letter": "items/0/id"}),
    },
    "GET /v1/bundles": {
        "verify": ("POST /v1/bundles/{name}/{version}/verify", {"name": "0/name", "version": "0/version"}),
    },
    "POST /v1/keys": {"revoke": ("DELETE /v1/keys/{key}", {"key": "key/id"})},
}
"""By operation: what its answer leads to, and where in the answer the parameters are (RFC 6901, without the first slash)."""

_OUTCOME: Final = {"outcome": ("GET /v1/commands/{command}", {"command": "id"})}
"""Every receipt of a command leads to what became of it."""


def add_links(document: dict[str, Any], makes_a_command: frozenset[str]) -> None:
    """Add the links to `document`; those whose other end is not served here are left out."""
    operations = {f"{m.upper()} {path}": each for path, methods in document["paths"].items() for m, each in methods.items()}
    for name, operation in operations.items():
        links = {**_ONE.get(name, {}), **(_OUTCOME if name in makes_a_command else {})}
        found = {
            title: {
                "operationId": operations[target]["operationId"],
                "parameters": {each: f"$response.body#/{pointer}" for each, pointer in parameters.items()},
            }
            for title, (target, parameters) in links.items()
            if target in operations
        }
        success = next((answer for status, answer in operation["responses"].items() if status.startswith("2")), None)
        if found and success is not None:
            success["links"] = found
