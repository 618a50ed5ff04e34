"""A site where a gateway of six devices is emptied in waves, and what may happen on the way."""

from typing import Any

from small_site import Worker, device, gateway, topology

from tidegate.contracts.command import CommandKind
from tidegate.contracts.plan import Decision
from tidegate.contracts.topology import Topology
from tidegate.core.condition import Condition

WAVES: dict[str, Any] = {"canary_moves": 1, "wave_moves": 3, "at_once_moves": 2, "wave_seconds": 10.0}
"""One device first, then three at a time, ten seconds after the last."""

SIX = ["a", "b", "c", "d", "e", "f"]


def site(revision: int = 1) -> Topology:
    """g1 serves six devices, g2 and g3 one each; one of them has room for all."""
    devices = [*(device(name, "g1") for name in SIX), device("x", "g2"), device("y", "g3")]
    return topology([gateway("g1"), gateway("g2"), gateway("g3"), gateway("g4")], devices, revision)


def emptied(**settings: Any) -> Worker:
    """g1 is drained, and the first wave has gone, where no approval is needed."""
    worker = Worker(site(), **{**WAVES, **settings})
    worker.command(CommandKind.DRAIN, gateway="g1")
    worker.settle()
    return worker


def emptied_and_heard(*, silent: bool = False) -> Worker:
    """As `emptied`, and a reading of each device had come before; they may have fallen silent since."""
    worker = Worker(site(), **WAVES)
    worker.conditions = dict.fromkeys(SIX, Condition(1, silent=silent))
    worker.command(CommandKind.DRAIN, gateway="g1")
    worker.settle()
    return worker


def heard(worker: Worker, *quiet: str) -> None:
    """Another reading has come of every device but those that are `quiet`."""
    for name in SIX:
        if name not in quiet:
            before = worker.conditions.get(name, Condition())
            worker.conditions[name] = Condition(before.readings + 1, before.silent, before.anomaly, before.confidence)


def all_made() -> Worker:
    """As `emptied_and_heard`, and all waves have gone: the last one, of two devices, is to be watched."""
    worker = emptied_and_heard()
    for _ in range(2):
        worker.review()
        heard(worker)
        worker.later(10)
        worker.review()
    return worker


def of_last_wave(worker: Worker) -> list[str]:
    """Devices of the wave that went last."""
    latest = max(change.assigned_at_ms for change in worker.changes)
    return [change.device for change in worker.changes if change.assigned_at_ms == latest]


def go_on(worker: Worker, *silent: str, seconds: float = 10.0) -> None:
    """Look at the site, let the time pass for which a wave is watched, and look again."""
    worker.review(*silent)
    worker.later(seconds)
    worker.review(*silent)


def moved(worker: Worker) -> list[str]:
    """Devices that have left g1."""
    where = worker.where()
    return [name for name in SIX if where[name] != "g1"]


def last(worker: Worker) -> Decision:
    return worker.decisions[-1]
