"""A site as its map shows it: gateways with what they carry, devices with what is wrong. Asks the service; draws nothing."""

from collections import defaultdict
from dataclasses import dataclass
from typing import Final

from tidegate.console.board import Answer, Board
from tidegate.contracts.anomaly import Anomaly, DeviceState, Severity
from tidegate.contracts.plan import Assignment
from tidegate.contracts.stream import FactKind
from tidegate.contracts.topology import Topology
from tidegate.contracts.views import DeviceView, GatewayView, SiteView

MOST_DEVICES: Final = 20_000
"""Devices of one site that a map counts; of a larger one it says that it shows a part."""

_TOUCHING: Final = (FactKind.ANOMALY, FactKind.ASSIGNMENT)
_GRANTS_SECONDS: Final = 30.0
_MAP_SECONDS: Final = 3.0
_FOR_EVER_SECONDS: Final = 86_400.0


@dataclass(frozen=True, slots=True)
class Cell:
    """A device on the map. `severity` is of its open anomaly, if there is one."""

    device: str
    state: DeviceState
    severity: Severity | None

    @property
    def is_calm(self) -> bool:
        """Whether nobody need look: judged in full, and nothing found."""
        return self.state is DeviceState.OK and self.severity is None


@dataclass(frozen=True, slots=True)
class GatewayMap:
    """A gateway, or, where `name` is null, what no gateway serves. `load` is granted over capacity by resource, 0 to 1."""

    name: str | None
    cells: tuple[Cell, ...]
    load: tuple[tuple[str, float], ...] = ()
    marks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SiteMap:
    """A whole site. `is_part`: it has more devices than are shown."""

    site: SiteView
    gateways: tuple[GatewayMap, ...]
    is_part: bool


async def survey(board: Board, site: SiteView) -> SiteMap:
    """The map of `site`. Raises as any question."""
    client, name = board.client, str(site.site)
    devices = await client.devices.list(site=name).first(MOST_DEVICES + 1)
    anomalies = await client.anomalies.list(site=name, is_open=True).first(MOST_DEVICES)
    gateways = await client.sites.gateways(name)
    topology = await _topology(board, site)
    grants = await board.ask(
        f"grants:{name}", client.assignments.of_site(name).all, seconds=_GRANTS_SECONDS, touched_by=(FactKind.ASSIGNMENT,)
    )
    worst = {str(anomaly.device): anomaly.severity for anomaly in sorted(anomalies, key=_weight)}
    cells = _by_gateway(devices[:MOST_DEVICES], worst)
    loads = _loads(topology, grants.value or [])
    maps = [GatewayMap(view.gateway, cells.pop(view.gateway, ()), loads.get(view.gateway, ()), _marks(view)) for view in gateways]
    maps += [GatewayMap(left, cells[left]) for left in sorted(cells, key=lambda each: (each is None, each or ""))]
    return SiteMap(site, tuple(maps), len(devices) > MOST_DEVICES)


async def map_of(board: Board, site: SiteView) -> Answer[SiteMap]:
    """The latest map of `site`, not asked for more often than it deserves."""
    return await board.ask(f"map:{site.site}", lambda: survey(board, site), seconds=_MAP_SECONDS, touched_by=_TOUCHING)


async def _topology(board: Board, site: SiteView) -> Topology | None:
    """A revision never changes, so it is asked for once."""
    if site.topology_revision is None:
        return None
    name = str(site.site)
    answer = await board.ask(
        f"topology:{name}:{site.topology_revision}", lambda: board.client.sites.topology(name), seconds=_FOR_EVER_SECONDS
    )
    return answer.value


def _by_gateway(devices: list[DeviceView], worst: dict[str, Severity]) -> dict[str | None, tuple[Cell, ...]]:
    found: dict[str | None, list[Cell]] = defaultdict(list)
    for view in devices:
        found[view.gateway].append(Cell(view.device, view.state, worst.get(view.device)))
    return {gateway: tuple(cells) for gateway, cells in found.items()}


def _loads(topology: Topology | None, grants: list[Assignment]) -> dict[str, tuple[tuple[str, float], ...]]:
    granted: dict[str, dict[str, float]] = defaultdict(lambda: defaultdict(float))
    for assignment in grants:
        if assignment.gateway is not None:
            for resource, amount in assignment.grant.items():
                granted[assignment.gateway][resource] += amount
    return {
        gateway.id: tuple(
            (resource, granted[gateway.id].get(resource, 0.0) / most) for resource, most in gateway.capacity.items() if most > 0
        )
        for gateway in (topology.gateways if topology else [])
    }


def _marks(view: GatewayView) -> tuple[str, ...]:
    marks = {
        "silent": view.silent,
        "draining": view.draining and not view.decommissioned,
        "decommissioned": view.decommissioned,
        "cordoned": view.cordoned,
        "suspect": view.withheld > 0,
    }
    return tuple(word for word, holds in marks.items() if holds)


def _weight(anomaly: Anomaly) -> int:
    return list(Severity).index(anomaly.severity)
