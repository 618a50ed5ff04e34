"""The questions that a door can put to a worker in another process, as values. A new one of these ports needs nothing here."""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, make_dataclass
from typing import Any, Final, cast, get_type_hints

from tidegate.ports.configuring import Configuring
from tidegate.ports.live import LiveState


@dataclass(frozen=True, slots=True)
class Question:
    """One of them: which port asks it, with what (a dataclass by the names of its parameters), and the type of its answer."""

    port: type
    name: str
    arguments: type
    answer: Any

    @property
    def key(self) -> str:
        """`LiveState.topology`: by this it goes."""
        return f"{self.port.__name__}.{self.name}"

    def asked(self, *given: object, **named: object) -> object:
        """Its arguments, given as the method takes them."""
        bound = inspect.signature(getattr(self.port, self.name)).bind(None, *given, **named)
        bound.apply_defaults()
        del bound.arguments["self"]
        return cast(Callable[..., object], self.arguments)(**bound.arguments)

    async def put_to(self, answers: object, arguments: Any) -> object:
        """What `answers`, which implements the port, says."""
        values = {name: getattr(arguments, name) for name in inspect.signature(self.arguments).parameters}
        found = getattr(answers, self.name)(**values)
        return await found if inspect.isawaitable(found) else found


def _question(port: type, name: str) -> Question:
    hints = get_type_hints(getattr(port, name))
    answer = hints.pop("return")
    return Question(port, name, make_dataclass(name, hints.items(), frozen=True), answer)


QUESTIONS: Final[Mapping[str, Question]] = {
    question.key: question
    for port in (LiveState, Configuring)
    for question in (_question(port, name) for name in vars(port) if not name.startswith("_"))
}
"""By key."""
