"""Maintenance windows: what they keep from opening, what they take back, and what they leave alone."""

from copy import deepcopy
from dataclasses import replace
from functools import cache

import pytest

from support.forecasters import SmoothForecaster
from support.readings import configuration, noise, profile, reading, tick_of
from tidegate.contracts.anomaly import AnomalyStatus, IncidentStatus
from tidegate.contracts.command import Command, CommandKind
from tidegate.contracts.ids import CommandId, DeviceId, GatewayId, SiteId
from tidegate.contracts.maintenance import WEEK_MS, MaintenanceWindow, WindowId, check_window
from tidegate.core.detection.maintenance import MOST_WINDOWS
from tidegate.core.partition import Batch, Facts, Partition
from tidegate.errors import InputError

SITE = SiteId("s")


def partition(lateness_seconds: float = 0.0) -> Partition:
    chosen = replace(profile(), lateness_seconds=lateness_seconds)
    return Partition(configuration(chosen), {"universal": SmoothForecaster()})


def window(start: float, stop: float, name: str = "w", **given: object) -> MaintenanceWindow:
    return MaintenanceWindow(WindowId(name), tick_of(start), tick_of(stop), "new bearing", **given)  # type: ignore[arg-type]


def declared(what: MaintenanceWindow, number: int = 0) -> Command:
    return Command(CommandId(f"c{number}{what.id}"), SITE, CommandKind.DECLARE_MAINTENANCE, "anna", window=what)


def cancelled(name: str) -> Command:
    return Command(CommandId(f"x{name}"), SITE, CommandKind.CANCEL_MAINTENANCE, "anna", window_id=WindowId(name))


def tell(subject: Partition, minute: float, *commands: Command) -> Facts:
    return subject.step(Batch(tick_of(minute), commands=commands))


def hear(subject: Partition, minute: int, value: float | None = None, **given: object) -> Facts:
    chosen = noise(1, minute)[0] if value is None else value
    return subject.step(Batch(tick_of(minute), [reading(minute, chosen, **given)]))


def calm(subject: Partition, *minutes: int, **given: object) -> None:
    for minute in range(*minutes):
        assert hear(subject, minute, **given).anomalies == []


@cache
def _calmed(gateway: str | None) -> Partition:
    subject = partition()
    calm(subject, 300, gateway=gateway)
    return subject


def calm_partition(gateway: str | None = None) -> Partition:
    """A partition of its own after three hundred calm minutes, which are lived through once."""
    return deepcopy(_calmed(gateway))


def statuses(facts: Facts) -> list[AnomalyStatus]:
    return [fact.status for fact in facts.anomalies]


def test_within_a_window_a_spike_scores_and_opens_nothing_and_explains_itself() -> None:
    subject = calm_partition()
    tell(subject, 300, declared(window(300, 310)))
    facts = hear(subject, 301, 150.0)
    assert facts.anomalies == []
    explanation = subject.detection.explain(SITE, DeviceId("d"))
    assert explanation is not None
    assert explanation.device.neg_log10_p is not None
    assert explanation.device.neg_log10_p > explanation.threshold
    assert explanation.suppressed_by == ["maintenance window 'w': new bearing"]
    assert explanation.would_fire.startswith("nothing fires while it lasts")


@pytest.mark.parametrize(("start", "stop", "held"), [(300, 301, False), (301, 302, True), (302, 303, False), (300, 400, True)])
def test_a_window_begins_with_its_start_and_ends_before_its_end(start: int, stop: int, held: bool) -> None:
    subject = calm_partition()
    tell(subject, 300, declared(window(start, stop)))
    assert statuses(hear(subject, 301, 150.0)) == ([] if held else [AnomalyStatus.OPENED])


@pytest.mark.parametrize(
    ("given", "held"),
    [
        ({"devices": [DeviceId("d")]}, True),
        ({"devices": [DeviceId("e")]}, False),
        ({"gateway": GatewayId("g")}, True),
        ({"gateway": GatewayId("h")}, False),
        ({}, True),
    ],
)
def test_a_window_is_of_devices_of_a_gateway_or_of_the_site(given: dict[str, object], held: bool) -> None:
    subject = calm_partition("g")
    tell(subject, 300, declared(window(300, 310, **given)))
    assert statuses(hear(subject, 301, 150.0, gateway="g")) == ([] if held else [AnomalyStatus.OPENED])


def test_a_window_declared_too_late_takes_back_what_opened_within_it_and_says_so() -> None:
    subject = calm_partition()
    (opened,) = hear(subject, 300, 150.0).anomalies
    (retracted,) = tell(subject, 302, declared(window(299, 320))).anomalies
    assert (retracted.id, retracted.version, retracted.status) == (opened.id, 2, AnomalyStatus.RETRACTED)
    assert retracted.reasons[0].stream == "maintenance"
    assert "'w': new bearing" in retracted.reasons[0].text
    assert subject.detection.anomalies.open == {}
    assert statuses(hear(subject, 303, 150.0)) == []


def test_what_opened_before_a_window_goes_on_through_it() -> None:
    subject = calm_partition()
    assert statuses(hear(subject, 300, 150.0)) == [AnomalyStatus.OPENED]
    assert tell(subject, 301, declared(window(301, 400))).anomalies == []
    ends = [statuses(hear(subject, minute)) for minute in range(301, 312)]
    assert [AnomalyStatus.CLOSED] in ends


def test_a_cancelled_window_holds_nothing_back_and_one_of_the_same_id_takes_its_place() -> None:
    subject = calm_partition()
    tell(subject, 300, declared(window(300, 400)), declared(window(300, 301), 1))
    assert subject.detection.anomalies.maintenance.windows(SITE) == [window(300, 301)]
    assert [fact.accepted for fact in tell(subject, 300, cancelled("w"), cancelled("other")).outcomes] == [True, False]
    assert statuses(hear(subject, 300, 150.0)) == [AnomalyStatus.OPENED]


def test_a_site_takes_so_many_windows_and_past_ones_make_room() -> None:
    subject = partition()
    tell(subject, 0, *(declared(window(0, 1, f"w{number}")) for number in range(MOST_WINDOWS)))
    (refused,) = tell(subject, 0, declared(window(0, 1, "more"))).outcomes
    assert not refused.accepted
    assert str(MOST_WINDOWS) in refused.reason
    hear(subject, 9 * 24 * 60, 20.0)
    (accepted,) = tell(subject, 9 * 24 * 60 + 1, declared(window(0, 1, "now"))).outcomes
    assert accepted.accepted


def test_a_weekly_window_comes_again_until_it_does_not() -> None:
    weekly = MaintenanceWindow(WindowId("w"), 1000, 2000, weekly_until_ms=1000 + 2 * WEEK_MS)
    in_force = [weekly.covers_time(at_ms) for at_ms in (999, 1000, 1999, 2000, WEEK_MS + 1500, 2 * WEEK_MS + 1500)]
    assert in_force == [False, True, True, False, True, False]
    assert weekly.ends_ms == 2000 + WEEK_MS
    assert weekly.overlaps(WEEK_MS, WEEK_MS + 1000)
    assert not weekly.overlaps(WEEK_MS, WEEK_MS + 999)
    assert not weekly.overlaps(2 * WEEK_MS, 3 * WEEK_MS)


@pytest.mark.parametrize(
    "wrong",
    [
        window(5, 5),
        window(5, 4),
        window(0, 600_000),
        window(0, 20_000, weekly_until_ms=tick_of(90_000)),
        window(0, 1, devices=[DeviceId("d")], gateway=GatewayId("g")),
        window(0, 1, devices=[DeviceId(" d")]),
        window(0, 1, name="\x07"),
    ],
)
def test_a_window_that_cannot_be_meant_is_refused(wrong: MaintenanceWindow) -> None:
    with pytest.raises(InputError):
        check_window(wrong)


def fleet(subject: Partition, minute: int, silent: range = range(0), devices: int = 10) -> Facts:
    """One reading of each of ten devices behind two gateways, without the `silent`."""
    heard = [each for each in range(devices) if each not in silent]
    readings = [reading(minute, 20.0 + (minute * 7 + each) % 5, device=f"d{each}", gateway=f"g{each // 5}") for each in heard]
    return subject.step(Batch(tick_of(minute), readings))


def test_silence_within_a_window_is_told_only_if_it_outlasts_it() -> None:
    subject = partition()
    for minute in range(100):
        fleet(subject, minute)
    tell(subject, 100, declared(window(100, 130, devices=[DeviceId("d0")])))
    told = {minute: fleet(subject, minute, range(1)).anomalies for minute in range(100, 150)}
    opened = [minute for minute, facts in told.items() if facts]
    assert len(opened) == 1
    assert 130 + 5 < opened[0] <= 130 + 8, "it gets all its patience after the end"
    assert told[opened[0]][0].fault_kind == "silence"


def test_a_gateway_in_maintenance_has_no_incident_until_after_it() -> None:
    subject = partition()
    for minute in range(100):
        fleet(subject, minute)
    tell(subject, 100, declared(window(100, 130, gateway=GatewayId("g0"))))
    found = {minute: fleet(subject, minute, range(5)) for minute in range(100, 150)}
    assert all(not facts.incidents and not facts.anomalies for minute, facts in found.items() if minute < 135)
    (incident,) = [incident for facts in found.values() for incident in facts.incidents]
    assert (incident.gateway, incident.status) == ("g0", IncidentStatus.OPENED)


def test_a_dead_gateway_is_seen_though_some_of_its_devices_are_in_maintenance() -> None:
    subject = partition()
    for minute in range(100):
        fleet(subject, minute, devices=20)
    tell(subject, 100, declared(window(100, 200, devices=[DeviceId("d0"), DeviceId("d1")])))
    incidents = [incident for minute in range(100, 115) for incident in fleet(subject, minute, range(5), 20).incidents]
    assert [incident.gateway for incident in incidents] == ["g0"]


def test_a_whole_site_in_maintenance_may_be_silent() -> None:
    subject = partition()
    for minute in range(30):
        fleet(subject, minute)
    tell(subject, 30, declared(window(30, 60)))
    found = [(minute, incident) for minute in range(30, 90) for incident in tell(subject, minute).incidents]
    assert [(incident.cause, minute >= 60) for minute, incident in found] == [("site-silent", True)]


def test_a_late_reading_brings_nothing_back_that_a_window_took_away() -> None:
    subject = partition(lateness_seconds=1800.0)
    calm(subject, 290)
    assert statuses(hear(subject, 291, 150.0)) == [AnomalyStatus.OPENED]
    assert statuses(tell(subject, 292, declared(window(285, 320)))) == [AnomalyStatus.RETRACTED]
    for minute in (292, 294, 290, 293):
        assert hear(subject, minute).anomalies == []
    restored = Partition.restore(subject.export_state(), {"universal": SmoothForecaster()})
    assert restored.digest() == subject.digest()


def test_annotations_are_taken_in_order_and_change_no_state_but_the_memory_of_them() -> None:
    subject = partition()
    before = subject.detection.digest()
    command = Command(CommandId("a"), SITE, CommandKind.ACKNOWLEDGE_ANOMALY, "anna", anomaly_id="an-1")  # type: ignore[arg-type]
    assert [fact.accepted for fact in tell(subject, 0, command, command).outcomes] == [True]
    assert tell(subject, 0, command).outcomes == []
    assert subject.detection.digest() == before
