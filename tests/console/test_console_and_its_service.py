"""The console while its service stops, comes back, or asks visitors who they are."""

import json
import signal
import socket
import subprocess
import time
from pathlib import Path

import httpx
from playwright.sync_api import Page, expect

from fleets import break_pump
from serving import TIDEGATE, environment, serving

SHUTDOWN_SECONDS = 10.0
"""The budget of `worker.shutdown_seconds`."""


def free_port() -> str:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return str(probe.getsockname()[1])


def test_a_service_with_visitors_stops_in_time_and_the_page_finds_it_again(tmp_path: Path, page: Page) -> None:
    port = free_port()
    with serving(tmp_path, "--port", port) as (process, client):
        break_pump(client, "quay", "pump-9")
        page.goto(f"{client.base_url}/console/")
        expect(page.locator("a.cell")).to_have_count(1)
        started = time.monotonic()
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=SHUTDOWN_SECONDS) == 0
        assert time.monotonic() - started < SHUTDOWN_SECONDS
    expect(page.get_by_text("Connection lost")).to_be_visible()
    with serving(tmp_path, "--port", port):
        expect(page.get_by_text("Connection lost")).not_to_be_visible()
        expect(page.locator(".pulse")).to_contain_text("live")
        expect(page.locator("a.cell")).to_have_count(1)
    log = (tmp_path / "serve.log").read_text()
    assert "Traceback" not in log
    assert "shutdown_cut_short" not in log


def test_a_console_that_is_turned_off_is_not_there_and_nothing_of_it_is_loaded(tmp_path: Path) -> None:
    with serving(tmp_path, TIDEGATE_API__CONSOLE="false") as (_, client):
        assert client.get("/console/").status_code == httpx.codes.NOT_FOUND
        assert "/console" not in (tmp_path / "serve.log").read_text()


def test_visitors_log_in_with_a_key_and_see_what_it_may(tmp_path: Path, page: Page) -> None:
    admin, reader = make_key(tmp_path, "boss", "admin@*"), make_key(tmp_path, "watch", "reader@quay")
    with serving(tmp_path, TIDEGATE_ACCESS__ACCEPT="keys") as (_, client):
        client.headers["authorization"] = f"Bearer {admin}"
        break_pump(client, "quay", "pump-9")
        break_pump(client, "mill", "pump-1")
        page.goto(f"{client.base_url}/console/anomalies")
        expect(page.get_by_role("button", name="Log in")).to_be_visible()
        log_in(page, "tdg_0123456789abcdef_nobody")
        expect(page.get_by_role("alert")).to_contain_text("opens nothing")
        log_in(page, reader)
        expect(page.locator("a.row", has_text="pump-9")).to_be_visible()
        expect(page.locator("a.row", has_text="pump-1")).to_have_count(0)
        expect(page.get_by_role("button", name="Acknowledge")).not_to_be_visible()
        [cookie] = [each for each in page.context.cookies() if each.get("name") == "tidegate_console"]
        assert (cookie.get("httpOnly"), cookie.get("sameSite"), cookie.get("path")) == (True, "Strict", "/console")
        page.get_by_role("button", name="Log out").click()
        log_in(page, admin)
        page.get_by_role("link", name="Anomalies", exact=True).click()
        expect(page.locator("a.row", has_text="pump-1")).to_be_visible()
        expect(page.get_by_role("button", name="Acknowledge")).to_be_visible()
        assert reader not in (tmp_path / "serve.log").read_text()


def log_in(page: Page, key: str) -> None:
    page.get_by_label("API key").fill(key)
    page.get_by_role("button", name="Log in").click()


def make_key(folder: Path, name: str, grant: str) -> str:
    command = [*TIDEGATE, "keys", "create", name, "--grant", grant, "--data-dir", str(folder / "data"), "--json"]
    made = subprocess.run(command, check=True, capture_output=True, text=True, env=environment())
    return str(json.loads(made.stdout)["secret"])
