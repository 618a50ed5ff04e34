"""Whatever the document allows, and much that it does not, gets an answer that the document describes."""

from pathlib import Path

import pytest

from e2e.api_fuzz import fill, run
from serving import serving


@pytest.mark.timeout(900)  # five thousand requests, one after another: the run ends when all are made, on a busy machine too
def test_no_request_of_a_bounded_run_gets_an_answer_that_is_not_described(tmp_path: Path) -> None:
    with serving(tmp_path) as (_, client):
        url = str(client.base_url).rstrip("/")
        fill(url, tmp_path)
        findings, text = run(url, tmp_path / "report.json", examples=1, seconds=None, seed=1)
    assert findings.failures == 0, text[-8000:]
    assert findings.operations > 60
    assert findings.requests > 3000
