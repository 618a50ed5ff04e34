"""A consumer group whose members hear what the test lets them hear, when it lets them: orders that no coordinator would give
are among them, for `Membership` promises nothing but advice."""

from collections import deque
from collections.abc import Collection, Sequence
from dataclasses import replace

from tidegate.adapters.membership import Noticeboard
from tidegate.ports import Share


class Member(Noticeboard):
    """`ports.Membership` of one process. News wait until they are heard."""

    def __init__(self) -> None:
        super().__init__(Share())
        self.asks = False
        self._news: deque[frozenset[int] | None] = deque()

    def rejoin(self) -> None:
        self.asks = True
        self._unsettle()

    async def close(self) -> None:
        """Nothing to leave: who is gone, the test knows."""

    def tell(self, partitions: Collection[int]) -> None:
        """The group shares out anew, and then: `partitions` are yours."""
        self.asks = False
        self._news += [None, frozenset(partitions)]

    def hear(self) -> None:
        """Take in the next piece of news, if there is one."""
        if self._news:
            partitions = self._news.popleft()
            if partitions is None:
                self._unsettle()
            else:
                self._show(Share(self.share.generation + 1, partitions, settled=True))

    def hear_all(self) -> None:
        """Take in everything."""
        while self._news:
            self.hear()

    def _unsettle(self) -> None:
        self._show(replace(self.share, settled=False))


def share_out(members: Sequence[Member], partitions: int, turn: int) -> None:
    """Tell each of `members` its partitions; another `turn`, another outcome."""
    for place, member in enumerate(members):
        member.tell([index for index in range(partitions) if (index + turn) % len(members) == place])
