"""The acceptance page: notes that say how each figure came about, and the pictures beside it."""

from pathlib import Path
from typing import Any

from tidegate_training.evaluate import plots
from tidegate_training.evaluate.acceptance.fleet import READINGS_PER_POST
from tidegate_training.evaluate.acceptance.live import KILL_AT, PACED_LOAD, PACED_POST, PACED_SHARE, REPEATED, STOP_AT
from tidegate_training.evaluate.acceptance.study import Acceptance
from tidegate_training.evaluate.detection import DEVELOPMENT_NOTE
from tidegate_training.evaluate.figures import vus_by_series


def notes(run: Acceptance, demand_days: float) -> list[str]:
    """What a reader must know to judge the figures."""
    sizes = ", ".join(f"{site.id}: {len(site.series)} devices, {len(site)} readings" for site in run.fleet.sites)
    return [
        f"Sites, each with a connection of its own, readings in order of event time, {READINGS_PER_POST} a request: {sizes}. "
        f"SMD and ASD send their test parts (nothing of them was seen before), Bitbrains {demand_days:g} days.",
        *run.fleet.scenario.notes,
        f"One process on the embedded log, synchronous=FULL. Stopped with SIGTERM when {STOP_AT:.0%} of the readings were "
        f"scored, killed with signal 9 at {KILL_AT:.0%}, restarted each time while the senders kept trying; then one gateway "
        f"drained. Requests without an answer were sent again, and each site's last {REPEATED} bulk readings twice on purpose: "
        "`duplicate` counts what had arrived before.",
        "restart_same_digest: state restored from the run's snapshot and journal = state of a process that stepped through the "
        "whole journal from its first batch on, without snapshot or stop. restart_same_ids: both published the same "
        "anomalies and decisions, by id and version. doubled_ids: facts that stand more than once on their topic. "
        "Snapshots are left to clean stops here, so the start after the kill replays a quarter of the run.",
        "readings_per_second: while the service was up and had bulk to score, JSON, sender on the same machine. "
        f"latency_ms: the last {PACED_SHARE:.0%} of the readings, sent at {PACED_LOAD:.0%} of that rate, {PACED_POST} a request; "
        "from a request's readings being durable (its POST is then answered) to their scores being durable, by the log's stamps.",
        "plans_over_capacity and plans_out_of_reach are recomputed from each plan's request, without the planner's code.",
        "Tidegate's alarms are the anomalies REST shows at the end (silence aside); its surprise, which no topic carries, is the "
        "rerun's. Baselines are fitted on the train parts, which the service did not see; definitions as on the detection page.",
        DEVELOPMENT_NOTE,
    ]


def draw(run: Acceptance, folder: Path, stem: str) -> dict[str, str]:
    """Draw the plots into `folder` and return their file names with captions."""
    captions = {
        f"{stem}-vus-pr.svg": "VUS-PR of each machine by detector",
        f"{stem}-latency.svg": f"Milliseconds from durable reading to durable score at {PACED_LOAD:.0%} load",
        f"{stem}-strip.svg": "Surprise of the machine with most alarms, labelled stretches shaded, alarms marked",
    }
    vus, latency, strip = (folder / name for name in captions)
    plots.bars_by_series(vus_by_series(run.outcomes), vus, label="VUS-PR")
    plots.histogram(run.evidence.latencies_ms, latency, label="ms from durable reading to durable score")
    shown = max(run.fleet.machines, key=lambda series: len(run.judgements[series.device].alarms))
    labels, judgement = shown.part("test").labels, run.judgements[shown.device]
    if labels is not None:
        plots.score_strip(judgement.surprise, labels, judgement.alarms, strip, title=shown.device)
    plan = _largest_plan(run.observed.decisions)
    if plan is not None:
        name = f"{stem}-utilisation.svg"
        before, after = (_fullest(plan[when]["utilisation"]) for when in ("before", "after"))
        plots.before_and_after(before, after, folder / name, label="fullest resource, load ÷ capacity")
        captions[name] = (
            f"Utilisation by gateway before and after the plan with most moves ({plan['move_count']}, {plan['trigger']})"
        )
    return captions


def _largest_plan(decisions: list[dict[str, Any]]) -> dict[str, Any] | None:
    """The applied plan with most moves whose before and after are still known."""
    known = [each for each in decisions if each["status"] == "applied" and each["before"] and each["after"]]
    return max(known, key=lambda each: int(each["move_count"]), default=None)


def _fullest(utilisation: dict[str, dict[str, float]]) -> dict[str, float]:
    return {gateway: max(shares.values(), default=0.0) for gateway, shares in utilisation.items()}
