"""Which partitions are this process's."""

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Share:
    """Which partitions this process is to work. `generation` rises with every sharing out in which this process took part.

    Not `settled` while the group shares out anew, or before the first time: `partitions` are then those of the last time,
    some of which may be another's already. `trouble` says why the group cannot be asked, if it cannot.
    """

    generation: int = 0
    partitions: frozenset[int] = frozenset()
    settled: bool = False
    trouble: str = ""


class Membership(Protocol):
    """This process's place among those that share the partitions.

    Only advice on who should work what: two processes may believe in the same partition for a while, and only
    `Log.take_over` decides which of them can commit.
    """

    @property
    def share(self) -> Share:
        """What is ours by the latest word. Never blocks."""
        ...

    async def changed(self, since: Share) -> Share:
        """Return the share once it is another than `since`; changes in quick succession may be seen as one."""
        ...

    def rejoin(self) -> None:
        """Have our place confirmed: a share of a later generation follows. Returns at once; may be called repeatedly."""
        ...

    async def close(self) -> None:
        """Leave, so that others need not wait until we are missed; stop committing first. Idempotent."""
        ...
