"""Hard rules of a single move: may this device be served over this link now, and if not, why not, in words.

Hard rules refuse; goals rank (`goals`). Each rule answers for many links at once, and for one link in words.
"""

from typing import Final, Protocol

import numpy as np

from tidegate.core.allocation.arrays import Bool, Float64, Int64
from tidegate.core.allocation.placement import FULL
from tidegate.core.allocation.problem import Problem


class Rule(Protocol):
    """One reason for which a move may not happen; `name` is stable and for programs."""

    name: str

    def allows(self, problem: Problem, load: Float64, links: Int64) -> Bool:
        """Which of `links` (int64 [link], rows of the reach) may be used at gateway loads `load`; bool [link]."""
        ...

    def why_not(self, problem: Problem, load: Float64, link: int) -> str:
        """What stands against `link`, without naming its gateway. Called only where `allows` is false."""
        ...


class Binding:
    """A fixed device stays where it is; pins and exclusions are the operator's word."""

    name = "binding"

    def allows(self, problem: Problem, load: Float64, links: Int64) -> Bool:
        """Links the operator's word leaves."""
        reach = problem.reach
        return np.asarray(reach.lawful[links] & ~reach.fixed[reach.device[links]])

    def why_not(self, problem: Problem, load: Float64, link: int) -> str:
        """Which word it is."""
        fixed = problem.reach.fixed[problem.reach.device[link]]
        return "the device's binding is fixed" if fixed else "a pin or an exclusion forbids it"


class Admission:
    """Dead, draining and cordoned gateways take nobody new."""

    name = "admission"

    def allows(self, problem: Problem, load: Float64, links: Int64) -> Bool:
        """Links to open gateways."""
        return np.asarray(~problem.closed[problem.reach.gateway[links]])

    def why_not(self, problem: Problem, load: Float64, link: int) -> str:
        """How the gateway is closed."""
        gateway = problem.reach.gateway[link]
        if problem.dead[gateway]:
            return "silent"
        return "draining" if problem.draining[gateway] else "cordoned"


class Room:
    """A device is never added to a gateway that would then be over its capacity in any resource, or is already.

    Of a suspect gateway's capacity a part is withheld: it is not there for who arrives.
    """

    name = "room"

    def allows(self, problem: Problem, load: Float64, links: Int64) -> Bool:
        """Links to gateways that would be within capacity in every resource."""
        gateway = problem.reach.gateway[links]
        after = load.take(gateway, axis=0) + problem.demand.take(problem.reach.device[links], axis=0)
        return np.asarray((after <= (problem.arrivals * FULL).take(gateway, axis=0)).all(axis=1))

    def why_not(self, problem: Problem, load: Float64, link: int) -> str:
        """Which resources are short, and by how much; of a suspect gateway also why it has less."""
        gateway, device = problem.reach.gateway[link], problem.reach.device[link]
        short = load[gateway] + problem.demand[device] - problem.arrivals[gateway]
        columns = np.flatnonzero(short > (FULL - 1.0) * problem.arrivals[gateway])
        said = ", ".join(f"{problem.resources[column]} short by {short[column]:.6g}" for column in columns)
        suspect = problem.suspects.get(int(gateway))
        return said if suspect is None else f"{said}; {suspect.why}"


RULES: Final[tuple[Rule, ...]] = (Binding(), Admission(), Room())
"""In the order in which a refusal is explained: what cannot change soon first."""


def allowed(problem: Problem, load: Float64, links: Int64) -> Bool:
    """Which of `links` every rule allows at gateway loads `load`, bool [link]."""
    verdict = problem.usable[links]
    verdict[verdict] = Room().allows(problem, load, links[verdict])
    return verdict


def why_not(problem: Problem, load: Float64, link: int) -> str | None:
    """The first rule against `link` in words, None when it may be used."""
    refused = refusal(problem, load, link)
    return None if refused is None else refused[1]


def refusal(problem: Problem, load: Float64, link: int) -> tuple[str, str] | None:
    """The name of the first rule against `link`, and what it says; None when it may be used."""
    row = np.array([link], np.int64)
    for rule in RULES:
        if not rule.allows(problem, load, row)[0]:
            return rule.name, rule.why_not(problem, load, link)
    return None
