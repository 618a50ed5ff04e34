"""What the door answers when it refuses or fails: problem details by RFC 9457, the same for every error."""

from dataclasses import dataclass, field
from typing import Final

MEDIA_TYPE: Final = "application/problem+json"


@dataclass(frozen=True, slots=True)
class FieldProblem:
    """One wrong field of a body (`pointer`, RFC 6901, `#/readings/3/metrics`) or parameter (`?limit`), and what is wrong."""

    pointer: str
    detail: str


@dataclass(frozen=True, slots=True)
class ProblemDetails:
    """RFC 9457 problem details. `code` is stable and for machines, `advice` says what to do, `errors` name the fields."""

    type: str
    title: str
    status: int
    detail: str
    code: str
    advice: str = ""
    errors: list[FieldProblem] = field(default_factory=list)
