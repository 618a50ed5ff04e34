"""Digests that bind a plan, so that what is applied is what was approved, and identifiers that a replay repeats."""

import hashlib
from dataclasses import replace

from tidegate.contracts import codec
from tidegate.contracts.plan import Plan


def plan_digest(plan: Plan) -> str:
    """sha256 (hex) over everything in `plan` but its digest: moves in order, grants, revision, settings, solver, scores.

    The form is JSON with sorted keys and exact floats, so a plan keeps its digest through JSON and MessagePack.
    """
    return codec.digest(replace(plan, digest=""))


def short_id(prefix: str, *parts: object) -> str:
    """A deterministic identifier: `prefix`, a dash and 24 hex digits over `parts`; equal parts give equal identifiers."""
    raw = codec.encode([str(part) for part in parts])
    return f"{prefix}-{hashlib.blake2b(raw, digest_size=12).hexdigest()}"
