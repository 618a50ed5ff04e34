"""What if: a site's question to the planner with hypothetical changes. A function of both; the site itself never knows."""

from collections.abc import Iterable, Mapping
from dataclasses import replace

from tidegate.contracts.ids import DeviceId, GatewayId, ProfileName
from tidegate.contracts.plan import Trigger
from tidegate.contracts.resources import DEVICES, Resources
from tidegate.contracts.studies import Changes, Study
from tidegate.contracts.topology import MAX_AMOUNT, DevicePlacement, Gateway, Topology, check_topology
from tidegate.core.allocation.evaluate import evaluate
from tidegate.core.allocation.model import AllocationView, PlanRequest, Situation, question_of
from tidegate.core.allocation.planner import plan
from tidegate.core.allocation.problem import problem_of
from tidegate.errors import InputError


def study(view: AllocationView, changes: Changes) -> Study:
    """The plan for the site of `view` after `changes`, none for the site as it stands.

    Raises:
        InputError: the site has no topology, a change names what it does not have, or a successor takes nobody.
        AllocationError: what is added, or its capacity, breaks a rule of topologies.
    """
    request = question_of(view)
    problem = problem_of(request)
    made = plan(changed(request, changes, view.constants))
    return Study(view.site, view.as_of_ms, evaluate(problem, problem.start), made, view.holds)


def changed(request: PlanRequest, changes: Changes, constants: Mapping[ProfileName, Resources]) -> PlanRequest:
    """`request` as it would be after `changes`; `constants` is what a device of a profile demands by itself.

    Raises:
        InputError: a change names what the site does not have, or a successor that takes nobody.
        AllocationError: what is added, or its capacity, breaks a rule of topologies.
    """
    _check_names(request.topology, changes)
    topology = _topology(request.topology, changes)
    check_topology(topology)
    situation = _situation(request, topology, changes, constants)
    _check_successors(situation, changes)
    return replace(request, trigger=_trigger(changes), topology=topology, situation=situation)


def _check_names(topology: Topology, changes: Changes) -> None:
    gateways: set[str] = {gateway.id for gateway in [*topology.gateways, *changes.add_gateways]}
    devices: set[str] = {device.id for device in [*topology.devices, *changes.add_devices]}
    profiles: set[str] = {device.profile for device in [*topology.devices, *changes.add_devices]}
    where = f"revision {topology.revision} of site {topology.site!r}"
    for key in ("fail", "remove", "drain", "cordon", "replace", "capacity"):
        _check(getattr(changes, key), gateways, f"gateway of {where}", key)
    _check(changes.replace.values(), gateways, f"gateway of {where}", "replace")
    _check(changes.scale_devices, devices, f"device of {where}", "scale_devices")
    _check(changes.scale_profiles, profiles, f"profile of {where}", "scale_profiles")


def _check(names: Iterable[str], known: set[str], what: str, key: str) -> None:
    for name in names:
        if name not in known:
            raise InputError(f"{name!r} is no {what} - at `$.{key}`", advice="get the topology and use its names")


def _check_successors(then: Situation, changes: Changes) -> None:
    shut = {"draining": then.draining, "cordoned": then.closed, "silent": then.dead}
    for gateway, successor in changes.replace.items():
        if word := next((word for word, gateways in shut.items() if successor in gateways), None):
            raise InputError(
                f"gateway {successor!r} cannot replace {gateway!r}: it is {word} - at `$.replace`", advice="name an open gateway"
            )


def _topology(topology: Topology, changes: Changes) -> Topology:
    gateways = [*topology.gateways, *changes.add_gateways]
    return replace(
        topology,
        gateways=[_resized(gateway, changes.capacity.get(gateway.id)) for gateway in gateways],
        devices=[*topology.devices, *changes.add_devices],
    )


def _resized(gateway: Gateway, capacity: Resources | None) -> Gateway:
    return gateway if capacity is None else replace(gateway, capacity=gateway.capacity | capacity)


def _trigger(changes: Changes) -> Trigger:
    """The need that the changes would make: a plan made in need moves nobody who could stay."""
    if changes.fail:
        return Trigger.GATEWAY_DOWN
    return Trigger.GATEWAY_DRAINED if changes.drain or changes.replace else Trigger.OPERATOR


def _situation(
    request: PlanRequest, topology: Topology, changes: Changes, constants: Mapping[ProfileName, Resources]
) -> Situation:
    now = request.situation
    resources = sorted(
        {*now.resources}
        | {name for gateway in topology.gateways for name in gateway.capacity}
        | {name for device in changes.add_devices for name in (*device.demand, *constants.get(device.profile, {}))}
    )
    known = [dict(zip(now.resources, row, strict=True)) for row in now.demand]
    added = [{DEVICES: 1.0} | constants.get(device.profile, {}) | device.demand for device in changes.add_devices]
    factors = [_factor(device, changes) for device in topology.devices]
    return Situation(
        resources=resources,
        demand=[_scaled(row, resources, factor) for row, factor in zip([*known, *added], factors, strict=True)],
        assigned=[*now.assigned, *(device.gateway for device in changes.add_devices)],
        epochs=[*now.epochs, *(0 for _ in changes.add_devices)],
        dead=_with(now.dead, changes.fail, changes.remove),
        draining=_with(now.draining, changes.drain, [*changes.replace]),
        closed=_with(now.closed, changes.cordon),
        cooling=now.cooling,
        unpaid=now.unpaid,
        suspects=now.suspects,
        replaced={**now.replaced, **changes.replace},
    )


def _with(names: list[GatewayId], *more: list[GatewayId]) -> list[GatewayId]:
    return list(dict.fromkeys([*names, *(name for each in more for name in each)]))


def _factor(device: DevicePlacement, changes: Changes) -> float:
    by_profile = changes.scale_profiles.get(device.profile, 1.0)
    return changes.scale * by_profile * changes.scale_devices.get(DeviceId(device.id), 1.0)


def _scaled(row: Mapping[str, float], resources: list[str], factor: float) -> list[float]:
    """A device's demand in columns. It stays one device, whatever it needs."""
    return [min(row.get(name, 0.0) * (1.0 if name == DEVICES else factor), MAX_AMOUNT) for name in resources]
