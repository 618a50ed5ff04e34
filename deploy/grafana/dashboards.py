"""Writes the dashboards as the JSON that Grafana provisions, or checks that the files say what the code says.

python deploy/grafana/dashboards.py write
python deploy/grafana/dashboards.py check
"""

import argparse
import sys
from pathlib import Path

from allocation import ALLOCATION
from build import as_json
from fleet import FLEET
from service import SERVICE

FOLDER = Path(__file__).resolve().parent / "dashboards"
BOARDS = (FLEET, SERVICE, ALLOCATION)


def files() -> dict[Path, str]:
    """Each dashboard's file and what it has to hold."""
    return {FOLDER / f"{board.uid}.json": as_json(board) for board in BOARDS}


def main() -> int:
    """Exit with 1 when a file is not what the code says."""
    parser = argparse.ArgumentParser(description="Grafana dashboards as code.")
    parser.add_argument("what", choices=["write", "check"])
    if parser.parse_args().what == "write":
        FOLDER.mkdir(exist_ok=True)
        for path, text in files().items():
            path.write_text(text, encoding="utf-8")
        return 0
    stale = [path.name for path, text in files().items() if not path.exists() or path.read_text(encoding="utf-8") != text]
    if stale:
        print(f"not what the code says: {', '.join(stale)}; run `make docs`", file=sys.stderr)
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main())
