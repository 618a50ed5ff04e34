"""Who still serves a device that another gateway was given, by what its readings say."""

from tidegate.contracts.anomaly import Incident, IncidentCause, IncidentStatus
from tidegate.contracts.plan import Assignment, Phase
from tidegate.contracts.reading import Reading
from tidegate.core.stale_owners import GRACE_MS, NAMED, QUIET_MS, StaleOwners

LATE = GRACE_MS + 1


def owned(phase: Phase = Phase.ACTIVE) -> StaleOwners:
    """Every device but "unknown" was given to gw-b under epoch 5 at 0."""

    def owner_of(site: str, device: str) -> Assignment | None:
        return None if device == "unknown" else Assignment(site, device, "gw-b", 5, {}, phase, None, 0, "test")

    return StaleOwners(owner_of)


def reading(device: str = "a", gateway: str | None = "gw-a", epoch: int | None = 4, at_ms: int = LATE) -> Reading:
    return Reading("north", device, "sensor", at_ms, {}, gateway, epoch)


def told(owners: StaleOwners, *readings: Reading, tick_ms: int = LATE) -> list[Incident]:
    return owners.observe(readings, tick_ms)


def test_a_gateway_that_serves_whom_it_has_lost_is_an_incident_of_its_own() -> None:
    (incident,) = told(owned(), reading(), reading("b"))
    assert (incident.cause, incident.gateway, incident.version) == (IncidentCause.STALE_OWNER, "gw-a", 1)
    assert (incident.device_count, incident.devices) == (2, ["a", "b"])
    assert incident.text == "gw-a still serves 2 devices that other gateways have been given"


def test_what_is_no_proof_opens_nothing() -> None:
    harmless = [
        reading(gateway="gw-b", epoch=4),
        reading(epoch=5),
        reading(epoch=6),
        reading(epoch=None),
        reading(gateway=None),
        reading("unknown"),
        reading(at_ms=GRACE_MS - 1),
    ]
    assert told(owned(), *harmless) == []
    assert told(owned(Phase.REVOKING), reading()) == []


def test_it_tells_again_only_of_more_devices_and_ends_when_none_is_heard() -> None:
    owners = owned()
    (opened,) = told(owners, reading())
    assert told(owners, reading(at_ms=LATE + 5), tick_ms=LATE + 5) == []
    (more,) = told(owners, reading("b", at_ms=LATE + 9), tick_ms=LATE + 9)
    assert (more.id, more.version, more.status) == (opened.id, 2, IncidentStatus.UPDATED)
    assert told(owners, tick_ms=LATE + 8 + QUIET_MS) == []
    (ended,) = told(owners, tick_ms=LATE + 9 + QUIET_MS)
    assert (ended.version, ended.status, ended.closed_at_ms) == (3, IncidentStatus.CLOSED, LATE + 9)
    (again,) = told(owners, reading(at_ms=LATE + 2 * QUIET_MS), tick_ms=LATE + 2 * QUIET_MS)
    assert again.id != opened.id


def test_it_goes_on_from_its_exported_state() -> None:
    owners, twin = owned(), owned()
    told(owners, reading())
    twin.restore(owners.export_state())
    assert twin.export_state() == owners.export_state()
    assert told(twin, reading("b")) == told(owners, reading("b"))


def test_a_gateway_with_very_many_devices_is_counted_whole_and_named_in_part_also_after_a_restart() -> None:
    owners = owned()
    (opened,) = told(owners, *(reading(f"d{number:05}") for number in range(20_000)))
    assert (opened.device_count, len(opened.devices)) == (20_000, NAMED)
    restored = owned()
    restored.restore(owners.export_state())
    assert restored.export_state() == owners.export_state()
    assert told(restored, reading("d00007"), tick_ms=LATE + 1) == []
    (more,) = told(restored, reading("new"), tick_ms=LATE + 2)
    assert (more.device_count, more.version) == (20_001, 2)
