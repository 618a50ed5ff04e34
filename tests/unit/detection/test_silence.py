"""Who is silent, what that says of gateways and sites, and what it does not say."""

from collections.abc import Iterable

from support.readings import detection, profile, reading, tick_of
from tidegate.contracts.anomaly import Anomaly, AnomalyStatus, DeviceState, FaultKind, Incident, IncidentCause, IncidentStatus
from tidegate.core.detection.detection import Detection


class Fleet:
    """Devices that speak once a minute, each by its gateway, with a tick after every minute; collects the facts."""

    def __init__(self, subject: Detection, gateways: dict[str, str | None]) -> None:
        self.subject = subject
        self.gateways = gateways
        self.minute = 0
        self.anomalies: list[Anomaly] = []
        self.incidents: list[Incident] = []

    def live(self, minutes: int, dead: Iterable[str] = (), ahead: dict[str, float] | None = None) -> None:
        silenced = set(dead)
        for _ in range(minutes):
            batch = [
                reading(self.minute + (ahead or {}).get(name, 0.0), device=name, gateway=gateway)
                for name, gateway in self.gateways.items()
                if name not in silenced
            ]
            for result in (self.subject.observe(batch, tick_of(self.minute)), self.subject.tick(tick_of(self.minute))):
                self.anomalies += result.anomalies
                self.incidents += result.incidents
            self.minute += 1

    def state(self, device: str) -> DeviceState:
        return next(view.state for view in self.subject.device_views() if view.device == device)


def fleet(devices: int = 20, gateway: str | None = None, **settings: object) -> Fleet:
    return Fleet(detection(**settings), {f"d{number}": gateway for number in range(devices)})


def two_gateways(first: int, second: int) -> Fleet:
    served = {f"a{number}": "g1" for number in range(first)} | {f"b{number}": "g2" for number in range(second)}
    return Fleet(detection(), dict(served))


def test_a_silent_device_is_stale_and_gets_one_anomaly() -> None:
    subject = fleet()
    subject.live(10)
    subject.live(30, dead=["d3"])
    assert subject.state("d3") is DeviceState.STALE
    (opened,) = subject.anomalies
    assert (opened.device, opened.fault_kind, opened.status) == ("d3", FaultKind.SILENCE, AnomalyStatus.OPENED)
    assert "no reading for 7 minutes" in opened.reasons[0].text
    assert subject.incidents == []


def test_a_silent_device_that_speaks_again_closes_its_anomaly() -> None:
    subject = fleet()
    subject.live(10)
    subject.live(30, dead=["d3"])
    subject.live(10)
    assert [fact.status for fact in subject.anomalies] == [AnomalyStatus.OPENED, AnomalyStatus.CLOSED]
    assert subject.state("d3") is not DeviceState.STALE


def test_a_device_that_falls_silent_again_before_its_anomaly_closed_says_nothing_new() -> None:
    subject = fleet()
    subject.live(10)
    subject.live(20, dead=["d3"])
    subject.live(2)
    subject.live(20, dead=["d3"])
    assert [fact.version for fact in subject.anomalies] == [1]


def test_a_short_pause_is_not_silence() -> None:
    subject = fleet()
    subject.live(10)
    subject.live(5, dead=["d3"])
    subject.live(10)
    assert subject.anomalies == []


def test_one_fast_clock_makes_nobody_silent() -> None:
    subject = fleet()
    subject.live(30, ahead={"d0": 55.0})
    subject.live(30)
    assert [fact for fact in subject.anomalies if fact.device != "d0"] == []


def test_a_slow_clock_is_not_silence() -> None:
    subject = fleet()
    subject.live(60, ahead={"d0": -45.0})
    assert subject.anomalies == []


def test_a_dead_gateway_with_a_thousand_devices_is_one_incident_and_no_anomalies() -> None:
    subject = two_gateways(1000, 200)
    subject.live(10)
    subject.live(10, dead=[f"a{number}" for number in range(1000)])
    (incident,) = subject.incidents
    assert (incident.cause, incident.gateway, incident.status) == (IncidentCause.GATEWAY_SILENT, "g1", IncidentStatus.OPENED)
    assert (incident.device_count, len(incident.devices)) == (1000, 100)
    assert subject.anomalies == []
    assert subject.subject.silent_gateways("s") == {"g1"}
    assert subject.state("a7") is DeviceState.STALE
    subject.live(10)
    assert [fact.status for fact in subject.incidents] == [IncidentStatus.OPENED, IncidentStatus.CLOSED]
    assert subject.incidents[0].id == subject.incidents[1].id
    assert subject.subject.silent_gateways("s") == frozenset()
    assert subject.anomalies == []


def test_a_silence_that_was_told_before_its_gateway_fell_is_its_link_from_then_on() -> None:
    subject = two_gateways(10, 20)
    subject.live(10)
    subject.live(9, dead=["a0"])
    subject.live(12, dead=[f"a{number}" for number in range(10)])
    opened, updated = subject.anomalies
    assert (opened.device, opened.fault_kind, opened.incident) == ("a0", FaultKind.SILENCE, None)
    assert (updated.fault_kind, updated.incident) == (FaultKind.LINK, subject.incidents[0].id)
    subject.live(20)
    assert (subject.anomalies[-1].status, subject.anomalies[-1].fault_kind) == (AnomalyStatus.CLOSED, FaultKind.LINK)


def test_staggered_devices_of_a_dead_gateway_still_make_one_incident() -> None:
    subject = two_gateways(60, 60)
    offsets = {f"{side}{number}": number / 60 for number in range(60) for side in "ab"}
    subject.live(10, ahead=offsets)
    dead = [f"a{number}" for number in range(60)]
    for second in range(12 * 60):
        minute = 10 + second / 60
        due = [reading(minute, device=f"b{second % 60}", gateway="g2")]
        for result in (subject.subject.observe(due, tick_of(minute)), subject.subject.tick(tick_of(minute))):
            subject.anomalies += [fact for fact in result.anomalies if fact.device in dead]
            subject.incidents += result.incidents
    assert [fact.gateway for fact in subject.incidents if fact.status is IncidentStatus.OPENED] == ["g1"]
    assert subject.anomalies == []


def test_a_few_silent_devices_do_not_condemn_their_gateway() -> None:
    subject = two_gateways(20, 20)
    subject.live(10)
    subject.live(20, dead=[f"a{number}" for number in range(10)])
    assert subject.incidents == []
    assert len(subject.anomalies) == 10


def test_fewer_devices_than_the_limit_do_not_condemn_their_gateway() -> None:
    subject = two_gateways(2, 20)
    subject.live(10)
    subject.live(20, dead=["a0", "a1"])
    assert subject.incidents == []
    assert {fact.device for fact in subject.anomalies} == {"a0", "a1"}


def test_evacuated_devices_do_not_make_their_refuge_look_dead() -> None:
    subject = two_gateways(100, 10)
    subject.live(10)
    dead = [f"a{number}" for number in range(100)]
    subject.live(8, dead=dead)
    for name in dead:
        subject.subject.assign("s", name, "g2")
    subject.live(20, dead=dead)
    assert subject.subject.silent_gateways("s") == {"g1"}
    assert subject.anomalies == []


def test_a_fallen_gateway_without_devices_is_forgiven_after_a_while() -> None:
    subject = two_gateways(100, 10)
    subject.live(10)
    dead = [f"a{number}" for number in range(100)]
    subject.live(8, dead=dead)
    for name in dead:
        subject.subject.assign("s", name, "g2")
    subject.live(15)
    assert subject.subject.silent_gateways("s") == frozenset()
    assert "unknown" in subject.incidents[-1].text


def test_a_device_faulty_before_its_gateway_fell_keeps_its_anomaly() -> None:
    subject = two_gateways(30, 30)
    subject.live(10)
    subject.live(20, dead=["a0"])
    subject.live(15, dead=[f"a{number}" for number in range(30)])
    (incident,) = subject.incidents
    opened, explained = subject.anomalies
    assert opened.device == "a0"
    assert explained.incident == incident.id
    assert incident.anomalies == [opened.id]


def test_a_silent_site_is_one_incident_that_suspects_ourselves() -> None:
    subject = two_gateways(20, 20)
    subject.live(10)
    subject.live(20, dead=subject.gateways)
    (incident,) = subject.incidents
    assert (incident.cause, incident.device_count) == (IncidentCause.SITE_SILENT, 40)
    assert "suspect the way to us" in incident.text
    assert subject.anomalies == []
    assert subject.subject.silent_gateways("s") == frozenset()
    assert subject.state("a3") is DeviceState.STALE
    subject.live(3)
    assert subject.incidents[-1].status is IncidentStatus.CLOSED


def test_our_own_downtime_does_not_count_as_the_sites_silence() -> None:
    subject = fleet()
    subject.live(10)
    late = subject.subject.tick(tick_of(10_000))
    assert late.incidents == []


def test_sites_are_judged_apart() -> None:
    subject = detection()
    for minute in range(30):
        sites = ["s", "t"] if minute < 10 else ["t"]
        subject.observe([reading(minute, site=site, device=f"d{n}") for site in sites for n in range(5)], tick_of(minute))
        incidents = subject.tick(tick_of(minute)).incidents
        assert all(incident.site == "s" for incident in incidents)
    assert subject.sites() == ["s", "t"]
    assert len(subject.device_views("t")) == 5


def test_judging_more_often_than_once_a_second_changes_nothing() -> None:
    subject = fleet()
    subject.live(10)
    before = subject.subject.digest()
    subject.subject.tick(tick_of(9) + 500)
    assert subject.subject.digest() == before


def test_a_tick_that_steps_back_is_survived() -> None:
    subject = fleet()
    subject.live(10)
    assert subject.subject.tick(tick_of(2)).incidents == []
    subject.live(5)
    assert subject.incidents == []


def test_allocation_outranks_what_readings_say_of_their_gateway() -> None:
    subject = detection()
    subject.assign("s", "d", "g9")
    subject.observe([reading(0, gateway="g1")], tick_of(0))
    assert subject.device_views()[0].gateway == "g9"
    subject.assign("s", "d", None)
    subject.observe([reading(1, gateway="g1")], tick_of(1))
    assert subject.device_views()[0].gateway is None


def test_assignments_of_devices_never_seen_are_bounded() -> None:
    subject = detection(profile(), max_devices=10)
    for number in range(100):
        subject.assign("s", f"d{number}", "g")
    assert len(subject.roster.awaited) == 10
