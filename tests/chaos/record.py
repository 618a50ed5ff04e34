"""The results file: one record per run, and the totals over all of them, recomputed with each new run."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, replace
from datetime import UTC, datetime
from itertools import chain
from pathlib import Path
from statistics import quantiles
from typing import Any, Final

from chaos.notes import NOTES
from chaos.run import Outcome
from tidegate.adapters.kafka.connection import Delivery
from tidegate_training.evaluate import results

COMMAND: Final = "make chaos N=<faults> SEED=<seed> [DATA=<folder>] OUT=docs/results/chaos.json"

JUDGED: Final = ("readings", "batches", "facts", "decisions", "takeovers", "repeated")
"""What was judged, summed over all runs."""

COUNTED: Final = (
    "lost",
    "doubled",
    "differing_outputs",
    "differing_state",
    "double_owner",
    "contradicting_decisions",
    "unbalanced",
    "open_transactions",
    "waiting",
    "complaints",
)
"""Broken promises, each a count of a run and a total of all."""


def record_of(outcome: Outcome) -> dict[str, Any]:
    """One run in numbers and texts, with its schedule as it was carried out."""
    broken = outcome.verdict.broken() | {"complaints": outcome.complaints}
    programme, verdict = outcome.programme, outcome.verdict
    return {
        "seed": programme.seed,
        "faults": len(outcome.struck),
        "workers": programme.workers,
        "data": outcome.source,
        "delivery": str(outcome.delivery),
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "commit": results.commit(),
        "seconds": round(outcome.seconds),
        "readings": verdict.readings,
        "batches": verdict.batches,
        "facts": verdict.facts,
        "decisions": verdict.decisions,
        "dead_letters": verdict.dead_letters,
        "takeovers": verdict.takeovers,
        "repeated": verdict.repeated,
        "rss_peak_mb": round(outcome.peak_mb),
        "rss_growth_mb": round(outcome.growth_mb, 1),
        **{name: len(broken.get(name, [])) for name in COUNTED},
        "input_mischief": dict(Counter(str(m.mischief) for m in outcome.messages if m.mischief is not None)),
        "exits": dict(Counter(str(code) for code in outcome.exits)),
        "strikes": [
            {name: value for name, value in asdict(each.strike).items() if value}
            | {"recovery_seconds": None if recovery is None else round(recovery, 3), "stall_seconds": round(stall, 3)}
            for each, recovery, stall in zip(outcome.struck, outcome.recoveries, outcome.stalls, strict=True)
        ],
    }


def add_to(path: Path, record: Mapping[str, Any]) -> None:
    """Append `record` to the runs of the results file at `path`, and write it and its page anew."""
    runs = [*(results.read(path).figures["runs"] if path.exists() else []), dict(record)]
    made = results.collect("Chaos", COMMAND, totals(runs) | {"runs": runs}, NOTES)
    results.write(made, path)
    path.with_suffix(".md").write_text(results.page(_for_people(made), {}), encoding="utf-8")


def totals(runs: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """What all runs came to together."""
    strikes = list(chain.from_iterable(run["strikes"] for run in runs))
    recoveries, stalls = _by_kind(strikes, "recovery_seconds"), _by_kind(strikes, "stall_seconds")
    all_recoveries = list(chain.from_iterable(recoveries.values()))
    return {
        "runs_count": len(runs),
        "runs_at_least_once": sum(run.get("delivery") == Delivery.AT_LEAST_ONCE for run in runs),
        "faults": len(strikes),
        **{name: sum(run.get(name, 0) for run in runs) for name in COUNTED},
        "recovery_seconds_p50": percentile(all_recoveries, 50),
        "recovery_seconds_p99": percentile(all_recoveries, 99),
        "not_recovered": sum(strike["recovery_seconds"] is None for strike in strikes),
        **{name: sum(run.get(name, 0) for run in runs) for name in JUDGED},
        "rss_peak_mb_max": max((run["rss_peak_mb"] for run in runs), default=0),
        "rss_growth_mb_max": max((run["rss_growth_mb"] for run in runs), default=0.0),
        "seeds": sorted({run["seed"] for run in runs}),
        "faults_by_kind": dict(sorted(Counter(strike["kind"] for strike in strikes).items())),
        "input_mischief": dict(sorted(_summed(run["input_mischief"] for run in runs).items())),
        "exits": dict(sorted(_summed(run["exits"] for run in runs).items())),
        "recovery_seconds_by_kind": {kind: _spread(found) for kind, found in sorted(recoveries.items())},
        "stall_seconds_by_kind": {kind: _spread(found) for kind, found in sorted(stalls.items())},
    }


def _by_kind(strikes: Sequence[Mapping[str, Any]], name: str) -> dict[str, list[float]]:
    found: dict[str, list[float]] = defaultdict(list)
    for strike in strikes:
        if strike[name] is not None:
            found[strike["kind"]].append(strike[name])
    return found


def percentile(values: Sequence[float], percent: int) -> float | None:
    """The `percent`-th percentile, between neighbours; None without values."""
    if len(values) < 2:
        return next(iter(values), None)
    return round(quantiles(values, n=100, method="inclusive")[percent - 1], 2)


def _spread(values: Sequence[float]) -> dict[str, Any]:
    return {"count": len(values), "p50": percentile(values, 50), "p99": percentile(values, 99), "max": round(max(values), 2)}


def _summed(counts: Iterable[Mapping[str, int]]) -> Counter[str]:
    total: Counter[str] = Counter()
    for each in counts:
        total.update(each)
    return total


def _for_people(made: results.Results) -> results.Results:
    """The page shows each run as a line, without its strikes."""
    lines = {
        f"{run['date']} seed {run['seed']}": {name: value for name, value in run.items() if name not in _NOT_ON_THE_PAGE}
        for run in made.figures["runs"]
    }
    return replace(made, figures=made.figures | {"runs": lines})


_NOT_ON_THE_PAGE: Final = frozenset({"seed", "date", "strikes", "input_mischief", "exits"})
