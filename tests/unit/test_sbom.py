"""`make sbom` lists what the service's image is made of: everything that is locked for it, with hashes, and nothing else."""

import json
import re
import shlex
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_every_locked_dependency_of_the_service_is_in_the_bill_of_materials_and_no_other(tmp_path: Path) -> None:
    file = tmp_path / "sbom.json"
    planned = subprocess.run(
        ["make", "--dry-run", "--always-make", "sbom", f"OUT={file}"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    [command] = [line for line in planned.stdout.replace("\\\n", " ").splitlines() if "cyclonedx-py" in line]
    _, *options = shlex.split(command)
    tool = str(Path(sys.executable).with_name("cyclonedx-py"))
    done = subprocess.run([tool, *options], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    listed = {each["name"]: each for each in json.loads(file.read_text())["components"]}
    locked = set(re.findall(r"^([\w.-]+)==", (ROOT / "requirements" / "service.txt").read_text(), re.MULTILINE))
    assert listed.keys() == locked
    assert all(each["externalReferences"][0]["hashes"] for each in listed.values())
