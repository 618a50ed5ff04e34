"""The digest that binds a plan, so that what is applied is what was approved."""

from dataclasses import replace
from typing import Final

from tidegate.contracts import codec
from tidegate.contracts.plan import Plan

_OF_AN_UNDO: Final = frozenset({"undoes", "kept"})


def plan_digest(plan: Plan) -> str:
    """sha256 (hex) over everything in `plan` but its digest: moves in order, grants, revision, settings, solver, scores.

    The form is JSON with sorted keys and exact floats, so a plan keeps its digest through JSON and MessagePack. What only an
    undo has is left out of other plans, and so is a counterfactual that a move has not: those in older logs keep their digests.
    """
    bound = codec.to_builtins(replace(plan, digest=""))
    for move in bound["moves"]:
        if move["counterfactual"] is None:
            del move["counterfactual"]
    left_out = frozenset() if plan.undoes is not None else _OF_AN_UNDO
    return codec.digest({name: value for name, value in bound.items() if name not in left_out})
