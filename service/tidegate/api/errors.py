"""What only a door can refuse: sizes, media types, names that lead nowhere, too much at once.

TidegateError
├── InputError
│   ├── NotFoundError             no such site, device, anomaly, ...
│   ├── BodyTooLargeError         more bytes or readings than one request may carry
│   ├── BodyTooSlowError          a body that does not arrive
│   ├── MediaTypeError            a body that is not JSON, or is compressed
│   ├── HostUnknownError          asked under a name that is not ours
│   ├── UnauthenticatedError      whoever asks did not show who they are
│   ├── ForbiddenError            a command that REST does not take
│   │   └── RoleMissingError      whoever asks may not do this here
│   ├── PreconditionFailedError   what the request was made for is not there any more
│   ├── PreconditionRequiredError a change that does not say what it is made for
│   ├── TooManyRequestsError      more than one client may ask for
│   ├── KeyReusedError            an idempotency key that is another command's already
│   └── ReplayRefusedError        a dead letter that may not, or cannot, be sent again
└── DependencyError
    └── OverloadedError           the worker is behind; come back later
"""

from tidegate.contracts.letters import ReplayRefusal
from tidegate.errors import DependencyError, InputError


class NotFoundError(InputError):
    """The path names something we do not know, or no longer keep."""

    code = "not-found"


class BodyTooLargeError(InputError):
    """The request carries more than one request may."""

    code = "body-too-large"


class BodyTooSlowError(InputError):
    """The body did not arrive in the time a request may hold a place."""

    code = "body-too-slow"


class MediaTypeError(InputError):
    """The body is not of a kind we read."""

    code = "media-type-unsupported"


class HostUnknownError(InputError):
    """The request was made to a name that is not this service's."""

    code = "host-unknown"


class ForbiddenError(InputError):
    """The command exists, but is not taken from here."""

    code = "forbidden"


class RoleMissingError(ForbiddenError):
    """We know who asks, and they may not do this, or not at this site."""

    code = "role-missing"


class UnauthenticatedError(InputError):
    """No credential, or one that does not open the door; never says which part of it is wrong."""

    code = "credential-missing"

    def __init__(self, message: str, *, code: str = code, advice: str = "") -> None:
        super().__init__(message, advice=advice)
        self.code = code


class PreconditionFailedError(InputError):
    """What the request was made for has been replaced meanwhile; nothing was changed."""

    code = "precondition-failed"


class PreconditionRequiredError(InputError):
    """The change would replace whatever is there, seen or not."""

    code = "precondition-required"


class TooManyRequestsError(InputError):
    """More requests than one client may make; `retry_after_seconds` says when the next is taken."""

    code = "rate-limited"

    def __init__(self, message: str, retry_after_seconds: int = 1, *, advice: str = "") -> None:
        super().__init__(message, advice=advice)
        self.retry_after_seconds = retry_after_seconds


class KeyReusedError(InputError):
    """The id or idempotency key stands for another command already; nothing was done."""

    code = "idempotency-key-reused"


class ReplayRefusedError(InputError):
    """This dead letter is not sent again; `refusal` says which of the reasons it is, and the code carries it."""

    code = "replay-refused"

    def __init__(self, message: str, refusal: ReplayRefusal | None = None, *, advice: str = "") -> None:
        super().__init__(message, advice=advice)
        self.refusal = refusal
        self.code = refusal or self.code


class OverloadedError(DependencyError):
    """More is waiting than the worker may fall behind; nothing was taken."""

    code = "overloaded"
