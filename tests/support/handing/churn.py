"""A day of a site whose demand swings, and one whose gateway comes and goes: how often is a device moved?"""

import math
from itertools import count

import numpy as np

from tidegate.contracts.command import Command, CommandKind
from tidegate.contracts.configuration import AllocationSettings, CoreConfiguration
from tidegate.contracts.topology import DevicePlacement, Gateway, Topology
from tidegate.core.allocation.allocator import AllocationResult, Allocator
from tidegate.core.allocation.planner import plan
from tidegate.core.demand import SiteDemand

SITE, GATEWAYS, DEVICES = "north", 6, 60
STEP_MS, DAY_MS, HOUR_MS = 10_000, 86_400_000, 3_600_000
CAPACITY = 1200.0
"""Ten devices of 100 on each of six gateways; half of them swing by 60 %, in one phase on each gateway: peaks overload it."""

SILENT_MS, EVERY_MS = 180_000, 1_200_000
"""A gateway is silent for three minutes in every twenty."""


def moves_per_device_day(*, swings: bool, flaps: bool) -> float:
    """Moves over one day by default settings, reviewed every ten seconds."""
    allocator = Allocator(CoreConfiguration({}, allocation=AllocationSettings()))
    numbers, moves = count(), 0

    def command(kind: CommandKind, now_ms: int, **fields: object) -> AllocationResult:
        return allocator.handle(Command(f"c{next(numbers)}", SITE, kind, **fields), now_ms)  # type: ignore[arg-type]

    command(CommandKind.SET_TOPOLOGY, 0, topology=_topology())
    for now_ms in range(STEP_MS, DAY_MS + 1, STEP_MS):
        silent = frozenset(["g0"]) if flaps and now_ms % EVERY_MS < SILENT_MS else frozenset[str]()
        result = allocator.review(SITE, now_ms, _demand(now_ms if swings else 0), silent)
        facts = result.decisions
        for request in result.requests:
            facts = facts + command(CommandKind.SUBMIT_PLAN, now_ms, plan=plan(request)).decisions
        moves += sum(fact.moved for fact in facts)
    return moves / DEVICES


def _topology() -> Topology:
    gateways = [Gateway(f"g{n}", {"cpu_millicores": CAPACITY}) for n in range(GATEWAYS)]
    return Topology(SITE, 1, gateways, [DevicePlacement(f"d{n}", "sensor", gateway=f"g{n % GATEWAYS}") for n in range(DEVICES)])


def _demand(now_ms: int) -> SiteDemand:
    """What each device asks for; the devices of one gateway swing together, each gateway's an hour's part after the other's."""
    part = 2 * math.pi * now_ms / HOUR_MS
    amounts = [100 + (60 * math.sin(part + number % GATEWAYS) if number < DEVICES // 2 else 0) for number in range(DEVICES)]
    request = np.array(amounts).reshape(DEVICES, 1)
    rows = (request, np.zeros((DEVICES, 1, 4, 7)), request, np.full_like(request, np.nan))
    names, times = [f"d{n}" for n in range(DEVICES)], np.full(DEVICES, now_ms, np.int64)
    return SiteDemand(SITE, names, ["sensor"] * DEVICES, times, ["cpu_millicores"], *rows)
