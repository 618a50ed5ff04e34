"""Who is told of what, and when: the book of alerts, by hand-moved time."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate.api import examples
from tidegate.api.alerting.book import AGAIN_MS, HOLD_MS, MOST, OLD_MS, SHORT_MS, AlertBook
from tidegate.api.alerting.wording import Wording
from tidegate.contracts.anomaly import Anomaly, AnomalyStatus, Severity
from tidegate.contracts.ids import AnomalyId
from tidegate.ports import Alert

NOW = examples.ANOMALY.event_time_ms + 1000


def anomaly(version: int = 1, **changes: Any) -> Anomaly:
    return replace(examples.ANOMALY, version=version, **changes)


def closed(version: int = 2, **changes: Any) -> Anomaly:
    return anomaly(version, status=AnomalyStatus.CLOSED, closed_at_ms=examples.ANOMALY.event_time_ms, **changes)


class Rig:
    def __init__(self) -> None:
        self.book = AlertBook(Wording(link="https://tidegate.example.org/"))
        self.now = NOW

    def note(self, fact: Any, age_ms: int = 0) -> None:
        self.book.note(fact, self.now - age_ms, self.now)

    def tell(self, after_ms: int = 0) -> list[Alert]:
        self.now += after_ms
        due = self.book.due(self.now)
        self.book.told(due, self.now)
        return [alert for _, alert in due]


def test_what_goes_on_is_told_at_once_and_again_until_it_ends() -> None:
    rig = Rig()
    rig.note(anomaly())
    [first] = rig.tell()
    assert first.ends_at_ms == rig.now + HOLD_MS
    assert rig.tell(AGAIN_MS - 1) == []
    [again] = rig.tell(1)
    assert (again.labels, again.ends_at_ms) == (first.labels, rig.now + HOLD_MS)
    rig.note(closed())
    [last] = rig.tell()
    assert (last.labels, last.ends_at_ms) == (first.labels, rig.now)
    assert rig.tell(10 * AGAIN_MS) == []
    assert len(rig.book) == 0


def test_the_shortest_one_fires_for_long_enough_to_be_heard_and_then_resolves() -> None:
    rig = Rig()
    rig.note(anomaly())
    rig.note(closed())
    [fires] = rig.tell()
    assert fires.ends_at_ms == rig.now + SHORT_MS
    assert rig.tell(SHORT_MS - 1) == []
    [resolved] = rig.tell(1)
    assert resolved.ends_at_ms == rig.now
    assert len(rig.book) == 0


def test_what_was_not_taken_stays_due() -> None:
    rig = Rig()
    rig.note(anomaly())
    assert rig.book.due(rig.now)
    rig.note(closed())
    assert len(rig.book.due(rig.now + AGAIN_MS)) == 1


def test_a_severity_that_rises_ends_the_old_alert_and_begins_another() -> None:
    rig = Rig()
    rig.note(anomaly())
    [old] = rig.tell()
    rig.note(anomaly(2, severity=Severity.CRITICAL))
    ended, new = rig.tell()
    assert (ended.labels, ended.ends_at_ms) == (old.labels, rig.now)
    assert (new.labels["severity"], new.ends_at_ms) == ("critical", rig.now + HOLD_MS)
    assert rig.tell() == []


def test_nobody_is_told_of_what_is_minor_long_over_or_was_taken_back() -> None:
    rig = Rig()
    rig.note(anomaly(id=AnomalyId("minor"), severity=Severity.MEDIUM))
    rig.note(closed(id=AnomalyId("old")), age_ms=OLD_MS)
    rig.note(anomaly(id=AnomalyId("retracted"), status=AnomalyStatus.RETRACTED))
    assert rig.tell() == []


def test_one_that_was_told_and_is_taken_back_resolves() -> None:
    rig = Rig()
    rig.note(anomaly())
    rig.tell(SHORT_MS)
    rig.note(anomaly(2, status=AnomalyStatus.RETRACTED))
    assert [alert.ends_at_ms for alert in rig.tell(SHORT_MS)] == [rig.now]


def test_older_versions_and_repeats_change_nothing() -> None:
    rig = Rig()
    rig.note(anomaly(3))
    rig.tell()
    rig.note(anomaly(3))
    rig.note(closed(2))
    assert rig.tell() == []


def test_an_incident_names_its_site_and_what_it_took_down() -> None:
    rig = Rig()
    rig.note(examples.INCIDENT)
    [alert] = rig.tell()
    assert alert.labels["site"] == examples.INCIDENT.site
    assert examples.INCIDENT.text in alert.annotations["summary"]


def test_an_alert_says_why_in_words_and_leads_to_the_whole_of_it() -> None:
    rig = Rig()
    rig.note(anomaly(id=AnomalyId("a/b c")))
    [alert] = rig.tell()
    assert examples.REASON.text in alert.annotations["reasons"]
    assert alert.link == "https://tidegate.example.org/v1/anomalies/a%2Fb%20c"


def test_a_flood_is_bounded_and_counted() -> None:
    rig = Rig()
    for number in range(MOST + 7):
        rig.note(anomaly(id=AnomalyId(f"a{number}")))
    assert (len(rig.book), rig.book.dropped) == (MOST, 7)


@pytest.mark.timeout(60)
@given(
    st.lists(
        st.tuples(st.integers(1, 6), st.sampled_from(["open", "closed", "rises", "tell"]), st.integers(0, 400_000)), max_size=40
    )
)
def test_in_the_end_everything_that_was_told_has_ended_and_is_forgotten(steps: list[tuple[int, str, int]]) -> None:
    rig, version, standing = Rig(), 10, {}
    for number, what, wait in [*steps, *[(number, "closed", 0) for number in range(1, 7)], (0, "tell", 0), (0, "tell", SHORT_MS)]:
        version += 1
        fact = AnomalyId(f"a{number}")
        if what == "tell":
            standing |= {tuple(sorted(each.labels.items())): each.ends_at_ms for each in rig.tell(wait)}
        else:
            severity = Severity.CRITICAL if what == "rises" else Severity.HIGH
            rig.note(closed(version, id=fact) if what == "closed" else anomaly(version, id=fact, severity=severity))
    assert all(end <= rig.now for end in standing.values())
    assert len(rig.book) == 0
