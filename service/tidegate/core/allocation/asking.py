"""Asking for plans: of all that a site needs one for, what is asked now, and the request that goes to the planner."""

from dataclasses import replace

from tidegate.contracts.ids import PlanId
from tidegate.contracts.plan import Trigger
from tidegate.core.allocation.model import PlanRequest, Terms
from tidegate.core.allocation.needs import needs_of
from tidegate.core.allocation.site import URGENT, Asked, Site
from tidegate.core.allocation.standing import problem_now, situation_of
from tidegate.core.allocation.suspects import suspects_of
from tidegate.core.identity import fact_id
from tidegate.errors import CommandRefused


def ask_for_needs(site: Site, terms: Terms) -> list[PlanRequest]:
    """The request for the most urgent need of `site` that is due; none when nothing is, or what is has to wait."""
    for need in needs_of(problem_now(site, terms.settings, terms.now_ms), terms.settings):
        last = site.asked.get(need.trigger)
        due = last is None or last.about != need.about or terms.now_ms - last.at_ms >= need.again_after_ms
        if need.trigger not in site.pressing and site.calm(terms.now_ms) is not None:
            continue
        if due and (site.open is None or need.trigger in URGENT):
            return [_request(site, need.trigger, need.about, terms)]
    return []


def ask_for_operator(site: Site, terms: Terms) -> PlanRequest:
    """The request for a plan that a person wants.

    Raises:
        CommandRefused: a plan is being made, or carried out in waves, or its last wave is watched.
    """
    if site.in_flight is not None:
        raise CommandRefused(f"plan {site.in_flight.id} is being made already", advice="wait for its decision")
    if site.rollout is not None:
        raise CommandRefused(site.rollout.stands, advice="wait for its end, or refuse it")
    return _request(site, Trigger.OPERATOR, "", terms)


def _request(site: Site, trigger: Trigger, about: str, terms: Terms) -> PlanRequest:
    site.requests += 1
    site.asked[trigger] = Asked(about, terms.now_ms)
    site.in_flight = question(site, trigger, PlanId(fact_id("plan", site.id, terms.now_ms, site.requests)), terms)
    return site.in_flight


def question(site: Site, trigger: Trigger, name: PlanId, terms: Terms) -> PlanRequest:
    """The request for a plan called `name` for `site` as it stands; changes nothing."""
    situation = situation_of(problem_now(site, terms.settings, terms.now_ms))
    return PlanRequest(
        id=name,
        site=site.id,
        trigger=trigger,
        requested_at_ms=terms.now_ms,
        expires_at_ms=terms.expires_at_ms,
        topology=site.topology,
        situation=replace(situation, suspects=suspects_of(site), replaced=dict(site.replaced)),
        settings=terms.settings,
        settings_digest=terms.settings_digest,
    )
