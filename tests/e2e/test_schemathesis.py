"""Whatever the document allows, and much that it does not, gets an answer that the document describes."""

from pathlib import Path

from e2e.api_fuzz import fill, run
from serving import serving


def test_no_request_of_a_bounded_run_gets_an_answer_that_is_not_described(tmp_path: Path) -> None:
    with serving(tmp_path) as (_, client):
        url = str(client.base_url).rstrip("/")
        fill(url, tmp_path)
        findings, text = run(url, tmp_path / "report.json", examples=2, seconds=40, seed=1)
    assert findings.failures == 0, text[-8000:]
    assert findings.operations > 40
    assert findings.requests > 500
