"""Metrics that count nothing."""

from collections.abc import Callable, Collection, Mapping
from contextlib import AbstractContextManager, nullcontext

from tidegate.ports import Ages, BatchReport, Levels


class NullMetrics:
    """`ports.Metrics` that counts nothing, for tests and one-off commands."""

    def batch(self, report: BatchReport) -> None:
        """Nothing."""

    def levels(self, partition: int, levels: Levels) -> None:
        """Nothing."""

    def watch(self, ages: Callable[[], Ages]) -> None:
        """Nothing."""

    def replayed(self, batches: int) -> None:
        """Nothing."""

    def owned(self, partitions: Collection[int]) -> None:
        """Nothing."""

    def rebalanced(self) -> None:
        """Nothing."""

    def taken_over(self) -> None:
        """Nothing."""

    def fenced(self) -> None:
        """Nothing."""

    def batch_failed(self) -> None:
        """Nothing."""

    def planning(self) -> AbstractContextManager[None]:
        """Run the block."""
        return nullcontext()

    def bundles(self, identities: Mapping[str, float]) -> None:
        """Nothing."""

    def log_bytes(self, used: int) -> None:
        """Nothing."""

    def history_written(self, records: int, seconds: float) -> None:
        """Nothing."""

    def history_failed(self, code: str) -> None:
        """Nothing."""

    def history_pruned(self, rows: int) -> None:
        """Nothing."""

    def http_request(self, route: str, method: str, status: int, seconds: float) -> None:
        """Nothing."""

    def render(self) -> bytes:
        """No metrics."""
        return b""
