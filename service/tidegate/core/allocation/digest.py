"""The digest that binds a plan, so that what is applied is what was approved."""

from dataclasses import replace
from typing import Final

from tidegate.contracts import codec
from tidegate.contracts.plan import Plan

_OF_AN_UNDO: Final = frozenset({"undoes", "kept"})


def plan_digest(plan: Plan) -> str:
    """sha256 (hex) over everything in `plan` but its digest: moves in order, grants, revision, settings, solver, scores.

    The form is JSON with sorted keys and exact floats, so a plan keeps its digest through JSON and MessagePack. What only an
    undo has is left out of other plans: those in older logs keep their digests.
    """
    bound = replace(plan, digest="")
    if plan.undoes is not None:
        return codec.digest(bound)
    return codec.digest({name: value for name, value in codec.to_builtins(bound).items() if name not in _OF_AN_UNDO})
