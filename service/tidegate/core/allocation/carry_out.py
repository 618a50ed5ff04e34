"""How an approved plan is carried out: all at once, or wave by wave, each looked at before the next one goes, and the last too.

A plan that is not urgent and not small begins with a canary: a few of its moves, so that what is wrong with a target, or with
what the plan goes by, shows on few devices. Nothing here approves anything: an approval covers all waves.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from tidegate.contracts.configuration import AllocationSettings
from tidegate.contracts.plan import DecisionStatus, Move, Plan, Progress, Trigger
from tidegate.core.allocation.applied import Former
from tidegate.core.allocation.life import Life
from tidegate.core.allocation.recheck import differences, differences_of_rest
from tidegate.core.allocation.rollout import Rollout, Watched
from tidegate.core.allocation.site import RESCUES
from tidegate.core.allocation.standing import problem_now
from tidegate.core.allocation.transfers import Transfers, Wanted
from tidegate.core.allocation.watch import begin, look
from tidegate.core.allocation.waves import Sizes, sizes_for, split
from tidegate.core.condition import Conditions

NAMED: Final = 5
"""Differences spelled out when a plan is refused or halted; the rest is counted."""

_KEEP_ASKING: Final = RESCUES | {Trigger.OPERATOR}
"""Requests whose answer is still wanted when a plan begins to be carried out in waves."""


def carry_out(life: Life, plan: Plan, settings: AllocationSettings) -> None:
    """Apply the moves of the open `plan`, or begin to, if every one still holds; otherwise refuse it, saying what changed.

    A need that the refused plan was to meet is asked about again at once if devices are without service.
    """
    site = life.site
    problem = problem_now(site, settings, life.now_ms)
    found = differences(problem, plan)
    if found:
        life.close(DecisionStatus.REFUSED, _in_words(found))
        site.ask_again(plan.trigger)
        return
    version = life.approve(plan, "every move holds at the demand of now")
    sizes = sizes_for(plan, problem, settings)
    waves = [plan.moves] if sizes is None else split(problem, plan.moves, sizes)
    if len(waves) > 1 and site.in_flight is not None and site.in_flight.trigger not in _KEEP_ASKING:
        site.in_flight = None
    _make(life, Rollout(plan, version, plan.moves), waves, settings)


def go_on(life: Life, conditions: Conditions, settings: AllocationSettings, held: str | None) -> None:
    """Look at the plan that is carried out in waves, and make its next wave, or halt it; after the last one, call it applied.

    Without a plan, nothing happens. While `held` (frozen, guarded, switched off) nothing is judged and no wave goes; what is held
    for longer than a proposal can be approved is halted, or applied without a verdict if all of it was made: a later one would
    hold against the moves whatever happened meanwhile. Afterwards the last wave is watched anew: nobody knows what was heard.
    """
    rollout = life.site.rollout
    if rollout is None:
        return
    if held is not None:
        _hold(life, rollout, settings, held)
        return
    rollout = replace(rollout, held_ms=None)
    now = conditions(life.site.id, [each.device for each in rollout.wave])
    verdict = look(life.site, rollout, now, int(settings.wave_seconds * 1000), life.now_ms)
    life.site.rollout = verdict.rollout
    if verdict.against:
        _halt(life, verdict.against, settings)
    elif verdict.is_well and verdict.rollout.is_made:
        life.applied(verdict.rollout, ", and all were found well")
    elif verdict.is_well and life.site.in_flight is None:
        _next(life, verdict.rollout, settings)


def watch(life: Life, conditions: Conditions) -> None:
    """Note how the devices of a wave that was just made are, before anything of it can show."""
    rollout = life.site.rollout
    if rollout is not None and not rollout.is_watched:
        life.site.rollout = begin(rollout, conditions(life.site.id, [each.device for each in rollout.wave]))


def _hold(life: Life, rollout: Rollout, settings: AllocationSettings, held: str) -> None:
    since_ms = life.now_ms if rollout.held_ms is None else rollout.held_ms
    if life.now_ms - since_ms <= settings.plan_ttl_seconds * 1000:
        life.site.rollout = replace(rollout, held_ms=since_ms, since_ms=None)
    elif rollout.is_made:
        life.applied(rollout, f"; the last was not judged: {held}, for more than {settings.plan_ttl_seconds:g} s")
    else:
        _halt(life, f"{held}, for longer than an approval holds", settings)


def _next(life: Life, rollout: Rollout, settings: AllocationSettings) -> None:
    problem = problem_now(life.site, settings, life.now_ms)
    found = differences_of_rest(problem, rollout.rest)
    if found:
        _halt(life, _in_words(found), settings)
        return
    further = settings.wave_moves or None
    _make(life, rollout, split(problem, rollout.rest, Sizes(further, further)), settings)


def _halt(life: Life, reason: str, settings: AllocationSettings) -> None:
    life.halt(reason, int(settings.cooldown_seconds * 1000))


def _make(life: Life, rollout: Rollout, waves: Sequence[Sequence[Move]], settings: AllocationSettings) -> None:
    """Make the first of `waves`, which are all that is left of `rollout`, and say so."""
    site, plan, wave = life.site, rollout.plan, waves[0]
    formers = [_moved(life, move, plan, settings) for move in wave]
    under_way = sum(move.device in site.transfers for move in wave)
    handed = f", {under_way} of them by a hand-over that has begun" if under_way else ""
    gone = {move.device for move in wave}
    rollout = replace(
        rollout,
        rest=[move for move in rollout.rest if move.device not in gone],
        formers=[*rollout.formers, *formers],
        waves=rollout.waves + 1,
        wave=[Watched(former.device, former.epoch, move.target) for former, move in zip(formers, wave, strict=True)],
        is_watched=False,
        since_ms=None,
    )
    total = rollout.waves + len(waves) - 1
    if total == 1:
        life.applied(rollout, handed)
        return
    site.rollout = rollout = replace(rollout, version=rollout.version + 1)
    text = f"wave {rollout.waves} of {total}: {len(wave)} assignments set{handed}; {_to_come(rollout)}"
    progress = Progress(rollout.waves, total, len(rollout.formers))
    life.say(plan, rollout.version, DecisionStatus.ROLLING_OUT, text, progress)


def _to_come(rollout: Rollout) -> str:
    if rollout.is_made:
        return f"all {len(rollout.formers)} moves are made, and the last are watched before the plan counts as applied"
    return f"{len(rollout.rest)} moves are to follow"


def _moved(life: Life, move: Move, plan: Plan, settings: AllocationSettings) -> Former:
    """Carry out `move`; returns where its device was bound for, and the epoch that it gets."""
    site, device = life.site, move.device
    (source, _), grant = site.bound(device), site.grant(device)
    wanted = Wanted(move.target, move.grant, plan.id, move.reason)
    life.result.assignments.append(Transfers(site, settings, life.now_ms).move(device, wanted))
    return Former(device, source, grant, site.bound(device)[1])


def _in_words(found: list[str]) -> str:
    more = f"; and {len(found) - NAMED} more" if len(found) > NAMED else ""
    return "the site has changed: " + "; ".join(found[:NAMED]) + more
