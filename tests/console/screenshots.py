"""Take the pictures of the documentation: `make screenshots`. A simulated fleet, its faults, and a plan that waits.

PYTHONPATH=tests:tests/console python tests/console/screenshots.py docs/images
"""

import sys
import tempfile
import time
from pathlib import Path

from playwright.sync_api import Page

from browsing import browser
from fleets import eventually, fleet

FLEET = ("--sites", "2", "--gateways", "6", "--devices", "150", "--faults", "demo", "--day-seconds", "900", "--seed", "11")
FAULTS_SECONDS = 75.0
"""Until the demo's programme has gone by: a spike, a level shift, a gateway's outage."""


def main(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as data, fleet(Path(data), *FLEET, TIDEGATE_ALLOCATION__AUTO_APPROVE="false") as client:
        time.sleep(FAULTS_SECONDS)
        found = eventually(lambda: client.get("/v1/anomalies").json()["items"])
        waiting = eventually(lambda: client.get("/v1/decisions", params={"status": "proposed"}).json()["items"])
        plan = max(waiting, key=lambda each: each["move_count"])["plan_id"]
        anomaly = next((each for each in found if each["fault_kind"] == "out-of-pattern"), found[0])
        device = f"device?site={anomaly['site']}&device={anomaly['device']}"
        pages = {"fleet": "", "device": device, "anomalies": f"anomalies?anomaly={anomaly['id']}", "plan": f"plans?plan={plan}"}
        with browser() as chromium, chromium.visit() as page:
            for name, address in pages.items():
                page.goto(f"{client.base_url}/console/{address}")
                _take(page, folder / f"console-{name}.png")
            page.get_by_label("Light or dark").click()
            page.goto(f"{client.base_url}/console/")
            _take(page, folder / "console-fleet-dark.png")


def _take(page: Page, file: Path) -> None:
    page.wait_for_load_state("load")
    page.wait_for_timeout(4000)
    page.screenshot(path=file)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
