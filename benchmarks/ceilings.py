"""The denominators, frozen: what the same machine does without Tidegate. Not to be edited to make a ratio look better.

Nothing here imports Tidegate: message types, payloads and the bare server are copies made on purpose, so that slowing the
product cannot slow its yardstick. A change here is a change of the yardstick and needs a line in the changelog.
"""

import time
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import onnxruntime

ONNX_ROWS = 1024
"""Rows per call of the one-step graph, where its throughput has levelled off (spec: performance)."""


class BareReading(msgspec.Struct):
    """What a single reading looks like, as a struct with nothing to check beyond types."""

    site: str
    device: str
    profile: str
    event_time_ms: int
    metrics: dict[str, float | None]
    sequence: int | None = None


class BareBatch(msgspec.Struct):
    """A batch of readings."""

    site: str
    readings: list[BareReading]


def reading_json(device: int, step: int) -> bytes:
    """One reading of three metrics, about 190 bytes of JSON; a slow wave, so that nothing is an anomaly on purpose."""
    wave = float(np.sin((step + device) / 25))
    return (
        b'{"site":"bench","device":"device-%06d","profile":"temperature-sensor","event_time_ms":%d,"metrics":{'
        b'"temperature_celsius":%.3f,"humidity_percent":%.3f,"messages_per_second":%.3f},"sequence":%d}'
        % (device, 1_767_225_600_000 + 2_000 * step, 20 + wave, 45 + 3 * wave, 5 + wave / 2, step)
    )


def batch_json(readings: Sequence[bytes]) -> bytes:
    """`readings` as one batch of their site."""
    return b'{"site":"bench","readings":[' + b",".join(readings) + b"]}"


def bare_decode(messages: Sequence[bytes]) -> float:
    """Single-reading messages decoded per second by msgspec, one after the other."""
    decode = msgspec.json.Decoder(BareReading).decode
    began = time.perf_counter()
    for message in messages:
        decode(message)
    return len(messages) / (time.perf_counter() - began)


def bare_decode_batches(messages: Sequence[bytes], readings_each: int) -> float:
    """Readings decoded per second by msgspec from batches."""
    decode = msgspec.json.Decoder(BareBatch).decode
    began = time.perf_counter()
    for message in messages:
        decode(message)
    return len(messages) * readings_each / (time.perf_counter() - began)


def bare_onnx(model: Path, seconds: float) -> float:
    """Rows per second of the one-step graph, state carried from call to call, one thread, `ONNX_ROWS` rows a call."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])
    feeds = _feeds(session)
    carried = [name.removesuffix("_next") for name in (each.name for each in session.get_outputs()) if name.endswith("_next")]
    calls, began = 0, time.perf_counter()
    while (spent := time.perf_counter() - began) < seconds or calls < 3:
        results = dict(zip((each.name for each in session.get_outputs()), session.run(None, feeds), strict=True))
        feeds |= {name: results[f"{name}_next"] for name in carried}
        calls += 1
    return calls * ONNX_ROWS / spent


def _feeds(session: onnxruntime.InferenceSession) -> dict[str, Any]:
    kinds = {"tensor(float)": np.float32, "tensor(double)": np.float64}
    shapes = {each.name: [ONNX_ROWS, *each.shape[1:]] for each in session.get_inputs()}
    feeds = {each.name: np.zeros(shapes[each.name], kinds[each.type]) for each in session.get_inputs()}
    feeds["x"] += np.random.default_rng(0).normal(size=feeds["x"].shape)
    return feeds | {name: feeds[name] + 1 for name in ("mask", "dt", "learn")}


Scope, Receive, Send = dict[str, Any], Callable[[], Awaitable[Any]], Callable[[Any], Awaitable[None]]


async def bare_app(scope: Scope, receive: Receive, send: Send) -> None:
    """An ASGI application that decodes a posted batch and says 202: no framework, no log, no check."""
    if scope["type"] != "http":
        return
    body = b""
    while True:
        message = await receive()
        body += message.get("body", b"")
        if not message.get("more_body"):
            break
    count = len(_batches.decode(body).readings) if body else 0
    answer = b'{"accepted":%d}' % count
    await send({"type": "http.response.start", "status": 202, "headers": [(b"content-type", b"application/json")]})
    await send({"type": "http.response.body", "body": answer})


_batches = msgspec.json.Decoder(BareBatch)
