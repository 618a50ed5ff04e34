"""A fleet through the console: what an operator sees, and what they can do about it."""

from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from playwright.sync_api import Page, expect

from fleets import HOSTILE_DEVICE, HOSTILE_SITE, break_pump, command, eventually, fleet, send_pump

FLEET = ("--sites", "1", "--gateways", "3", "--devices", "12", "--backfill", "120", "--faults", "none")


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    with fleet(tmp_path_factory.mktemp("fleet"), *FLEET, TIDEGATE_ALLOCATION__AUTO_APPROVE="false") as client:
        eventually(lambda: len(client.get("/v1/devices").json()["items"]) >= 12)
        yield client


def console(service: httpx.Client, page: str = "") -> str:
    return f"{service.base_url}/console/{page}"


def proposed(service: httpx.Client) -> list[dict[str, Any]]:
    plans = service.get("/v1/decisions", params={"status": "proposed"}).json()["items"]
    return [plan for plan in plans if plan["move_count"]]


def test_the_map_shows_every_device_and_leads_to_it(service: httpx.Client, page: Page) -> None:
    page.goto(console(service))
    site = page.locator("section.site", has_text="site-1")
    expect(site.locator("article")).to_have_count(3)
    expect(site.locator("article a.cell")).to_have_count(12)
    expect(page.locator(".pulse")).to_contain_text("live")
    site.locator("article a.cell").first.click()
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    expect(page.get_by_text("It does not alarm.")).to_be_visible()
    expect(page.locator(".chart svg").first).to_be_visible()
    expect(page.get_by_text("served by")).to_be_visible()


def test_a_device_is_found_by_a_part_of_its_name(service: httpx.Client, page: Page) -> None:
    name = service.get("/v1/devices").json()["items"][0]["device"]
    page.goto(console(service))
    page.get_by_label("Find a device").fill(name[1:].upper())
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text(name)


def test_an_anomaly_appears_without_a_reload_and_is_acknowledged_and_labelled(service: httpx.Client, page: Page) -> None:
    page.goto(console(service, "anomalies?site=quay"))
    expect(page.get_by_text("Nothing found that fits")).to_be_visible()
    break_pump(service, "quay", "pump-9")
    row = page.locator("a.row", has_text="pump-9")
    expect(row).to_be_visible()
    details = page.get_by_label("The anomaly")
    expect(details).to_contain_text("pressure_bar is 900")
    page.get_by_role("button", name="Acknowledge").click()
    page.get_by_label("Reason, for the record").fill("on my way")
    page.get_by_role("alertdialog").get_by_role("button", name="Acknowledge").click()
    expect(page.get_by_text("Acknowledged.")).to_be_visible()
    expect(row).to_contain_text("acknowledged by anonymous")
    page.get_by_role("button", name="Label").click()
    page.get_by_text("true alarm").click()
    page.get_by_role("button", name="It was: true alarm").click()
    expect(page.get_by_text("Labelled true-alarm.")).to_be_visible()
    expect(details).to_contain_text("anonymous says true-alarm")
    send_pump(service, "quay", "pump-9", 900.0)
    expect(details.locator(".chart svg")).to_be_visible()


def test_a_plan_is_approved_as_seen_and_undone(service: httpx.Client, page: Page) -> None:
    gateways = service.get("/v1/sites/site-1/gateways").json()
    busiest = max(gateways, key=lambda gateway: gateway["devices"])["gateway"]
    command(service, "site-1", "drain", gateway=busiest)
    plan = eventually(
        lambda: [each for each in service.get("/v1/decisions?status=proposed").json()["items"] if each["move_count"]]
    )
    page.goto(console(service, f"plans?plan={plan[0]['plan_id']}"))
    expect(page.locator(".tiers")).to_contain_text("misplaced priority")
    expect(page.locator(".moves")).to_contain_text(busiest)
    expect(page.locator("svg").first).to_be_visible()
    page.get_by_role("button", name="Approve").click()
    expect(page.get_by_role("alertdialog")).to_contain_text(plan[0]["digest"][:16])
    page.get_by_role("button", name="Approve and carry out").click()
    expect(page.get_by_text("Approved: the plan is being carried out.")).to_be_visible()
    expect(page.get_by_role("heading", name="applied")).to_be_visible()
    command(service, "site-1", "uncordon", gateway=busiest)
    page.get_by_role("button", name="Undo").click()
    page.get_by_role("alertdialog").get_by_role("button", name="Undo").click()
    expect(page.get_by_text("A plan that undoes it was made.")).to_be_visible()


def test_a_plan_is_looked_for_without_changing_anything(service: httpx.Client, page: Page) -> None:
    before = service.get("/v1/decisions").json()["items"]
    page.goto(console(service, "plans"))
    page.locator(".site-row", has_text="site-1").get_by_role("button", name="Orders").click()
    page.get_by_text("Look for a plan", exact=True).click()
    expect(page.get_by_role("alertdialog")).to_contain_text("What the planner would do")
    page.get_by_role("button", name="Cancel").click()
    assert len(service.get("/v1/decisions").json()["items"]) == len(before)


def test_a_site_is_frozen_and_thawed_and_says_so(service: httpx.Client, page: Page) -> None:
    page.goto(console(service, "plans"))
    row = page.locator(".site-row", has_text="site-1")
    for order in ("Freeze", "Thaw"):
        row.get_by_role("button", name="Orders").click()
        page.get_by_text(order, exact=True).click()
        page.get_by_role("alertdialog").get_by_role("button", name=order).click()
        expect(page.get_by_text(f"{order}: done at site-1.")).to_be_visible()
        expect(page.get_by_role("alertdialog")).to_have_count(0)
        expect(row.locator(".hold", has_text="frozen")).to_have_count(1 if order == "Freeze" else 0)


def test_names_that_try_to_be_markup_stay_text(service: httpx.Client, page: Page) -> None:
    break_pump(service, HOSTILE_SITE, HOSTILE_DEVICE)
    page.goto(console(service))
    page.locator("section.site", has_text=HOSTILE_SITE).locator("a.cell").click()
    expect(page.get_by_role("heading", level=1)).to_have_text(HOSTILE_DEVICE)
    asked = parse_qs(urlsplit(page.url).query)
    assert asked == {"site": [HOSTILE_SITE], "device": [HOSTILE_DEVICE]}
    page.get_by_role("link", name="Its open anomaly").click()
    expect(page.get_by_label("The anomaly")).to_contain_text(HOSTILE_DEVICE)
    assert page.locator("img[src=x]").count() == 0
    assert "owned" not in page.title()


def test_health_says_how_far_the_service_is(service: httpx.Client, page: Page) -> None:
    page.goto(console(service, "health"))
    expect(page.get_by_text("Ready: every partition is restored")).to_be_visible()
    expect(page.locator("table", has_text="readings a second")).to_contain_text("scored")
    expect(page.get_by_text("universal/1@").first).to_be_visible()


def test_a_device_that_nobody_knows_is_said_to_be_unknown(service: httpx.Client, page: Page) -> None:
    page.goto(console(service, "device?site=site-1&device=nobody"))
    expect(page.get_by_text("nobody' at site 'site-1'")).to_be_visible()


def test_dark_is_remembered(service: httpx.Client, page: Page) -> None:
    page.goto(console(service))
    page.get_by_label("Light or dark").click()
    expect(page.locator("body.body--dark")).to_be_visible()
    page.reload()
    expect(page.locator("body.body--dark")).to_be_visible()


def test_a_browser_is_told_to_load_nothing_from_elsewhere_and_to_frame_nothing(service: httpx.Client) -> None:
    answer = service.get("/console/")
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "'unsafe-inline'" not in policy.partition("style-src")[0]
    assert answer.text.count("<script") == answer.text.count("<script nonce=")


def test_what_a_page_of_another_origin_sends_is_refused(service: httpx.Client) -> None:
    answer = service.post("/console/login", data={"key": "tdg_x"}, headers={"origin": "https://evil.example"})
    assert answer.status_code == httpx.codes.FORBIDDEN
    assert "set-cookie" not in answer.headers
