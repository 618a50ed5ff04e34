"""The questions of `LiveState` as values, so that they can be asked of another process. A new one needs nothing here."""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, make_dataclass
from typing import Any, Final, cast, get_type_hints

from tidegate.ports.live import LiveState


@dataclass(frozen=True, slots=True)
class Question:
    """One of them: what it is asked with (a dataclass by the names of its parameters), and the type of its answer."""

    name: str
    arguments: type
    answer: Any

    def asked(self, *given: object, **named: object) -> object:
        """Its arguments, given as the method takes them."""
        bound = inspect.signature(getattr(LiveState, self.name)).bind(None, *given, **named)
        bound.apply_defaults()
        del bound.arguments["self"]
        return cast(Callable[..., object], self.arguments)(**bound.arguments)

    async def put_to(self, live: LiveState, arguments: Any) -> object:
        """What `live` answers."""
        found = getattr(live, self.name)(**asdict(arguments))
        return await found if inspect.isawaitable(found) else found


def _question(name: str) -> Question:
    hints = get_type_hints(getattr(LiveState, name))
    answer = hints.pop("return")
    return Question(name, make_dataclass(name, hints.items(), frozen=True), answer)


QUESTIONS: Final[Mapping[str, Question]] = {name: _question(name) for name in vars(LiveState) if not name.startswith("_")}
"""By name."""
