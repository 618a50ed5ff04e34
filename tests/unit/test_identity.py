"""Ids of facts."""

from tidegate.contracts.anomaly import IncidentCause
from tidegate.contracts.ids import DeviceId, GatewayId, SiteId
from tidegate.core.identity import anomaly_id, fact_id, incident_id

SITE = SiteId("s")


def test_the_same_fact_has_the_same_id_for_ever() -> None:
    assert fact_id("an", "site", "pump-1", 3) == "an-c00519621a9c7b179693"
    assert anomaly_id(SITE, DeviceId("d"), "reading", 5) == "an-b7cec7482149654f2b18"


def test_parts_that_spell_the_same_text_are_not_the_same_key() -> None:
    assert len({fact_id("an", "ab", "c"), fact_id("an", "a", "bc"), fact_id("an", "abc"), fact_id("in", "abc")}) == 4


def test_incidents_differ_by_cause_gateway_and_ordinal() -> None:
    silent = IncidentCause.GATEWAY_SILENT
    ids = {
        incident_id(SITE, silent, GatewayId("g"), 1, 0),
        incident_id(SITE, silent, GatewayId("g"), 2, 0),
        incident_id(SITE, silent, GatewayId("h"), 1, 0),
        incident_id(SITE, IncidentCause.SITE_SILENT, None, 1, 0),
    }
    assert len(ids) == 4


def test_unpaired_surrogates_in_a_name_do_not_break_an_id() -> None:
    assert fact_id("an", "\ud800").startswith("an-")
