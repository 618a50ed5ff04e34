"""The simulated fleet: reproducible, labelled truthfully, and following its assignments."""

from collections.abc import Iterator, Sequence
from functools import cache
from itertools import islice, pairwise

import numpy as np
import pytest

from tidegate.adapters.profiles import shipped_profiles
from tidegate.contracts.codec import encode
from tidegate.contracts.ids import GatewayId
from tidegate.contracts.plan import Assignment, Phase
from tidegate.contracts.reading import Reading
from tidegate.contracts.topology import check_topology
from tidegate.errors import ConfigurationError
from tidegate.fleet.simulator.classes import CLASSES, deal
from tidegate.fleet.simulator.faults import Fault, FaultType, Label
from tidegate.fleet.simulator.fleet import Fleet
from tidegate.fleet.simulator.layout import Layout, lay_out
from tidegate.fleet.simulator.schedule import Programme, schedule
from tidegate.fleet.simulator.spec import FleetSpec
from tidegate.fleet.sizing import demand_series

START_MS = 1_767_571_200_000
SPEC = FleetSpec(start_ms=START_MS, sites=2, gateways=3, devices=13, missing_ratio=0.01)
Key = tuple[str, int]


def layout(spec: FleetSpec = SPEC) -> Layout:
    return lay_out(spec, shipped_profiles(), revision=1)


def run(faults: Iterator[Fault], seconds: int, spec: FleetSpec = SPEC) -> tuple[list[Reading], list[Label]]:
    slots = list(Fleet(spec, layout(spec), faults).slots(START_MS + seconds * 1000))
    return [reading for slot in slots for reading in slot.readings], [label for slot in slots for label in slot.labels]


@cache
def healthy_fleet(seconds: int) -> list[Reading]:
    """What the same fleet says without any fault; nobody changes it."""
    return run(iter(()), seconds)[0]


def programme(*types: FaultType, every_seconds: float = 20.0) -> Programme:
    return Programme(START_MS + 30_000, every_seconds, types or tuple(FaultType))


def by_key(readings: Sequence[Reading]) -> dict[Key, Reading]:
    return {(reading.device, reading.event_time_ms): reading for reading in readings}


def covered(label: Label, device: str, moment_ms: int) -> bool:
    return device in label.devices and label.start_ms <= moment_ms < label.end_ms


def test_the_same_seed_gives_the_same_bytes_and_another_seed_others() -> None:
    def stream(seed: int) -> bytes:
        spec = FleetSpec(start_ms=START_MS, seed=seed)
        readings, labels = run(schedule(programme(), spec, layout(spec)), 300, spec)
        return b"\n".join(encode(item) for item in [*readings, *labels])

    assert stream(7) == stream(7)
    assert stream(7) != stream(8)


def test_every_device_speaks_once_an_interval_at_rising_times() -> None:
    readings, _ = run(iter(()), 20)
    assert len(readings) == 2 * 13 * 10
    for device in {reading.device for reading in readings}:
        times = [reading.event_time_ms for reading in readings if reading.device == device]
        assert np.all(np.diff(times) == 2000)


@pytest.mark.parametrize("kind", [FaultType.SPIKE, FaultType.LEVEL_SHIFT, FaultType.STUCK, FaultType.DRIFT, FaultType.DROPOUT])
def test_readings_differ_from_the_healthy_fleet_only_where_a_label_says_so(kind: FaultType) -> None:
    healthy = by_key(healthy_fleet(600))
    readings, labels = run(schedule(programme(kind), SPEC, layout()), 600)
    assert labels
    changed: set[str] = set()
    for key, reading in by_key(readings).items():
        wrong = {name for name, value in reading.metrics.items() if value != healthy[key].metrics[name]}
        causes = [label for label in labels if covered(label, *key)]
        assert wrong <= {metric for label in causes for metric in label.metrics}
        changed |= {label.id for label in causes if wrong & set(label.metrics)}
    whole = {label.id for label in labels if label.end_ms <= START_MS + 600_000}
    assert whole <= changed


def test_a_stuck_metric_repeats_what_it_said_before() -> None:
    readings, labels = run(schedule(programme(FaultType.STUCK, every_seconds=100), SPEC, layout()), 400)
    label = labels[0]
    said = [r.metrics[label.metrics[0]] for r in readings if covered(label, r.device, r.event_time_ms)]
    assert len({value for value in said if value is not None}) == 1
    assert len(said) > 50


def test_a_dropout_sends_readings_without_the_value() -> None:
    readings, labels = run(schedule(programme(FaultType.DROPOUT, every_seconds=100), SPEC, layout()), 300)
    label = labels[0]
    said = [r.metrics[label.metrics[0]] for r in readings if covered(label, r.device, r.event_time_ms)]
    assert said
    assert set(said) == {None}


def test_a_clock_jump_moves_event_times_and_nothing_else() -> None:
    healthy = healthy_fleet(300)
    readings, labels = run(schedule(programme(FaultType.CLOCK_JUMP, every_seconds=60), SPEC, layout()), 300)
    assert [reading.metrics for reading in readings] == [reading.metrics for reading in healthy]
    for jumped, right in zip(readings, healthy, strict=True):
        offset_ms = sum(round(label.magnitude * 1000) for label in labels if covered(label, right.device, right.event_time_ms))
        assert jumped.event_time_ms == right.event_time_ms + offset_ms
    assert any(a.event_time_ms != b.event_time_ms for a, b in zip(readings, healthy, strict=True))


def test_a_surge_raises_the_demand_of_its_site_and_of_no_other() -> None:
    surge = Fault(FaultType.DEMAND_SURGE, START_MS, START_MS + 600_000, site=0, magnitude=2.0)
    demand, healthy = total_demand(run(iter([surge]), 600)[0]), total_demand(healthy_fleet(600))
    assert demand["site-1"] > 1.1 * healthy["site-1"]
    assert demand["site-2"] == healthy["site-2"]


def total_demand(readings: Sequence[Reading]) -> dict[str, float]:
    profiles, total = shipped_profiles(), {"site-1": 0.0, "site-2": 0.0}
    for reading in readings:
        values = np.array([[np.nan if value is None else value for value in reading.metrics.values()]])
        series = demand_series(profiles[reading.profile], list(reading.metrics), values)
        total[reading.site] += float(series["bandwidth_bps"][0])
    return total


def test_devices_of_a_dead_gateway_are_silent_until_another_takes_them() -> None:
    outage = Fault(FaultType.GATEWAY_OUTAGE, START_MS, START_MS + 3_600_000, site=0, gateway=0)
    fleet = Fleet(SPEC, layout(), iter([outage]))
    first = [fleet.step() for _ in range(8)]
    (label,) = first[0].labels
    assert label.gateway == "gw-1-01"
    assert label.devices
    assert not set(label.devices) & {reading.device for slot in first for reading in slot.readings}

    saved = label.devices[0]
    fleet.follow([assignment(label, saved, "gw-1-02", 4)])
    spoken = [reading for _ in range(4) for reading in fleet.step().readings if reading.device in label.devices]
    assert {(reading.device, reading.gateway, reading.epoch) for reading in spoken} == {(saved, "gw-1-02", 4)}


def test_a_device_assigned_to_nobody_falls_silent_and_unknown_names_do_no_harm() -> None:
    fleet = Fleet(SPEC, layout(), iter(()))
    label = Label("x", FaultType.SPIKE, fleet.layout.sites[0], None, [], [], 0, 0, 0.0)
    gone = fleet.layout.devices[0]
    fleet.follow([assignment(label, gone, None, 1), assignment(label, "stranger", "gw-1-01", 1)])
    fleet.follow([assignment(label, fleet.layout.devices[1], "gw-of-nobody", 1)])
    spoken = {reading.device for _ in range(4) for reading in fleet.step().readings}
    assert spoken == set(fleet.layout.devices[2:])


def assignment(label: Label, device: str, gateway: str | None, epoch: int) -> Assignment:
    name = None if gateway is None else GatewayId(gateway)
    return Assignment(label.site, device, name, epoch, {}, Phase.ACTIVE, None, 0, "test")  # type: ignore[arg-type]  # a plain text will do


def test_an_outage_is_never_of_a_site_with_one_gateway_and_never_twice_at_once() -> None:
    lonely = FleetSpec(start_ms=START_MS, gateways=1, devices=4)
    only_outages = programme(FaultType.GATEWAY_OUTAGE, every_seconds=5)
    mixed = Programme(START_MS, 5.0, (FaultType.GATEWAY_OUTAGE, FaultType.SPIKE))
    assert {fault.type for fault in islice(schedule(mixed, lonely, layout(lonely)), 20)} == {FaultType.SPIKE}
    outages = list(islice(schedule(only_outages, SPEC, layout()), 40))
    for site in (0, 1):
        spans = [(fault.start_ms, fault.end_ms) for fault in outages if fault.site == site]
        assert all(end <= start for (_, end), (start, _) in pairwise(spans))


def test_the_demonstration_shows_an_anomaly_and_an_outage_within_forty_seconds() -> None:
    first = list(islice(schedule(Programme(START_MS, demonstration=True), SPEC, layout()), 3))
    assert [fault.type for fault in first] == [FaultType.SPIKE, FaultType.LEVEL_SHIFT, FaultType.GATEWAY_OUTAGE]
    assert all(fault.start_ms <= START_MS + 40_000 for fault in first)


def test_no_faults_means_none() -> None:
    assert list(schedule(Programme(START_MS, 0.0), SPEC, layout())) == []


def test_the_topology_is_lawful_and_holds_the_fleet_at_full_load_without_one_gateway() -> None:
    spec = FleetSpec(start_ms=START_MS)
    for topology in layout(spec).topologies:
        check_topology(topology)
        assert all(device.gateway == device.reach[0].gateway for device in topology.devices)
        assert sum(gateway.capacity["devices"] for gateway in topology.gateways[1:]) >= len(topology.devices)


def test_values_swing_with_the_day_and_stay_in_the_profiles_ranges() -> None:
    profiles = shipped_profiles()
    readings, _ = run(iter(()), 600)
    for reading in readings:
        for name, value in reading.metrics.items():
            metric = profiles[reading.profile].metrics[name]
            assert value is None or (metric.low or 0) <= value <= (metric.high or 0)
    power = [reading.metrics["power_watts"] for reading in readings if reading.profile == "smart-meter"]
    said = [value for value in power if value is not None]
    assert max(said) > 3 * min(said)


def test_about_the_stated_share_of_values_is_missing() -> None:
    readings, _ = run(iter(()), 600)
    values = [value for reading in readings for value in reading.metrics.values()]
    assert 0.005 < sum(value is None for value in values) / len(values) < 0.02


def test_devices_speak_as_often_as_their_profiles_say() -> None:
    profiles = shipped_profiles()
    assert {profiles[known.profile].interval_seconds for known in CLASSES} == {SPEC.interval_seconds}


def test_a_small_fleet_has_every_class() -> None:
    assert {known.profile for known in deal(len(CLASSES))} == {known.profile for known in CLASSES}


@pytest.mark.parametrize(
    "wrong",
    [
        {"sites": 0},
        {"gateways": 0},
        {"devices": 0},
        {"devices": 1_000_000},
        {"interval_seconds": 0.0},
        {"interval_seconds": float("nan")},
        {"day_seconds": 0.0},
        {"missing_ratio": 1.5},
        {"seed": -1},
    ],
)
def test_a_fleet_that_cannot_be_is_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ConfigurationError, match=next(iter(wrong)).split("_", 1)[0]):
        FleetSpec(start_ms=START_MS, **wrong)  # type: ignore[arg-type]  # wrong on purpose


def test_a_programme_that_cannot_be_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="at least 0"):
        Programme(START_MS, -1.0)
    with pytest.raises(ConfigurationError, match="at least one"):
        Programme(START_MS, 1.0, ())


def test_a_missing_profile_is_told() -> None:
    with pytest.raises(ConfigurationError, match="no profile"):
        lay_out(SPEC, {}, revision=1)
