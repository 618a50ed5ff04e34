"""The page itself: what the bundle is, how good it is on held-out series, and what that means."""

from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Final

from tidegate.contracts.forecast import HORIZONS
from tidegate.contracts.manifest import BundleManifest
from tidegate_training.quality import Judged, summary
from tidegate_training.report import plots, residual_plots
from tidegate_training.train import Trained

EXAMPLES_PER_DATASET: Final = 1

NOTHING_JUDGED: Final = "<p>No held-out lane is long, complete and lively enough to be judged.</p>"

JUDGED_PLACES: Final = ("calibration", "ranks", "residuals", "predictions", "examples", "hits_and_misses", "activations")

STYLE: Final = """body{font:15px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}
table{border-collapse:collapse}
td,th{padding:.15rem .7rem;border-bottom:1px solid #ddd;text-align:right} td:first-child,th:first-child{text-align:left}
img{max-width:100%} code{background:#f4f4f4;padding:0 .2rem}
"""
"""Of every report."""

PAGE: Final = """<!doctype html>
<html lang="en"><meta charset="utf-8"><title>Bundle {name}/{version}</title>
<style>{style}</style>
<h1>Bundle {name}/{version}</h1>
<p>Task {task}, tier {tier}, {state_bytes} bytes of state per {row}. Made {created_at} from commit
<code>{commit}</code> by <code>{command}</code>.</p>
<h2>Held-out quality</h2>
<p>Pinball loss as a ratio of a baseline's, which is given the quantiles of its own past errors on the same series (below 1 is
better), and the share of targets inside the 90 % band, at {horizons} intervals ahead. “unseen” are whole files, machines and VMs
training never touched; “later” is the end of series it trained on. These are development series, and early stopping looked at
lanes of the same held-out parts: figures on them are no claim about others.</p>
{quality}
<h2>Calibration</h2>{calibration}{ranks}
<h2>Residuals</h2>{residuals}{predictions}
<h2>Forecasts</h2>{examples}
<h2>Hits and misses</h2>{hits_and_misses}
<h2>Training</h2>{losses}{by_size}
{activations}
{data}
<h2>Checks</h2>
<p>Largest difference torch to ONNX {parity:.1e} of the forecast's scale (at most 1e-5); {differing:.0f} results that depend
on the batch they came in; largest magnitude of recurrent memory over {readings:,.0f} hostile readings {memory:.2f} (at most
64).</p>
</html>
"""


def write_report(
    path: Path, manifest: BundleManifest, trained: Trained, judged: list[Judged], by_size: Mapping[int, float]
) -> None:
    """Write the report; everything it needs is inside. `by_size` is held-out loss by values trained on, or empty."""
    text = PAGE.format(
        style=STYLE,
        name=escape(manifest.name),
        version=escape(manifest.version),
        task=manifest.task,
        tier=manifest.tier,
        state_bytes=manifest.state_bytes,
        row="device" if manifest.metrics else "device and metric",
        created_at=manifest.created_at,
        commit=escape(manifest.commit),
        command=escape(manifest.command),
        horizons=", ".join(str(horizon) for horizon in HORIZONS),
        quality=_quality(judged) if judged else NOTHING_JUDGED,
        **_pictures(judged, trained),
        losses=plots.losses(trained),
        by_size=plots.loss_by_size(by_size) if by_size else "",
        data=_data(manifest),
        parity=manifest.parity_max_abs,
        differing=manifest.figures["batch_results_differing"],
        memory=manifest.figures["memory_abs_max"],
        readings=manifest.figures["long_run_readings"],
    )
    path.write_text(text, encoding="utf-8")


def _pictures(judged: list[Judged], trained: Trained) -> dict[str, str]:
    """Return the plots of held-out lanes by their place on the page; empty texts where no lane was judged."""
    if not judged:
        return dict.fromkeys(JUDGED_PLACES, "")
    found = (
        plots.calibration(judged),
        residual_plots.ranks(judged),
        residual_plots.residuals(judged),
        residual_plots.predictions(judged),
        "".join(plots.example(one) for one in _examples(judged)),
        residual_plots.hits_and_misses(judged),
        f"<h2>Inside</h2>{residual_plots.activations(trained.model, judged[0])}" if trained.model.metrics == 1 else "",
    )
    return dict(zip(JUDGED_PLACES, found, strict=True))


def _examples(judged: list[Judged]) -> list[Judged]:
    """Return the first lanes of each data set and kind: chosen by position, not by how good they look."""
    groups: dict[tuple[str, str], list[Judged]] = {}
    for one in judged:
        groups.setdefault((one.kind, one.series.dataset), []).append(one)
    return [one for group in groups.values() for one in group[:EXAMPLES_PER_DATASET]]


def _quality(judged: list[Judged]) -> str:
    rows = []
    for kind in sorted({one.kind for one in judged}, reverse=True):
        members = [one for one in judged if one.kind == kind]
        rows.append(_quality_row(f"{kind}, all", members))
        for dataset in sorted({one.series.dataset for one in members}):
            rows.append(_quality_row(f"{kind}, {dataset}", [one for one in members if one.series.dataset == dataset]))
    head = ("held-out part", "lanes", "ratio to last value", "ratio to daily-seasonal", "coverage of 90 %")
    return table(head, rows)


def _quality_row(name: str, members: list[Judged]) -> tuple[str, ...]:
    found = summary(members)
    cells = (
        " / ".join(f"{value:.2f}" for value in found.get(what, [])) or "–"
        for what in ("ratio_to_last", "ratio_to_seasonal", "coverage90")
    )
    return (name, str(len(members)), *cells)


def _data(manifest: BundleManifest) -> str:
    rows = [
        (one.dataset, f"{one.series}", f"{one.rows:,}", one.start or "–", one.end or "–", one.sha256[:16])
        for one in manifest.data
    ]
    return table(("data set", "series", "values", "from", "to", "sha256"), rows)


def table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    """Return rows of text as an HTML table with a head."""
    lines = [
        "".join(f"<{tag}>{escape(cell)}</{tag}>" for cell in row) for tag, row in [("th", head), *(("td", row) for row in rows)]
    ]
    return "<table>" + "".join(f"<tr>{line}</tr>" for line in lines) + "</table>"
