"""One board's questions: shared, asked again when there is reason to, and never too often."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from tidegate.client import TidegateClient
from tidegate.console.board import Board
from tidegate.contracts.outcome import CommandOutcome
from tidegate.contracts.stream import FactKind, GapReason, StreamGap
from tidegate.errors import DependencyError


class Moved:
    """Time moved by hand."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def time() -> Moved:
    return Moved()


@pytest.fixture
def board(time: Moved) -> Board:
    return Board(TidegateClient("http://nowhere.invalid"), time)


def counting(answers: list[object], time: Moved | None = None, takes: float = 0.0) -> Callable[[], Awaitable[object]]:
    async def ask() -> object:
        await asyncio.sleep(0)
        if time is not None:
            time.now += takes
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    return ask


async def test_many_pages_ask_once(board: Board) -> None:
    ask = counting([1])
    found = await asyncio.gather(*(board.ask("n", ask, seconds=5) for _ in range(50)))
    assert {answer.value for answer in found} == {1}


async def test_an_answer_is_asked_for_again_when_it_is_old_and_says_whether_it_changed(board: Board, time: Moved) -> None:
    ask = counting([1, 1, 2])
    first = await board.ask("n", ask, seconds=5)
    time.now += 6
    same = await board.ask("n", ask, seconds=5)
    time.now += 6
    other = await board.ask("n", ask, seconds=5)
    assert first.version == same.version
    assert (other.value, other.version) == (2, same.version + 1)


async def test_a_fact_that_touches_an_answer_has_it_asked_for_again_and_others_do_not(board: Board, time: Moved) -> None:
    ask = counting([1, 2])
    await board.ask("n", ask, seconds=60, touched_by=(FactKind.DECISION,))
    time.now += 1
    board.note(CommandOutcome("c", "s", "freeze", "me", True, "", 1))  # type: ignore[arg-type]
    assert (await board.ask("n", ask, seconds=60, touched_by=(FactKind.DECISION,))).value == 1
    board.note(StreamGap(GapReason.TOO_MANY))
    assert (await board.ask("n", ask, seconds=60, touched_by=(FactKind.DECISION,))).value == 2


async def test_what_takes_long_to_answer_is_asked_for_seldom(board: Board, time: Moved) -> None:
    ask = counting([1, 2], time, takes=2.0)
    await board.ask("n", ask, seconds=1)
    time.now += 30
    assert (await board.ask("n", ask, seconds=1)).value == 1
    time.now += 10
    assert (await board.ask("n", ask, seconds=1)).value == 2


async def test_after_a_failure_the_last_answer_stays_with_its_age_and_the_reason(board: Board, time: Moved) -> None:
    ask = counting([1, DependencyError("gone"), 3])
    await board.ask("n", ask, seconds=1)
    time.now += 5
    failed = await board.ask("n", ask, seconds=1)
    assert (failed.value, str(failed.error), board.age_seconds(failed)) == (1, "gone", 5.0)
    time.now += 1
    assert (await board.ask("n", ask, seconds=0.5)).error is not None
    time.now += 2
    assert (await board.ask("n", ask, seconds=0.5)).value == 3


async def test_what_a_visitor_changed_is_asked_for_at_once(board: Board) -> None:
    ask = counting([1, 2])
    await board.ask("plans:x", ask, seconds=60)
    board.forget()
    assert (await board.ask("plans:x", ask, seconds=60)).value == 2


async def test_the_answers_kept_are_bounded(board: Board) -> None:
    for each in range(1000):
        await board.ask(f"device:{each}", counting([each]), seconds=60)
    assert board.kept <= 200
