"""The digest that binds a plan, so that what is applied is what was approved."""

from dataclasses import replace

from tidegate.contracts import codec
from tidegate.contracts.plan import Plan


def plan_digest(plan: Plan) -> str:
    """sha256 (hex) over everything in `plan` but its digest: moves in order, grants, revision, settings, solver, scores.

    The form is JSON with sorted keys and exact floats, so a plan keeps its digest through JSON and MessagePack.
    """
    return codec.digest(replace(plan, digest=""))
