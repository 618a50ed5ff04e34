"""Tidegate's REST door from Python: a typed, asynchronous client. Decides nothing, and knows nothing of the server's code.

    async with TidegateClient("http://127.0.0.1:8080") as tidegate:
        async for anomaly in tidegate.anomalies.list(is_open=True):
            print(anomaly.device, anomaly.reasons[0].text)

Answers are the contracts' own dataclasses. What fails is one of `errors`; what a busy service turns away is tried again
within stated bounds (`retry`).
"""

from tidegate.client.client import TidegateClient
from tidegate.client.errors import (
    ForeignAnswerError,
    OutcomeUnknownError,
    ProblemError,
    RequestRefusedError,
    ServiceFailedError,
    UnreachableError,
)
from tidegate.client.listing import Listing
from tidegate.client.retry import Retry
from tidegate.client.stream import StreamEvent

__all__ = [
    "ForeignAnswerError",
    "Listing",
    "OutcomeUnknownError",
    "ProblemError",
    "RequestRefusedError",
    "Retry",
    "ServiceFailedError",
    "StreamEvent",
    "TidegateClient",
    "UnreachableError",
]
