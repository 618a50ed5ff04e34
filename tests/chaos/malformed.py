"""Messages that nobody can use, one of each kind that decoding and admission tell apart; each counts one reading."""

import json
import random
from collections.abc import Callable
from typing import Any, Final


def malformed(draw: random.Random, site: str, partition: int, partitions: int) -> tuple[bytes, int]:
    """A drawn kind's bytes and the partition to send them to, which is `partition`, the site's own, for all kinds but one."""
    if draw.random() < 1 / (len(_KINDS) + 1):
        return _batch(site, [_reading(site)]), (partition + 1) % partitions
    return draw.choice(_KINDS)(draw, site), partition


def _reading(site: str, **changes: Any) -> dict[str, Any]:
    good = {
        "site": site,
        "device": "prankster",
        "profile": "pump",
        "event_time_ms": 1_767_571_200_000,
        "metrics": {"pressure_bar": 2.0},
    }
    return good | changes


def _batch(site: str, readings: list[dict[str, Any]], **changes: Any) -> bytes:
    return json.dumps({"site": site, "readings": readings} | changes).encode()


_KINDS: Final[tuple[Callable[[random.Random, str], bytes], ...]] = (
    lambda draw, _: draw.randbytes(draw.randint(1, 200)),
    lambda draw, site: _batch(site, [_reading(site)])[: draw.randint(1, 60)],
    lambda _, site: _batch(site, []),
    lambda _, site: _batch(site, [_reading(site)], schema_version=99),
    lambda _, site: _batch(site, [{"site": site, "device": "prankster"}]),
    lambda _, site: _batch(site, [_reading("somewhere-else")]),
    lambda _, site: _batch(site, [_reading(site, profile="no-such-profile")]),
    lambda _, site: _batch(site, [_reading(site, metrics={"pressure_bar": 1e300})]),
    lambda _, site: _batch(site, [_reading(site, event_time_ms=9_999_999_999_999)]),
    lambda _, site: _batch(site, [_reading(site, device="\u0000")]),
)
