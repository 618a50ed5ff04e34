"""Live state through the door: devices, sites, health, and identifiers with odd characters."""

from dataclasses import replace
from typing import Any
from urllib.parse import quote

import pytest

from tidegate.api import examples
from tidegate.contracts.anomaly import DeviceState
from tidegate.contracts.ids import DeviceId, SiteId
from tidegate.contracts.views import Balance, Health, SiteView

ODD = ["hall/7", "ünï çødé", "100%", "a?b&c#d", "..", "%2F", "a\\b;c", "设备-1"]


def device(site: str, name: str, **changes: Any) -> Any:
    return replace(examples.DEVICE, site=SiteId(site), device=DeviceId(name), **changes)


@pytest.mark.parametrize("odd", ODD)
async def test_an_identifier_with_odd_characters_is_reached_when_encoded(house: Any, odd: str) -> None:
    house.live.devices.append(device(odd, odd))
    house.live.topologies[odd] = replace(examples.TOPOLOGY, site=SiteId(odd))
    encoded = quote(odd, safe="").replace(".", "%2E")
    for path in (f"/v1/devices/{encoded}/{encoded}", f"/v1/sites/{encoded}/topology"):
        response = await house.client.get(path)
        assert response.status_code == 200, response.text
        assert response.json()["site"] == odd


async def test_bytes_that_are_no_text_name_nothing(house: Any) -> None:
    assert (await house.client.get("/v1/sites/%ff%fe/topology")).status_code == 404


async def test_devices_come_by_site_and_id_in_pages_that_join_up(house: Any) -> None:
    house.live.devices = [device(f"s{n % 3}", f"d{n:02}", state=list(DeviceState)[n % 4]) for n in range(20)]
    seen: list[tuple[str, str]] = []
    params: dict[str, Any] = {"limit": 6}
    while params.get("cursor", "") is not None:
        page = (await house.client.get("/v1/devices", params=params)).json()
        seen += [(item["site"], item["device"]) for item in page["items"]]
        params["cursor"] = page["next_cursor"]
        if page["next_cursor"] is None:
            break
    assert seen == sorted((view.site, view.device) for view in house.live.devices)
    stale = (await house.client.get("/v1/devices", params={"site": "s0", "state": "stale"})).json()["items"]
    assert {(item["site"], item["state"]) for item in stale} == {("s0", "stale")}


async def test_explaining_a_device_shows_each_streams_part(house: Any) -> None:
    house.live.explanations[examples.DEVICE.site, examples.DEVICE.device] = examples.EXPLANATION
    found = (await house.client.get(f"/v1/devices/{examples.DEVICE.site}/{examples.DEVICE.device}/explain")).json()
    assert found["alarming"] is True
    assert found["streams"][0]["observed"] == 93.2


async def test_the_summary_adds_up_sites_and_shows_a_rate_from_the_second_question_on(house: Any) -> None:
    house.live.site_views = [
        SiteView(SiteId("a"), 1, 2, {DeviceState.OK: 3, DeviceState.STALE: 1}),
        SiteView(SiteId("b"), None, 0, {DeviceState.OK: 4}),
    ]
    house.live.waiting = {"x": 2, "y": 3}
    first = (await house.client.get("/v1/summary")).json()
    house.clock.advance(4)
    house.live.counted = Balance(received=1000, scored=1000)
    second = (await house.client.get("/v1/summary")).json()
    assert (first["readings_per_second"], second["readings_per_second"]) == (None, 250.0)
    assert second["devices"] == {"ok": 7, "stale": 1}
    assert (second["pending"], second["sites"], second["uptime_seconds"]) == (5, 2, 4.0)


@pytest.mark.parametrize(("alive", "ready"), [(True, True), (True, False), (False, False)])
async def test_ready_is_more_than_alive(house: Any, alive: bool, ready: bool) -> None:
    house.live.state = Health(alive, ready, [] if ready else ["partition 0: restoring"])
    assert (await house.client.get("/healthz")).status_code == (200 if alive else 503)
    response = await house.client.get("/readyz")
    assert response.status_code == (200 if ready else 503)
    assert bool(response.json()["reasons"]) != ready


async def test_metrics_are_plain_text_for_prometheus(house: Any) -> None:
    response = await house.client.get("/metrics")
    assert response.headers["content-type"].startswith("text/plain; version=0.0.4")
    assert response.text.startswith("# HELP")
