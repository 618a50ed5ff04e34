"""The figures of an acceptance run under the names its results file promises, and which guarantees they contradict."""

from typing import Any

import numpy as np

from tidegate_training.evaluate.acceptance.study import Acceptance
from tidegate_training.evaluate.figures import by_detector, vus_by_series


def acceptance_figures(run: Acceptance) -> dict[str, Any]:
    """All figures of `run`."""
    return _balance(run) | _plans(run) | _speed(run) | _recovery(run) | _quality(run)


def broken_promises(figures: dict[str, Any]) -> list[str]:
    """Which guarantees `figures` contradict, in words; empty when all held. Quality and speed are figures, not promises."""
    accounted = sum(figures[name] for name in ("scored", "duplicate", "quarantined", "dead_lettered"))
    held = {
        "every reading is accounted for": figures["received"] == accounted and figures["pending"] == 0,
        "no reading is lost": figures["received"] - figures["duplicate"] == figures["readings_in"],
        "no effect is doubled": figures["doubled_ids"] == 0,
        "a restart changes nothing": figures["restart_same_digest"] and figures["restart_same_ids"],
        "no plan overfills a gateway": figures["plans_over_capacity"] == 0,
        "no plan leaves a device's reach": figures["plans_out_of_reach"] == 0,
    }
    return [promise for promise, kept in held.items() if not kept]


def _balance(run: Acceptance) -> dict[str, Any]:
    sent, summary = run.observed.sent.values(), run.observed.summary
    return {
        "readings_in": sum(each.readings for each in sent),
        **{name: summary["balance"][name] for name in ("received", "scored", "duplicate", "quarantined", "dead_lettered")},
        "pending": summary["pending"],
        "repeated_posts": sum(each.repeats for each in sent),
        "posts_refused_full": sum(each.full for each in sent),
    }


def _plans(run: Acceptance) -> dict[str, Any]:
    again = run.evidence.again
    return {
        "plans": again.plans,
        "plans_over_capacity": again.over_capacity,
        "plans_out_of_reach": again.out_of_reach,
        "decisions": len(run.observed.decisions),
        "anomalies": len(run.observed.anomalies),
    }


def _speed(run: Acceptance) -> dict[str, Any]:
    p50, p99 = np.quantile(run.evidence.latencies_ms, [0.5, 0.99])
    return {"latency_ms_p50": float(p50), "latency_ms_p99": float(p99), "readings_per_second": run.observed.capacity}


def _recovery(run: Acceptance) -> dict[str, Any]:
    evidence = run.evidence
    return {
        "restart_same_digest": evidence.again.digest == evidence.recovered_digest,
        "restart_same_ids": evidence.same_ids,
        "doubled_ids": evidence.doubled_ids,
        "batches": evidence.again.batches,
        "start_seconds": list(run.observed.starts_seconds),
    }


def _quality(run: Acceptance) -> dict[str, Any]:
    return {
        "bundles": dict(run.observed.summary["bundles"]),
        "detectors": by_detector(run.outcomes),
        "vus_pr_by_machine": vus_by_series(run.outcomes),
    }
