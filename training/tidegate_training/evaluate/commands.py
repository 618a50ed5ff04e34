"""`tidegate evaluate …`: run a study, show its progress, write its results file, page and plots. Computes nothing itself.

The studies are imported when one is run: these commands are part of every start of `tidegate`.
"""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Final

import typer

from tidegate_training.asking import need_torch
from tidegate_training.evaluate import allocation_commands
from tidegate_training.evaluate.running import (
    Bundles,
    Cache,
    Data,
    Detectors,
    Limit,
    NabResults,
    Out,
    Processes,
    check_extra,
    cited,
    progress_shown,
    repeated,
)

app = typer.Typer(no_args_is_help=True, help="How good it is: the service's own code on recorded data, beside plain baselines.")

VUS_CAPTION: Final = "VUS-PR by series and detector (at most 40 series)"

app.command(name="allocation", epilog="Example: `tidegate evaluate allocation --data ../shared/data --out backtest.json`")(
    allocation_commands.evaluate_allocation
)
app.command(name="grants", epilog="Example: `tidegate evaluate grants --data ../shared/data --out grants.json --days 9`")(
    allocation_commands.evaluate_grants
)
app.command(name="irap", epilog="Example: `tidegate evaluate irap --out irap.json --datasets DS1 --datasets DS5`")(
    allocation_commands.evaluate_irap
)
app.command(name="planner", epilog="Example: `tidegate evaluate planner --out planner.json --quick --rivals greedy`")(
    allocation_commands.evaluate_planner
)


@app.command(name="detection", epilog="Example: `tidegate evaluate detection --data ../shared/data --out detection.json`")
def evaluate_detection(
    data: Data,
    out: Out = Path("runs/detection.json"),
    detectors: Detectors = None,
    limit: Limit = None,
    processes: Processes = 1,
    cache: Cache = Path("runs/evaluate"),
    nab_results: NabResults = None,
    bundle: Bundles = None,
) -> None:
    """Judge every labelled series of a folder, reading by reading, by Tidegate and by the baselines."""
    check_extra()
    from tidegate_training.evaluate import detection, plots, results, scoring  # noqa: PLC0415  # see the module

    if nab_results is not None:
        _write_nab_layout(data, nab_results, detectors, processes, cache, bundle or [])
    configuration, forecaster = scoring.service_configuration(), scoring.universal_forecaster(bundle or [])
    with progress_shown() as report:
        study = detection.run_detection(
            data,
            configuration,
            bundle or [],
            detectors=detectors or detection.DETECTORS,
            limit=limit,
            processes=processes,
            cache=cache,
            report=report,
        )
    figures = detection.detection_figures(study, configuration, forecaster)
    picture = out.with_name(f"{out.stem}-vus-pr.svg")
    plots.bars_by_series(figures["vus_pr_by_series"], picture, label="VUS-PR")
    options = repeated(detectors, limit)
    made = results.collect("Detection", cited("detection", out, options), figures, detection.NOTES)
    results.write(made, out, plots={picture.name: VUS_CAPTION})
    typer.echo(f"wrote {out} and {out.with_suffix('.md').name}")


def _write_nab_layout(
    data: Path, folder: Path, detectors: list[str] | None, processes: int, cache: Path, bundles: list[Path]
) -> None:
    """What each detector says about the benchmark's files below `data`, labelled or not, in the benchmark's layout."""
    from tidegate_training.evaluate import nab, nab_layout, scoring  # noqa: PLC0415  # see the module

    files, chosen = nab.nab_files(data, unlabelled=True), detectors or nab.DETECTORS
    with progress_shown() as report:
        said = nab.listen(
            files,
            scoring.service_configuration(),
            bundles,
            detectors=chosen,
            processes=processes,
            cache=cache,
            report=report,
        )
    for name, told in nab.told_scores(said).items():
        nab_layout.write_layout(files, name, told, folder)
    typer.echo(f"wrote {folder}: {len(said)} detectors, {len(files)} files each")


@app.command(name="ablation", epilog="Example: `tidegate evaluate ablation --data ../shared/data --out ablation.json`")
def evaluate_ablation(
    data: Data,
    out: Out,
    limit: Limit = None,
    longest: Annotated[int | None, typer.Option(min=1, help="Leave out series of more rows.")] = None,
    bundle: Bundles = None,
) -> None:
    """Say how well surprise ranks labelled stretches without each evidence stream."""
    check_extra()
    from tidegate_training.evaluate import ablation, results, scoring  # noqa: PLC0415  # see the module

    configuration, forecaster = scoring.service_configuration(), scoring.universal_forecaster(bundle or [])
    with progress_shown() as report:
        figures = ablation.run_ablation(data, configuration, forecaster, limit=limit, longest=longest, report=report)
    options = repeated(None, limit) + ([f"--longest {longest}"] if longest else [])
    results.write(
        results.collect("Ablation of evidence", cited("ablation", out, options), figures, [*ablation.NOTES, *ablation.TRIED]), out
    )
    typer.echo(f"wrote {out} and {out.with_suffix('.md').name}")


@app.command(name="nab", epilog="Example: `tidegate evaluate nab --data ../shared/data/nab --out nab.json --processes 2`")
def evaluate_nab(
    data: Data,
    out: Out,
    detectors: Detectors = None,
    processes: Processes = 1,
    cache: Cache = Path("runs/evaluate"),
    nab_results: NabResults = None,
    bundle: Bundles = None,
) -> None:
    """Score the files of the Numenta Anomaly Benchmark as its own scorer does: optimised, cross-fitted and shipped threshold."""
    check_extra()
    from tidegate_training.evaluate import nab, nab_figures, nab_layout, plots, results, scoring  # noqa: PLC0415  # see the module

    configuration, forecaster = scoring.service_configuration(), scoring.universal_forecaster(bundle or [])
    files = nab.nab_files(data)
    chosen = detectors or nab.DETECTORS
    with progress_shown() as report:
        said = nab.listen(files, configuration, bundle or [], detectors=chosen, processes=processes, cache=cache, report=report)
    figures = nab_figures.study_figures(files, said, configuration, forecaster)
    options = repeated(detectors)
    made = results.collect("Numenta Anomaly Benchmark", cited("nab", out, options), figures, nab_figures.NOTES)
    picture = out.with_name(f"{out.stem}-standard.svg")
    plots.dots_with_intervals(figures["standard"], nab_figures.WAYS, picture, label="NAB score, standard profile")
    results.write(
        made, out, plots={picture.name: "Standard score by detector and way of choosing the threshold, 95 % over files"}
    )
    if nab_results is not None:
        for name, told in nab.told_scores(said).items():
            nab_layout.write_layout(files, name, told, nab_results)
    typer.echo(f"wrote {out} and {out.with_suffix('.md').name}")


@app.command(name="forecast", epilog="Example: `tidegate evaluate forecast --data ../shared/data/bitbrains --out forecast.json`")
def evaluate_forecast(
    data: Data,
    out: Out,
    limit: Annotated[int | None, typer.Option(min=1, help="Devices at most.")] = None,
    processes: Processes = 1,
    bundle: Bundles = None,
) -> None:
    """Forecast recorded demand as the service does: pinball loss against naive forecasts, and coverage of the 90 % band."""
    check_extra()
    from tidegate_training.evaluate import forecast, forecast_figures, results, scoring  # noqa: PLC0415  # see the module

    configuration, forecaster = scoring.service_configuration(), scoring.universal_forecaster(bundle or [])
    with progress_shown() as report:
        judged = forecast.run_forecast(
            data, configuration, forecaster.manifest, bundle or [], limit=limit, processes=processes, report=report
        )
    figures = forecast_figures.forecast_figures(judged, configuration, forecaster)
    options = [f"--limit {limit}"] if limit else []
    results.write(results.collect("Demand forecast", cited("forecast", out, options), figures, forecast_figures.NOTES), out)
    typer.echo(f"wrote {out} and {out.with_suffix('.md').name}")


@app.command(name="classifier", epilog="Example: `tidegate evaluate classifier --data ../shared/data --out classifier.json`")
def evaluate_classifier(
    data: Data,
    out: Out,
    processes: Processes = 1,
    networks: Annotated[bool, typer.Option(help="Judge the dense networks too; needs torch.")] = True,
) -> None:
    """Judge networks and trees on flow records: on class blocks and, labelled so, on a split that leaks."""
    check_extra()
    from tidegate_training.evaluate import classifier_study, plots, results  # noqa: PLC0415  # see the module

    with progress_shown() as report:
        study = classifier_study.run_study(
            data, networks=networks and classifier_study.torch_there(), processes=processes, report=report
        )
    made = results.collect(
        "Classifiers of flow records",
        cited("classifier", out, [] if networks else ["--no-networks"]),
        study.figures,
        study.notes,
    )
    picture = out.with_name(f"{out.stem}-macro-f1.svg")
    shown = classifier_study.plotted(study.figures)
    plots.dots_with_intervals(shown, classifier_study.WAYS, picture, label="macro-F1", least=0.0)
    results.write(made, out, plots={picture.name: "Macro-F1 by classifier and split, least to most of the random states"})
    typer.echo(f"wrote {out} and {out.with_suffix('.md').name}")


@app.command(name="models", epilog="Example: `tidegate evaluate models --data ../shared/data --out models.json`")
def evaluate_models(
    data: Data,
    out: Out,
    models: Annotated[list[str] | None, typer.Option(help="Only these: LSTM plain, CNN, autoencoder, … (repeatable).")] = None,
    quick: Annotated[
        bool, typer.Option("--quick", help="Seconds instead of minutes: shows that it runs, and nothing else.")
    ] = False,
) -> None:
    """Train LSTMs, CNN, Transformer, DNN and autoencoder at equal budgets, and judge them on the same series; needs torch."""
    check_extra()
    need_torch()
    from tidegate_training.evaluate import results  # noqa: PLC0415  # see the module
    from tidegate_training.evaluate.models import budget, contenders, page, study  # noqa: PLC0415

    allowed = budget.QUICK if quick else budget.Budget()
    with progress_shown() as report:
        material = study.read_material(data, allowed)
        figures = study.run_study(material, allowed, models or list(contenders.CONTENDERS), report)
    options = [f"--models '{name}'" for name in models or []] + (["--quick"] if quick else [])
    made = results.collect("Models", cited("models", out, options), figures, page.notes(allowed))
    results.write(made, out, plots=page.draw(figures, out.parent, out.stem))
    typer.echo(f"wrote {out} and {out.with_suffix('.md').name}")


@app.command(name="robustness", epilog="Example: `tidegate evaluate robustness --data ../shared/data --out robustness.json`")
def evaluate_robustness(
    data: Data,
    out: Out,
    detectors: Detectors = None,
    limit: Limit = None,
    processes: Processes = 1,
    bundle: Bundles = None,
) -> None:
    """Take a tenth of the sensors away, and shift levels by four standard deviations: what is still detected, and how soon."""
    check_extra()
    from tidegate_training.evaluate import results, robustness, scoring  # noqa: PLC0415  # see the module

    configuration, chosen = scoring.service_configuration(), detectors or robustness.DETECTORS
    with progress_shown() as report:
        study = robustness.run_robustness(
            data, configuration, bundle or [], detectors=chosen, limit=limit, processes=processes, report=report
        )
    options = repeated(detectors, limit)
    figures = robustness.robustness_figures(study)
    results.write(results.collect("Robustness", cited("robustness", out, options), figures, robustness.NOTES), out)
    typer.echo(f"wrote {out} and {out.with_suffix('.md').name}")


@app.command(name="why", epilog="Example: `tidegate evaluate why --data ../shared/data --out why.json`")
def evaluate_why(
    data: Data,
    out: Out = Path("runs/why.json"),
    limit: Limit = None,
    simulated_seconds: Annotated[int, typer.Option(min=60, help="Seconds of each simulated fleet.")] = 1500,
    bundle: Bundles = None,
) -> None:
    """Ask anomalies of known faults which kind they are, and see how far the score falls without the metrics they name."""
    check_extra()
    from tidegate_training.evaluate import plots, results, scoring, why, why_figures  # noqa: PLC0415  # see the module

    configuration, forecaster = scoring.service_configuration(), scoring.universal_forecaster(bundle or [])
    with progress_shown() as report:
        study = why.run_why(data, configuration, forecaster, limit=limit, simulated_seconds=simulated_seconds, report=report)
    figures = why_figures.why_figures(study)
    options = repeated(None, limit)
    options += [f"--simulated-seconds {simulated_seconds}"] if simulated_seconds != why.SIMULATED_SECONDS else []
    made = results.collect("Why: kinds of faults and named metrics", cited("why", out, options), figures, why.NOTES)
    picture = out.with_name(f"{out.stem}-confusion.svg")
    plots.confusion_matrix(figures["injected_confusion"], picture)
    results.write(made, out, plots={picture.name: "Injected faults: what they were (rows) and what they were told as (columns)"})
    typer.echo(f"wrote {out} and {out.with_suffix('.md').name}")


@app.command(name="fitted", epilog="Example: `tidegate evaluate fitted --data ../shared/data --out fitted.json --processes 2`")
def evaluate_fitted(data: Data, out: Out, limit: Limit = None, processes: Processes = 1) -> None:
    """Judge each machine with forecasters of its own, by metric and joint, trained on its train part, beside PCA; needs torch."""
    check_extra()
    need_torch()
    from tidegate_training.evaluate import fitted, results, scoring  # noqa: PLC0415  # see the module

    with progress_shown() as report:
        machines = fitted.run_fitted(data, scoring.service_configuration(), limit=limit, processes=processes, report=report)
    command = cited("fitted", out, repeated(None, limit))
    results.write(results.collect("Fitted forecasters", command, fitted.fitted_figures(machines), fitted.NOTES), out)
    typer.echo(f"wrote {out} and {out.with_suffix('.md').name}")


@app.command(name="acceptance", epilog="Example: `tidegate evaluate acceptance --data ../shared/data --out acceptance.json`")
def evaluate_acceptance(
    data: Data,
    out: Out,
    demand_days: Annotated[float, typer.Option(min=0.1, help="Days of Bitbrains demand to replay.")] = 10.0,
    work: Annotated[Path | None, typer.Option(help="Empty folder for the service's log; kept. Default a temporary one.")] = None,
) -> None:
    """Send recorded fleets through the running service, kill it on the way, and hold what it said against the truth."""
    check_extra()
    from tidegate_training.evaluate import results, scoring  # noqa: PLC0415  # see the module
    from tidegate_training.evaluate.acceptance import fleet, page, study, verdict  # noqa: PLC0415

    configuration, forecaster = scoring.service_configuration(), scoring.universal_forecaster()
    loaded = fleet.load_fleet(data, configuration, demand_days=demand_days)
    with _work_folder(work) as folder, progress_shown() as report:
        run = asyncio.run(study.run_acceptance(loaded, folder, configuration, forecaster, report))
    pictures = page.draw(run, out.parent, out.stem)
    options = [f"--demand-days {demand_days:g}"] if demand_days != 10 else []
    command = cited("acceptance", out, options)
    figures = verdict.acceptance_figures(run)
    results.write(results.collect("Acceptance", command, figures, page.notes(run, demand_days)), out, plots=pictures)
    typer.echo(f"wrote {out} and {out.with_suffix('.md').name}")
    if failed := verdict.broken_promises(figures):
        typer.echo(f"broken: {'; '.join(failed)}", err=True)
        raise typer.Exit(1)


@app.command(name="table", epilog="Example: `tidegate evaluate table --results docs/results`")
def evaluate_table(
    results_folder: Annotated[Path, typer.Option("--results", exists=True, help="Folder with the studies' results files.")],
) -> None:
    """Put the figures that are promised, from all studies, into the detection study's results file and page."""
    from tidegate_training.evaluate import headlines, results  # noqa: PLC0415  # see the module

    out = results_folder / "detection.json"
    made = results.read(out)
    made.figures["table"] = headlines.headlines(results_folder)
    picture = out.with_name("detection-vus-pr.svg")
    results.write(made, out, plots={picture.name: VUS_CAPTION} if picture.exists() else {})
    typer.echo(f"wrote {out}: {len(made.figures['table'])} figures")


@contextmanager
def _work_folder(wanted: Path | None) -> Iterator[Path]:
    if wanted is not None:
        wanted.mkdir(parents=True, exist_ok=True)
        yield wanted
        return
    with TemporaryDirectory(prefix="tidegate-acceptance-") as folder:
        yield Path(folder)
