"""What a client can meet.

TidegateError
├── ProblemError                  the service answered with problem details
│   ├── RequestRefusedError       4xx, also an InputError: asking again the same way is useless
│   └── ServiceFailedError        429 and 5xx, also a DependencyError: later it may go
└── DependencyError
    ├── UnreachableError          nobody answered
    ├── ForeignAnswerError        somebody answered, but not like a Tidegate of this release
    └── OutcomeUnknownError       a command was not decided while we waited
"""

from http import HTTPStatus

from tidegate.contracts.problem import FieldProblem, ProblemDetails
from tidegate.errors import DependencyError, InputError, TidegateError


class ProblemError(TidegateError):
    """The service's own words; `code` is stable and for programs, `errors` name the fields that are wrong."""

    code = "problem"

    def __init__(self, problem: ProblemDetails) -> None:
        super().__init__(problem.detail or problem.title, advice=problem.advice)
        self.problem = problem
        self.code = problem.code

    @property
    def status(self) -> int:
        """The HTTP status."""
        return self.problem.status

    @property
    def errors(self) -> list[FieldProblem]:
        """What is wrong with which field or parameter; empty when it is not about one."""
        return self.problem.errors


class RequestRefusedError(ProblemError, InputError):
    """The request is what is wrong."""


class ServiceFailedError(ProblemError, DependencyError):
    """The service cannot serve it now."""


class UnreachableError(DependencyError):
    """No answer: nobody listens there, the connection broke, or it took too long."""

    code = "unreachable"


class ForeignAnswerError(DependencyError):
    """The answer is not one that a Tidegate of this release gives; a proxy, another service, or another release."""

    code = "answer-not-understood"


class OutcomeUnknownError(DependencyError):
    """The command is on the log, and nobody has decided it yet; it will be, so ask again by its id."""

    code = "outcome-unknown"


def problem_error(problem: ProblemDetails) -> ProblemError:
    """`problem` as the error for its status."""
    later = problem.status >= HTTPStatus.INTERNAL_SERVER_ERROR or problem.status == HTTPStatus.TOO_MANY_REQUESTS
    return ServiceFailedError(problem) if later else RequestRefusedError(problem)
