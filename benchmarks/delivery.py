"""What delivery costs on a real broker: `python benchmarks/delivery.py --data <folder> [--quick] [--out FILE]`.

Recorded machines through the shipped bundle, exactly once and at least once, as single JSON readings, JSON batches and
packed batches. Every round measures each of the six in turn; what counts is ratios within a round, as for all benchmarks.
Printed and written, never asserted.
"""

import asyncio
import logging
import os
import statistics
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any
from uuid import uuid4

import numpy as np
import structlog
import typer
from rich.console import Console

from delivery_arms import latencies_ms, throughput
from tidegate.adapters.kafka import Delivery, KafkaConnection
from tidegate.contracts.ids import SiteId
from tidegate.contracts.reading import ReadingBatch
from tidegate.fleet.forms import Form
from tidegate.fleet.merge import aligned, to_reading
from tidegate.fleet.readers import open_dataset
from tidegate.fleet.series import Series
from tidegate_training.evaluate import results
from tidegate_training.evaluate.scoring import service_configuration, universal_forecaster

PAUSE_SECONDS = 0.1
"""Between two batches when latency is measured: far below capacity, so that no batch waits for the one before."""

NOTES = (
    "One worker, one partition, one broker beside it on the same cores, replication 1, no TLS. A batch has one reading of each "
    "device.",
    "readings_per_second: a worker that finds everything waiting, from its start (take-over included) to its last commit. "
    "bare_per_second: a plain consumer and msgspec on the same topic, nothing checked. shares: of the worker's time.",
    "to_score_ms: from sending a batch to its last score in memory. to_output_ms: to a read-committed consumer's having its last "
    "fact. Every reading gives a forecast there. The consumer asks every 10 ms.",
    "Medians over rounds in which every arm was measured in turn; latencies are percentiles of all batches of all rounds. "
    "Absolute figures move with the machine's other load (load_average_5min, at the end; this run alone makes about 1.5); ratios "
    "nearer to 1 than 10 % say nothing when it is high.",
)

Arm = tuple[Delivery, Form]


def main(
    data: Annotated[Path, typer.Option(help="A data set that `tidegate replay` reads, with demand: Bitbrains.")],
    kafka: Annotated[str, typer.Option(help="A running broker; default: one is started.")] = "",
    quick: Annotated[bool, typer.Option("--quick", help="One small round, to see that it runs.")] = False,
    out: Annotated[Path | None, typer.Option(help="Results file to write.")] = None,
) -> None:
    """Measure all arms in turn and print what each costs."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)  # topics made a moment ago are led a moment later
    rounds, steps, batches = (1, 5, 5) if quick else (3, 60, 40)
    with _broker(kafka) as servers:
        figures = asyncio.run(_measure(servers, list(open_dataset(data)), rounds, steps, batches))
    Console().print_json(data=figures)
    if out is not None:
        command = f"python benchmarks/delivery.py --data <folder>{' --quick' if quick else ''} --out docs/results/{out.name}"
        results.write(results.collect("Cost of delivery", command, figures, NOTES), out)


async def _measure(servers: str, series: Sequence[Series], rounds: int, steps: int, batches: int) -> dict[str, Any]:
    configuration, forecaster = service_configuration(), universal_forecaster()
    waiting, single = batches_of(series, steps), batches_of(series, batches)
    seen: defaultdict[str, list[dict[str, float]]] = defaultdict(list)
    scored: defaultdict[str, list[float]] = defaultdict(list)
    told: defaultdict[str, list[float]] = defaultdict(list)
    for number in range(rounds):
        for delivery, form in ((delivery, form) for form in Form for delivery in Delivery):
            Console(stderr=True).print(f"round {number + 1} of {rounds}: {form}, {delivery}")
            name = f"{form}, {delivery}"
            arm = (configuration, forecaster)
            seen[name].append(await throughput(_connection(servers, delivery), *arm, waiting, form))
            to_score, to_output = await latencies_ms(_connection(servers, delivery), *arm, single, form, PAUSE_SECONDS)
            scored[name] += to_score
            told[name] += to_output
    medians = {
        name: {key: statistics.median(one[key] for one in found) for key in found[0]}
        | _percentiles("to_score", scored[name])
        | _percentiles("to_output", told[name])
        for name, found in seen.items()
    }
    circumstances = {
        "rounds": rounds,
        "readings_each": sum(len(batch.readings) for batch in waiting),
        "load_average_5min": os.getloadavg()[1],
    }
    return {**circumstances, "ratios": _ratios(seen, told), **medians}


def batches_of(series: Sequence[Series], steps: int) -> list[ReadingBatch]:
    """The first `steps` readings of every device, a batch for each step."""
    site, fleet = SiteId("bench"), aligned([one for one in series if len(one) >= steps])
    return [ReadingBatch(site, [to_reading(one, step, site) for one in fleet]) for step in range(steps)]


def _ratios(seen: dict[str, list[dict[str, float]]], told: dict[str, list[float]]) -> dict[str, float]:
    """Exactly once ÷ at least once, and each form ÷ its bare ceiling."""
    found = {}
    for form in Form:
        once, repeating = (f"{form}, {delivery}" for delivery in Delivery)
        pairs = zip(seen[once], seen[repeating], strict=True)
        found[f"{form}: throughput, exactly ÷ at least once"] = statistics.median(
            a["readings_per_second"] / b["readings_per_second"] for a, b in pairs
        )
        found[f"{form}: p50 to output, exactly ÷ at least once"] = float(np.median(told[once]) / np.median(told[repeating]))
        found[f"{form}: exactly once ÷ bare consume and decode"] = statistics.median(
            each["readings_per_second"] / each["bare_per_second"] for each in seen[once]
        )
    return found


def _percentiles(name: str, values: Sequence[float]) -> dict[str, float]:
    return {f"{name}_ms_p{level}": float(np.percentile(values, level)) for level in (50, 99)}


def _connection(servers: str, delivery: Delivery) -> KafkaConnection:
    """Under a prefix that nobody had before."""
    unique = f"bench{uuid4().hex[:8]}"
    return KafkaConnection(servers, unique, f"{unique}.", delivery=delivery)


@contextmanager
def _broker(servers: str) -> Iterator[str]:
    if servers:
        yield servers
        return
    from broker import brokers  # noqa: PLC0415 beside the other deployments, and only needed here

    with brokers() as made:
        yield made[0].address


if __name__ == "__main__":
    typer.run(main)
