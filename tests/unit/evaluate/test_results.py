"""The results format: what is written can be read, says nothing private, and every committed file keeps to it."""

import platform
import re
from pathlib import Path

import pytest

from tidegate.errors import InputError
from tidegate_training.evaluate import results

ROOT = Path(__file__).parents[3]
COMMITTED = sorted((ROOT / "docs" / "results").glob("*.json"))


def sample():
    figures = {"readings_in": 10, "latency_ms_p50": 1.25, "share": float("nan"), "detectors": {"PCA": {"vus_pr": 0.5}}}
    return results.collect("a study", "tidegate evaluate detection --data <folder>", figures, ["a note"])


def test_what_is_written_can_be_read_and_undefined_figures_are_null(tmp_path):
    results.write(sample(), tmp_path / "deep" / "study.json", plots={"study.svg": "A picture"})
    again = results.read(tmp_path / "deep" / "study.json")
    assert again == sample_at(again.date)
    assert again.figures["share"] is None


def sample_at(date):
    made = sample()
    return results.Results(made.study, made.command, made.commit, date, made.machine, made.figures, made.notes)


def test_the_page_beside_it_has_the_figures_the_notes_and_the_plots(tmp_path):
    results.write(sample(), tmp_path / "study.json", plots={"study.svg": "A picture"})
    page = (tmp_path / "study.md").read_text()
    for part in ("# a study", "- a note", "| readings_in | 10 |", "| PCA | 0.5 |", "![A picture](study.svg)", "| share | – |"):
        assert part in page


def test_the_machine_is_described_but_not_named():
    assert platform.node() not in results.machine()
    assert "Python 3." in results.machine()
    assert "numpy" in results.machine()


@pytest.mark.parametrize("content", ["", "[]", '{"study": "x"}', '{"figures": {}, "study": "x"}'])
def test_anything_else_is_refused(tmp_path, content):
    path = tmp_path / "bad.json"
    path.write_text(content)
    with pytest.raises(InputError, match=r"bad\.json"):
        results.read(path)


@pytest.mark.parametrize("path", COMMITTED, ids=lambda path: path.name)
def test_every_committed_results_file_keeps_to_the_format_and_its_page_to_it(path):
    found = results.read(path)
    page = path.with_suffix(".md").read_text(encoding="utf-8")
    assert re.fullmatch(r"[0-9a-f]{7,40}\+?", found.commit)
    assert found.date in page
    assert found.command in page
    for plot in re.findall(r"!\[[^]]*\]\(([^)]+)\)", page):
        assert (path.parent / plot).is_file(), plot


@pytest.mark.parametrize("path", COMMITTED, ids=lambda path: path.name)
def test_no_committed_results_file_gives_away_a_path_of_the_machine_it_ran_on(path):
    text = path.read_text(encoding="utf-8") + path.with_suffix(".md").read_text(encoding="utf-8")
    assert not re.search(r"(?<![\w.])/(home|root|tmp|work|Users)/", text)
