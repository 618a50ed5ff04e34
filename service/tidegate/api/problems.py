"""Errors as RFC 9457 problem details: the one table from our errors to HTTP, and the handlers that apply it.

Every error answer has this shape, also those of the framework itself. Never a stack trace, never a foreign exception's text.
"""

import re
from collections.abc import Mapping, Sequence
from functools import cache
from http import HTTPStatus
from typing import Any, Final

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.routing import compile_path

from tidegate.api.asgi import PROBLEM
from tidegate.api.errors import (
    BodyTooLargeError,
    BodyTooSlowError,
    ForbiddenError,
    HostUnknownError,
    KeyReusedError,
    MediaTypeError,
    NotFoundError,
    OverloadedError,
    PreconditionFailedError,
    PreconditionRequiredError,
    ReplayRefusedError,
    TooManyRequestsError,
    UnauthenticatedError,
)
from tidegate.contracts.codec import encode
from tidegate.contracts.problem import MEDIA_TYPE, FieldProblem, ProblemDetails
from tidegate.errors import (
    AllocationError,
    CommandRefused,
    DependencyError,
    HistoryFullError,
    InputError,
    LogFullError,
    TidegateError,
)

RETRY_AFTER_SECONDS: Final = 1
"""Seconds. The worker clears a full queue in well under a second when it is healthy; more would idle the producer."""

MAX_DETAIL_CHARACTERS: Final = 500
"""Characters of `detail`: it may quote hostile input."""

STATUS: Final[Mapping[type[TidegateError], HTTPStatus]] = {
    NotFoundError: HTTPStatus.NOT_FOUND,
    UnauthenticatedError: HTTPStatus.UNAUTHORIZED,
    ForbiddenError: HTTPStatus.FORBIDDEN,
    HostUnknownError: HTTPStatus.MISDIRECTED_REQUEST,
    BodyTooSlowError: HTTPStatus.REQUEST_TIMEOUT,
    BodyTooLargeError: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    MediaTypeError: HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    TooManyRequestsError: HTTPStatus.TOO_MANY_REQUESTS,
    PreconditionFailedError: HTTPStatus.PRECONDITION_FAILED,
    PreconditionRequiredError: HTTPStatus.PRECONDITION_REQUIRED,
    CommandRefused: HTTPStatus.CONFLICT,
    KeyReusedError: HTTPStatus.CONFLICT,
    ReplayRefusedError: HTTPStatus.CONFLICT,
    InputError: HTTPStatus.UNPROCESSABLE_ENTITY,
    AllocationError: HTTPStatus.UNPROCESSABLE_ENTITY,
    OverloadedError: HTTPStatus.SERVICE_UNAVAILABLE,
    LogFullError: HTTPStatus.INSUFFICIENT_STORAGE,
    HistoryFullError: HTTPStatus.INSUFFICIENT_STORAGE,
    DependencyError: HTTPStatus.SERVICE_UNAVAILABLE,
    TidegateError: HTTPStatus.INTERNAL_SERVER_ERROR,
}
"""Error to status; an error without a row has its nearest ancestor's."""


def install(app: FastAPI) -> None:
    """Answer every error of `app` and of the framework under it as problem details."""
    app.add_exception_handler(TidegateError, _on_tidegate_error)
    app.add_exception_handler(RequestValidationError, _on_validation_error)
    app.add_exception_handler(HTTPException, _on_http_error)


def problem_of(error: TidegateError) -> ProblemDetails:
    """`error` by the table; the path a decoder names at the end of its message becomes a pointer."""
    status = next(STATUS[kind] for kind in type(error).__mro__ if kind in STATUS)
    detail, errors = _locate(error.message)
    return _problem(status, detail, error.code, error.advice, errors)


def answer_to(error: TidegateError) -> Response:
    """`error` as an answer, with the headers that its status asks for."""
    return respond(problem_of(error), _headers(error))


def respond(problem: ProblemDetails, headers: Mapping[str, str] | None = None) -> Response:
    """`problem` as an answer; one that says "not now" also says when to come back."""
    extra = {"retry-after": str(RETRY_AFTER_SECONDS)} if problem.status == HTTPStatus.SERVICE_UNAVAILABLE else {}
    return Response(encode(problem), problem.status, {**extra, **(headers or {})}, MEDIA_TYPE)


def internal_problem() -> ProblemDetails:
    """What a client may know of a bug of ours; the log knows the rest."""
    return _problem(
        HTTPStatus.INTERNAL_SERVER_ERROR,
        "something failed that should not have; the service's log says what",
        "internal-error",
        "retry; if it stays, report it with the log",
    )


async def _on_tidegate_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, TidegateError)  # noqa: S101 - registered for nothing else
    request.scope[PROBLEM] = error.code
    return answer_to(error)


def _headers(error: TidegateError) -> Mapping[str, str]:
    """RFC 6750: why a credential is asked for; a client without one is told no more than that."""
    if isinstance(error, UnauthenticatedError):
        why = "" if error.code == UnauthenticatedError.code else ', error="invalid_token"'
        return {"www-authenticate": f'Bearer realm="tidegate"{why}'}
    if isinstance(error, TooManyRequestsError):
        return {"retry-after": str(error.retry_after_seconds)}
    return {}


async def _on_validation_error(_: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)  # noqa: S101 - registered for nothing else
    errors = [FieldProblem(_parameter(each["loc"]), str(each["msg"])) for each in error.errors()]
    detail = "; ".join(f"{each.pointer}: {each.detail}" for each in errors)
    return respond(_problem(HTTPStatus.UNPROCESSABLE_ENTITY, detail, InputError.code, "correct the parameter", errors))


async def _on_http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101 - registered for nothing else
    status = HTTPStatus(error.status_code)
    code = status.phrase.lower().replace(" ", "-")
    detail, advice = {
        HTTPStatus.NOT_FOUND: ("no such path", "GET /docs lists every path"),
        HTTPStatus.METHOD_NOT_ALLOWED: (f"{request.method} is not allowed here", "the Allow header says what is"),
    }.get(status, (str(error.detail), ""))
    headers = dict(error.headers or {})
    if status == HTTPStatus.METHOD_NOT_ALLOWED:
        headers["Allow"] = ", ".join(sorted(_allowed(request)))
    return respond(_problem(status, detail, code, advice), headers)


def _allowed(request: Request) -> set[str]:
    """Every method that some route takes at this path; the framework itself names only those of the first."""
    return {method for method, template in request.app.state.door.rules if _shape(template).match(request.scope["path"])}


@cache
def _shape(template: str) -> re.Pattern[str]:
    return compile_path(template)[0]


def _problem(status: HTTPStatus, detail: str, code: str, advice: str = "", errors: Sequence[FieldProblem] = ()) -> ProblemDetails:
    return ProblemDetails(
        type=f"urn:tidegate:problem:{code}",
        title=status.phrase,
        status=status.value,
        detail=detail[:MAX_DETAIL_CHARACTERS],
        code=code,
        advice=advice,
        errors=list(errors),
    )


_DECODER_PATH = re.compile(r"^(?P<what>.*) - at `(?P<key>key in )?\$(?P<path>[^`]*)`$", re.DOTALL)


def _locate(message: str) -> tuple[str, list[FieldProblem]]:
    """Take msgspec's `… - at `$.readings[3].device`` apart into text and `#/readings/3/device`.

    msgspec says `[...]` for a key of a mapping, because it does not know which; the pointer then ends at the mapping.
    """
    found = _DECODER_PATH.match(message)
    if found is None:
        return message, []
    pointer = found["path"].split("[...]")[0].replace("[", ".").replace("]", "").replace(".", "/")
    return message, [FieldProblem(f"#{pointer}", found["what"].split(": ", 1)[-1])]


def _parameter(location: Sequence[Any]) -> str:
    where, *names = location
    name = ".".join(str(each) for each in names)
    return f"?{name}" if where == "query" else name
