"""What somebody should look at now, over all sites a visitor may see. Asks the service; draws nothing."""

import asyncio
from collections import Counter
from dataclasses import dataclass
from functools import partial
from typing import Final

from tidegate.console.visit import Visit
from tidegate.contracts.anomaly import Incident, Severity
from tidegate.contracts.plan import DecisionStatus
from tidegate.contracts.stream import FactKind
from tidegate.contracts.views import DecisionView

_MOST_ANOMALIES: Final = 1000
"""Open anomalies that are counted."""

MOST_ITEMS: Final = 50
"""Incidents, and plans, of one scope that are looked through."""

_SECONDS: Final = 10.0


@dataclass(frozen=True, slots=True)
class Attention:
    """Open anomalies by severity, open incidents, and plans that wait for somebody. `is_part`: more anomalies are open."""

    anomalies: dict[Severity, int]
    incidents: tuple[Incident, ...]
    plans: tuple[DecisionView, ...]
    is_part: bool


async def attention(visit: Visit) -> Attention:
    """What to look at, as of the last good answers."""
    scopes = await visit.scopes()
    found = await asyncio.gather(*(_of(visit, scope) for scope in scopes))
    counts: Counter[Severity] = Counter()
    for each in found:
        counts.update(each.anomalies)
    return Attention(
        dict(counts),
        tuple(incident for each in found for incident in each.incidents),
        tuple(plan for each in found for plan in each.plans),
        any(each.is_part for each in found),
    )


async def _of(visit: Visit, scope: str | None) -> Attention:
    board, client = visit.board, visit.board.client
    anomalies, incidents, plans = await asyncio.gather(
        board.ask(
            f"open:{scope}",
            partial(client.anomalies.list(site=scope, is_open=True).first, _MOST_ANOMALIES),
            seconds=_SECONDS,
            touched_by=(FactKind.ANOMALY,),
        ),
        board.ask(
            f"incidents:{scope}",
            partial(client.incidents.list(site=scope).first, MOST_ITEMS),
            seconds=_SECONDS,
            touched_by=(FactKind.INCIDENT, FactKind.OUTCOME),
        ),
        board.ask(
            f"waiting:{scope}",
            partial(client.plans.list(site=scope, status=DecisionStatus.PROPOSED).first, MOST_ITEMS),
            seconds=_SECONDS,
            touched_by=(FactKind.DECISION,),
        ),
    )
    opened = anomalies.value or []
    return Attention(
        dict(Counter(each.severity for each in opened)),
        tuple(each for each in incidents.value or () if each.closed_at_ms is None),
        tuple(plans.value or ()),
        len(opened) == _MOST_ANOMALIES,
    )
