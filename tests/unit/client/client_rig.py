"""A client whose time moves by hand and whose service is a function."""

from collections.abc import Callable

import httpx

from tidegate.client import Retry, TidegateClient
from tidegate.contracts.codec import encode
from tidegate.contracts.problem import MEDIA_TYPE, ProblemDetails

Answer = Callable[[httpx.Request], httpx.Response]


class HandClock:
    """Time that moves only when somebody pauses."""

    def __init__(self) -> None:
        self.now, self.pauses = 0.0, list[float]()

    async def pause(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.now += seconds

    def retry(self, busy_seconds: float = 30.0, unreachable_seconds: float = 10.0) -> Retry:
        return Retry(busy_seconds, unreachable_seconds, self.pause, lambda: self.now, lambda: 0.0)


def client(
    answer: Answer, clock: HandClock | None = None, *, url: str = "http://door:1", token: str | None = None
) -> TidegateClient:
    return TidegateClient(url, token=token, retry=(clock or HandClock()).retry(), transport=httpx.MockTransport(answer))


def problem(status: int, code: str = "overloaded", detail: str = "the worker is behind", **headers: str) -> httpx.Response:
    body = encode(ProblemDetails("about:blank", "Title", status, detail, code, "come back"))
    return httpx.Response(status, content=body, headers={"content-type": MEDIA_TYPE, **headers})


def value(of: object, status: int = 200) -> httpx.Response:
    return httpx.Response(status, content=encode(of), headers={"content-type": "application/json"})
