"""A request is followed through log, batch, plan and decision: by a real OTLP receiver, in a real service."""

import subprocess
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from gzip import decompress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest, ExportTraceServiceResponse

from serving import PATIENCE, TIDEGATE, environment, serving, settled
from tidegate.contracts.codec import encode
from worker_rig import readings, topology

CALLER = "00-" + "ab" * 16 + "-" + "cd" * 8 + "-01"


class Collector(ThreadingHTTPServer):
    """Takes spans by OTLP over HTTP, and keeps them by name."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.spans: dict[str, list[Any]] = defaultdict(list)
        self.resources: set[str] = set()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class Handler(BaseHTTPRequestHandler):
    server: Collector

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        if self.headers.get("content-encoding") == "gzip":
            body = decompress(body)
        assert self.path == "/v1/traces"
        for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
            self.server.resources |= {each.value.string_value for each in resource.resource.attributes}
            for scope in resource.scope_spans:
                for span in scope.spans:
                    self.server.spans[span.name].append(span)
        answer = ExportTraceServiceResponse().SerializeToString()
        self.send_response(200)
        self.send_header("content-type", "application/x-protobuf")
        self.send_header("content-length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_: object) -> None: ...


@pytest.fixture
def collector() -> Iterator[Collector]:
    with Collector() as running:
        thread = threading.Thread(target=running.serve_forever)
        thread.start()
        yield running
        running.shutdown()
        thread.join()


def test_a_reading_and_a_decision_are_followed_to_the_requests_they_come_from(collector: Collector, tmp_path: Path) -> None:
    settings = {
        "TIDEGATE_TRACING__ENDPOINT": collector.url,
        "TIDEGATE_TRACING__SAMPLE_RATIO": "0",  # so that what is seen is seen because the caller said so
        "OTEL_BSP_SCHEDULE_DELAY": "100",
    }
    json = {"content-type": "application/json"}
    with serving(tmp_path, **settings) as (process, client):
        now = int(time.time() * 1000)
        assert client.post("/v1/commands", content=encode(topology(capacity=300.0)), headers=json).is_success
        for second in range(3):
            body = encode(readings(second, start_ms=now - 60_000))
            assert client.post("/v1/readings", content=body, headers=json | {"traceparent": CALLER}).is_success
        plan = {"site": "plant", "kind": "request-plan", "issued_by": "test"}
        answer = client.post("/v1/commands", json=plan, headers={"traceparent": CALLER})
        assert answer.is_success, answer.text
        deadline = time.monotonic() + PATIENCE
        while not (collector.spans["plan"] and _decided(collector)):
            assert time.monotonic() < deadline, dict(collector.spans)
            time.sleep(0.1)
        process.terminate()
        assert process.wait(PATIENCE) == 0
    spans = collector.spans
    [first, *_] = spans["POST /v1/readings"]
    assert (first.trace_id.hex(), first.parent_span_id.hex()) == ("ab" * 16, "cd" * 8)
    posted = {each.span_id for each in spans["POST /v1/readings"]}
    appended = {each.span_id for each in spans["append"] if each.parent_span_id in posted}
    assert len(appended) == 3
    linked = {link.span_id for each in spans["batch"] for link in each.links}
    assert appended <= linked
    batches = {each.span_id: each for each in spans["batch"]}
    for stage in ("decode", "core", "commit"):
        assert {each.parent_span_id for each in spans[stage]} == set(batches)
    assert all(each.trace_id.hex() != "ab" * 16 for each in batches.values()), "a batch is of many requests, so of none"
    assert {each.parent_span_id for each in spans["plan"]} <= set(batches)
    planned = {each.span_id for each in spans["plan"]}
    assert any(link.span_id in planned for each in _decided(collector) for link in each.links)
    assert not spans["GET /readyz"], "nobody asked for those"
    assert "tidegate" in collector.resources


def _decided(collector: Collector) -> list[Any]:
    """Batches in which something was decided about a plan."""
    return [each for each in collector.spans["batch"] if any(event.name == "decision" for event in each.events)]


def test_without_the_extra_it_says_what_to_install(tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text("import sys\nsys.modules['opentelemetry.sdk'] = None\n")  # as if it were not there
    settings = environment(TIDEGATE_TRACING__ENDPOINT="http://127.0.0.1:9")
    path = ":".join([str(tmp_path), settings.get("PYTHONPATH", "")])
    command = [*TIDEGATE, "serve", "--port", "0", "--data-dir", str(tmp_path / "data")]
    done = subprocess.run(
        command, env=settings | {"PYTHONPATH": path}, capture_output=True, text=True, timeout=PATIENCE, check=False
    )
    assert done.returncode == 2, done.stderr
    assert "opentelemetry.sdk" in done.stderr
    assert "pip install 'tidegate[traces]'" in done.stderr


def test_off_nothing_of_it_is_imported() -> None:
    code = "import sys, tidegate.bootstrap.run; sys.exit('opentelemetry.sdk' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_collector_that_is_away_costs_neither_a_reading_nor_the_stop(tmp_path: Path) -> None:
    settings = {"TIDEGATE_TRACING__ENDPOINT": "http://127.0.0.1:9", "TIDEGATE_TRACING__SAMPLE_RATIO": "1"}
    with serving(tmp_path, **settings) as (process, client):
        body = encode(readings(0, start_ms=int(time.time() * 1000) - 60_000))
        assert client.post("/v1/readings", content=body, headers={"content-type": "application/json"}).is_success
        settled(client, 12)
        began = time.monotonic()
        process.terminate()
        assert process.wait(PATIENCE) == 0
        assert time.monotonic() - began < 30
