"""Runs the search: for a while on the code as it is, or on a mutant until it is found out. Counts what it did.

`python -m support.simulated.exploring --examples N --out FILE.json` searches for longer, at random, and writes its figures as
JSON and as a page beside it (`make explore`).
"""

import argparse
import json
import logging
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Final

import structlog

from support.searching import Search
from support.simulated.machine import Exploration
from support.simulated.mutants import MUTANTS
from tidegate.contracts.topics import JOURNAL
from tidegate_training.evaluate import results

STEPS = 40
"""Of one example, at most."""

MOST_HUNTED = 500
"""Examples after which a mutant has got away."""


@dataclass
class Tally:
    """What a search went through."""

    examples: int = 0
    steps: int = 0
    events: int = 0
    faults: dict[str, int] = field(default_factory=dict)
    processes: int = 0
    fenced: int = 0
    commits: int = 0
    aborts: int = 0
    innocents_set_aside: int = 0

    def add(self, machine: Exploration) -> None:
        """Count in a run that has ended."""
        self.examples += 1
        self.steps += machine.steps
        self.events += machine.world.events
        self.faults = dict(sorted((Counter(self.faults) + machine.struck).items()))
        self.processes += machine.world.started
        self.fenced += machine.world.fenced
        self.commits += sum(len(judge.journal) for judge in machine.judges)
        self.innocents_set_aside += sum(judge.set_aside() for judge in machine.judges)
        self.aborts += sum(len(log.aborted) for log in machine.world.broker.topics[JOURNAL])


_SEARCH = Search(Exploration, STEPS)


def explore(examples: int, seed: int | None = None, **options: Any) -> Tally:
    """Search through `examples` runs of the code as it is; raises what was found, with the steps that lead there."""
    tally = Tally()
    with _quiet():
        _SEARCH.through(tally, examples, seed, **options)
    return tally


def hunt(mutant: Callable[[], AbstractContextManager[Any]], examples: int, seed: int | None = None) -> tuple[int, str]:
    """As `Search.hunt`."""
    with _quiet():
        return _SEARCH.hunt(Tally(), mutant, examples, seed)


@contextmanager
def _quiet() -> Iterator[None]:
    """Faults are what this is about: complaints about them are not."""
    loggers = [logging.getLogger(name) for name in ("aiokafka", "asyncio")]
    before = structlog.get_config()
    structlog.configure(logger_factory=structlog.ReturnLoggerFactory(), cache_logger_on_first_use=False)
    for logger in loggers:
        logger.setLevel(logging.CRITICAL + 1)
    try:
        yield
    finally:
        for logger in loggers:
            logger.setLevel(logging.NOTSET)
        structlog.configure(**before)


def main() -> None:
    """Search, hunt every mutant, and write what came of it."""
    parser = argparse.ArgumentParser(description="search the take-over and commit protocol by machine")
    parser.add_argument("--examples", type=int, default=500)
    parser.add_argument("--out", type=Path, help="a JSON file; a page goes beside it")
    asked = parser.parse_args()
    started, commit = time.monotonic(), results.commit()  # asked now, for a long search may outlive it
    tally = explore(asked.examples)
    figures: dict[str, Any] = asdict(tally) | {"seconds": round(time.monotonic() - started)}
    figures["examples_to_find_each_mutant"] = {mutant.__name__: hunt(mutant, MOST_HUNTED)[0] for mutant in MUTANTS}
    figures["mutants_caught"] = len(MUTANTS)
    print(json.dumps(figures, indent=2))
    if asked.out:
        results.write(replace(_results(figures, asked.examples), commit=commit), asked.out)


def _results(figures: dict[str, Any], examples: int) -> results.Results:
    return results.collect("Protocol", f"make explore EXAMPLES={examples} OUT=docs/results/protocol.json", figures, _NOTES)


_NOTES: Final = [
    "What is searched, what is judged, and what the simulated broker leaves out: docs/protocol.md. A search that finds something "
    "fails, and prints the steps that lead there; these figures are of one that found nothing.",
    "A step is something that Hypothesis drew, an event one frame that arrives, one marker written, or time that passes.",
    "innocents_set_aside: inputs taken for poison because take-overs or kills hit again and again while they were taken "
    "alone; none of the inputs was poison.",
    "examples_to_find_each_mutant: after how many examples each way of doing the protocol wrong was found out.",
]


if __name__ == "__main__":
    main()
