"""`tidegate evaluate allocation`, `irap` and `planner`: the studies of plans. Each imports what it needs when it is called."""

from typing import Annotated

import typer

from tidegate_training.evaluate.running import Bundles, Data, Out, check_extra, cited, progress_shown


def evaluate_allocation(
    data: Data,
    out: Out,
    days: Annotated[float | None, typer.Option(min=0.01, help="Days of the trace at most.")] = None,
    bundle: Bundles = None,
) -> None:
    """Replay recorded demand on gateways under Tidegate's allocator, a greedy rival, somebody who knows, and left alone."""
    check_extra()
    from tidegate_training.evaluate import allocation, plots, results, scoring  # noqa: PLC0415  # see the module

    configuration, forecaster = scoring.service_configuration(), scoring.universal_forecaster(bundle or [])
    with progress_shown() as report:
        replays, figures = allocation.run_backtest(data, configuration, forecaster, days=days, progress=report)
    notes = [*allocation.NOTES, *allocation.notes_of(replays)]
    command = cited("allocation", out, [f"--days {days:g}"] if days else [])
    picture = out.with_name(f"{out.stem}-moves.svg")
    plots.moves_against_overload({name: figures[name]["held_out"] for name in figures}, picture)
    caption = "Overload and moves of each policy, held-out part, by site"
    results.write(results.collect("Allocation backtest", command, figures, notes), out, plots={picture.name: caption})
    typer.echo(f"wrote {out} and {out.with_suffix('.md').name}")


def evaluate_grants(
    data: Data,
    out: Out,
    days: Annotated[float | None, typer.Option(min=0.01, help="Days of the trace at most.")] = None,
    bundle: Bundles = None,
) -> None:
    """Replay recorded demand on gateways that hold devices to their grants: renewed in place, and set by moves only."""
    check_extra()
    from tidegate_training.evaluate import grants, results, scoring  # noqa: PLC0415  # see the module

    configuration, forecaster = scoring.service_configuration(), scoring.universal_forecaster(bundle or [])
    with progress_shown() as report:
        figures = grants.run_grants(data, configuration, forecaster, days=days, progress=report)
    command = cited("grants", out, [f"--days {days:g}"] if days else [])
    results.write(results.collect("Grants that are held to", command, figures, grants.NOTES), out)
    typer.echo(f"wrote {out} and {out.with_suffix('.md').name}")


def evaluate_irap(
    out: Out,
    datasets: Annotated[list[str] | None, typer.Option(help="Only these: DS1 … DS8 (repeatable).")] = None,
    random_states: Annotated[int, typer.Option(min=1, help="Searches of each solver, from states 0, 1, ….")] = 10,
    evaluations: Annotated[int, typer.Option(min=1, help="Solutions that each search may price.")] = 200_000,
) -> None:
    """Solve the papers' resource allocation problem by whales, genes, search economics and our planner, beside its optimum."""
    check_extra()
    from tidegate_training.evaluate import results  # noqa: PLC0415  # see the module
    from tidegate_training.study.irap import instance, page, study  # noqa: PLC0415

    chosen = datasets or list(instance.SIZES)
    with progress_shown() as report:
        figures = study.run_study(chosen, random_states=random_states, evaluations=evaluations, report=report)
    options = [f"--datasets {name}" for name in datasets or []]
    options += [f"--random-states {random_states}"] if random_states != 10 else []
    options += [f"--evaluations {evaluations}"] if evaluations != 200_000 else []
    command = " ".join([f"tidegate evaluate irap --out docs/results/{out.name}", *options])
    made = results.collect("IoT resource allocation (IRAP)", command, figures, page.NOTES)
    results.write(made, out, plots=page.draw(figures, chosen, out.parent, out.stem))
    typer.echo(f"wrote {out} and {out.with_suffix('.md').name}")


def evaluate_planner(
    out: Out,
    quick: Annotated[bool, typer.Option("--quick", help="Small sites, to see that it runs.")] = False,
    rivals: Annotated[list[str] | None, typer.Option(help="Only these: greedy, highs, cp-sat (repeatable).")] = None,
    random_states: Annotated[int, typer.Option(min=1, help="Sites of each kind, from states 0, 1, ….")] = 5,
    seconds: Annotated[float, typer.Option(min=0.1, help="Time limit of an exact rival for each goal of each site.")] = 60.0,
    largest: Annotated[int | None, typer.Option(min=1, help="Leave out sizes of more devices.")] = None,
) -> None:
    """Plan for random sites of up to 100,000 devices: seconds, memory and gap to the bound, beside exact solvers and greedy."""
    check_extra()
    from tidegate_training.evaluate import results  # noqa: PLC0415  # see the module
    from tidegate_training.study.planner import page, solvers, study  # noqa: PLC0415

    scope, chosen = study.QUICK_SCOPE if quick else study.FULL_SCOPE, rivals or list(solvers.RIVALS)
    with progress_shown() as report:
        figures = study.run_study(
            study.limited(scope, largest), rivals=chosen, random_states=random_states, seconds=seconds, report=report
        )
    options = ["--quick"] * quick + [f"--rivals {name}" for name in rivals or []]
    options += [f"--random-states {random_states}"] if random_states != 5 else []
    options += [f"--seconds {seconds:g}"] if seconds != 60 else []
    options += [f"--largest {largest}"] if largest else []
    command = " ".join([f"tidegate evaluate planner --out docs/results/{out.name}", *options])
    made = results.collect("Planner", command, figures, page.NOTES)
    results.write(made, out, plots=page.draw(figures, out.parent, out.stem))
    typer.echo(f"wrote {out} and {out.with_suffix('.md').name}")
