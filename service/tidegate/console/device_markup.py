"""One device as HTML. Draws; asks nobody anything."""

from typing import Final

from tidegate.console.anomaly_markup import reasons, table
from tidegate.console.markup import Markup, address, joined
from tidegate.console.wording import STATE_MARKS, STATE_WORDS, moment, number
from tidegate.contracts.plan import Assignment
from tidegate.contracts.views import Explanation, MetricPart

CHART_KEY: Final = Markup(
    '<h2>Expected and observed</h2><p class="dim key"><span class="line seen"></span> observed '
    '<span class="line wanted"></span> expected <span class="line span"></span> 5 % to 95 % of what is expected '
    '<span class="line alarm"></span> threshold</p>'
)


def state(site: str, device: str, told: Explanation | None, error: Exception | None) -> Markup:
    """Who it is and how far it may be trusted."""
    head = Markup("<h1>{}</h1>").format(device)
    complaint = Markup('<p class="complaint">{}</p>').format(str(error)) if error else Markup("")
    if told is None:
        return head + complaint
    view = told.device
    standing = Markup('<p><span class="cell s-{}">{}</span> <b>{}</b>: {}</p>').format(
        view.state, STATE_MARKS[view.state], view.state, STATE_WORDS[view.state]
    )
    rows = [
        ("site", site),
        ("profile", view.profile),
        ("gateway", view.gateway or "none"),
        ("readings", f"{view.readings:,}"),
        ("last reading", f"{moment(view.last_event_time_ms)} UTC"),
        ("score", number(view.score) if view.score is not None else "not yet: unknown is not normal"),
    ]
    rows += [("uses all it is given of", ", ".join(view.censored))] if view.censored else []
    metrics = [(str(name), number(value)) for name, value in view.metrics.items()]
    return head + standing + complaint + table(rows) + Markup("<h3>Last values</h3>") + table(metrics)


def why(told: Explanation) -> Markup:
    """Why it alarms, or why not and what it would take."""
    anomaly = told.device.anomaly
    verdict = Markup('<p class="verdict {}">{}</p>').format(
        "bad" if told.alarming else "good", "It alarms." if told.alarming else "It does not alarm."
    )
    link = (
        Markup('<p><a href="{}">Its open anomaly</a></p>').format(address("anomalies", anomaly=anomaly))
        if anomaly
        else Markup("")
    )
    held = joined(Markup('<li class="hold">{}</li>').format(rule) for rule in told.suppressed_by)
    return Markup(
        "<h2>Why, or why not</h2>{}{}<p>What it takes: {}</p><ul>{}</ul>{}<h3>What each stream of evidence says</h3>{}{}"
    ).format(
        verdict,
        link,
        told.would_fire,
        held,
        _triggers(told.parts),
        reasons(told.streams),
        table([("judged by", told.bundle), ("policy", told.policy), ("threshold (−log10 p)", number(told.threshold))]),
    )


def _triggers(parts: list[MetricPart]) -> Markup:
    """By metric, the next values that would alarm, if any was found."""
    rows = [
        (str(part.metric), " or ".join(f"{side} {number(value)}" for side, value in _sides(part) if value is not None))
        for part in parts
        if part.metric is not None
    ]
    known = [(name, words) for name, words in rows if words]
    return Markup("<h3>A next value that would alarm</h3>{}").format(table(known)) if known else Markup("")


def _sides(part: MetricPart) -> tuple[tuple[str, float | None], tuple[str, float | None]]:
    return ("at most", part.fires_below), ("at least", part.fires_above)


def assignment(mine: Assignment | None) -> Markup:
    """Who serves it, with what, and since when."""
    if mine is None:
        return Markup(
            '<h2>Assignment</h2><p class="dim">None: it is not in its site\'s topology, or no plan was applied yet.</p>'
        )
    rows = [("served by", mine.gateway or "nobody"), ("phase", mine.phase), ("since", f"{moment(mine.assigned_at_ms)} UTC")]
    rows += [(f"grant: {resource}", number(amount)) for resource, amount in mine.grant.items()]
    rows += [("because", mine.reason)]
    plan = (
        Markup('<p><a href="{}">The plan that did it</a></p>').format(address("plans", plan=mine.plan_id)) if mine.plan_id else ""
    )
    return Markup("<h2>Assignment</h2>{}{}").format(table(rows), plan)
