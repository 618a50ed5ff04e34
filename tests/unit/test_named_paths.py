"""What documentation, alerts and error messages tell people to ask for is there."""

import re
from collections.abc import Iterator
from pathlib import Path

from tidegate.api.app import ROUTERS

ROOT = Path(__file__).parents[2]
NAMED = re.compile(r"\b(GET|POST|PUT|DELETE|PATCH) (/(?:v1|healthz|readyz|metrics|docs)[^\s`?#\"'),;|]*)")
TEMPLATES = {
    (method, re.sub(r"\{[^}]*\}", "[^/]+", route.path))
    for module in ROUTERS
    for route in module.router.routes
    for method in route.methods
}


def _texts() -> Iterator[Path]:
    for pattern in ("README.md", "docs/*.md", "deploy/**/*.yml", "examples/*", "service/tidegate/**/*.py"):
        yield from ROOT.glob(pattern)


def test_every_path_that_is_named_is_served() -> None:
    named = {(path, found) for path in _texts() for found in NAMED.findall(path.read_text(encoding="utf-8"))}
    strangers = [f"{path.relative_to(ROOT)}: {' '.join(found)}" for path, found in sorted(named) if not _served(*found)]
    assert len(named) > 20
    assert strangers == []


def _served(method: str, path: str) -> bool:
    plain = re.sub(r"(\{[^}]*\}|…)", "x", path.rstrip(".:/*"))
    return any(method == known and re.fullmatch(template, plain) for known, template in TEMPLATES)
