"""`tidegate deadletter`: look at the input that could not be used, and send it again once it can be."""

import asyncio
from collections import Counter
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any

import typer

from tidegate.cli.asking import DOOR, Token, Url
from tidegate.cli.exits import FAILED, OK
from tidegate.cli.fleet_progress import KAFKA, open_kafka
from tidegate.cli.letter_boxes import LetterBox, LogBox, RestBox
from tidegate.cli.letter_text import letter_line, letter_page, verdict_line
from tidegate.cli.times import given_time
from tidegate.cli.wording import counted
from tidegate.contracts.codec import encode
from tidegate.contracts.deadletter import DeadLetterReason
from tidegate.contracts.letters import ALL_LETTERS, MAX_REPLAY_COUNT, KeptLetter, LetterFilter, ReplayRefusal
from tidegate.contracts.rest import ReplayRequest, ReplayVerdict
from tidegate.errors import ConfigurationError

app = typer.Typer(no_args_is_help=True, help="Look at input that could not be used, and send it again (docs/dead-letters.md).")

From = Annotated[str | None, typer.Option("--from", help="kafka://host:port: straight from the topics, in place of --url.")]
Json = Annotated[bool, typer.Option("--json", help="One JSON document on standard output; bytes are base64.")]
Reason = Annotated[DeadLetterReason | None, typer.Option(help="Only this reason.")]
Site = Annotated[str | None, typer.Option(help="Only this site.")]
Device = Annotated[str | None, typer.Option(help="Only this device.")]
Partition = Annotated[int | None, typer.Option(min=0, help="Only from this partition.")]
Topic = Annotated[str | None, typer.Option(help="Only from this topic, by its plain name.")]
Since = Annotated[str | None, typer.Option(help="Only what came in since: 2026-01-31T12:00:00Z, or 90s, 15m, 2h, 7d ago.")]
Until = Annotated[str | None, typer.Option(help="Only what came in before.")]
Limit = Annotated[int, typer.Option(min=1, max=100_000, help="At most so many, the newest.")]

_LIST = """
Examples:

  tidegate deadletter list --reason unknown-profile --since 2h

  tidegate deadletter list --from kafka://localhost:9092 --site plant-7 --json

Exit codes: 0 done, 2 the command line cannot be used, 3 the service or Kafka cannot be reached.
"""

_SHOW = """
Example:

  tidegate deadletter show 0-17

Exit codes: 0 done, 2 there is no such letter, 3 the service or Kafka cannot be reached.
"""

_REPLAY = """
Examples:

  tidegate deadletter replay --reason unknown-profile --dry-run

  tidegate deadletter replay --reason unknown-profile --since 1d

  tidegate deadletter replay 0-17 0-18 --max-replays 2

Exit codes: 0 all were sent, now or before; 1 some were not sent, for another reason; 2 the command line cannot be used, or
there is no such letter; 3 the service or Kafka cannot be reached: what was sent until then is said.
"""


@app.command(name="list", epilog=_LIST)
def list_letters(
    url: Url = DOOR,
    token: Token = None,
    source: From = None,
    reason: Reason = None,
    site: Site = None,
    device: Device = None,
    partition: Partition = None,
    topic: Topic = None,
    since: Since = None,
    until: Until = None,
    replayed: Annotated[bool | None, typer.Option("--replayed/--not-replayed", help="Only those sent again, or not.")] = None,
    limit: Limit = 100,
    as_json: Json = False,
) -> None:
    """List dead letters, the newest first: id, time, reason, whose, where from, and whether they were replayed."""
    wanted = LetterFilter(reason, site, device, partition, topic, given_time(since), given_time(until), replayed)
    letters = _with((url, token), source, lambda box: box.find(wanted, limit))
    if as_json:
        typer.echo(encode(letters).decode())
        return
    for letter in letters:
        typer.echo(letter_line(letter))
    typer.echo(counted(len(letters), "dead letter"), err=True)


@app.command(epilog=_SHOW)
def show(
    letter: Annotated[str, typer.Argument(help="Id, as `list` shows it.")],
    url: Url = DOOR,
    token: Token = None,
    source: From = None,
    as_json: Json = False,
) -> None:
    """Show one dead letter whole: where from, why, what to do, headers, and the original bytes."""
    found = _with((url, token), source, lambda box: box.get(letter))
    typer.echo(encode(found).decode() if as_json else "\n".join(letter_page(found)))


@app.command(epilog=_REPLAY)
def replay(
    letters: Annotated[list[str] | None, typer.Argument(help="Ids, as `list` shows them. Or say by options which.")] = None,
    url: Url = DOOR,
    token: Token = None,
    source: From = None,
    reason: Reason = None,
    site: Site = None,
    device: Device = None,
    partition: Partition = None,
    topic: Topic = None,
    since: Since = None,
    until: Until = None,
    everything: Annotated[bool, typer.Option("--all", help="All of them: needed when nothing else says which.")] = False,
    limit: Limit = 1000,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be sent.")] = False,
    again: Annotated[bool, typer.Option("--again", help="Also letters that were replayed already.")] = False,
    max_replays: Annotated[
        int, typer.Option(min=1, max=MAX_REPLAY_COUNT, help="Loop guard: how often one original may be replayed in all.")
    ] = 1,
    as_json: Json = False,
) -> None:
    """Send the originals again, oldest first, to the topics they came from. A repeat has no effect twice."""
    wanted = LetterFilter(reason, site, device, partition, topic, given_time(since), given_time(until))
    if sum((bool(letters), wanted != ALL_LETTERS, everything)) != 1:
        raise ConfigurationError("say which letters: by id, by options such as --reason, or --all", advice="one of the three")
    summary = _Summary(as_json, dry_run)
    try:
        chosen = _Choice(wanted, tuple(letters or ()), limit)
        _with((url, token), source, lambda box: _replay(box, chosen, ReplayRequest(dry_run, max_replays, again), summary))
    finally:
        summary.close()
    raise typer.Exit(summary.exit_code())


@dataclass(frozen=True, slots=True)
class _Choice:
    wanted: LetterFilter
    ids: Sequence[str]
    limit: int


@dataclass(slots=True)
class _Summary:
    """Says what becomes of each letter as it happens, and at the end how many were sent, or skipped and why."""

    as_json: bool
    dry_run: bool
    verdicts: list[ReplayVerdict] = field(default_factory=list)

    def add(self, verdict: ReplayVerdict) -> None:
        """Take one in."""
        self.verdicts.append(verdict)
        if not self.as_json:
            typer.echo(verdict_line(verdict))

    def close(self) -> None:
        """Say the sum, also when not all could be tried."""
        skipped = Counter(each.refusal.value for each in self.verdicts if each.refusal is not None)
        sent = len(self.verdicts) - skipped.total()
        if self.as_json:
            whole = {"dry_run": self.dry_run, "sent": sent, "skipped": dict(skipped), "letters": self.verdicts}
            typer.echo(encode(whole).decode())
            return
        why = ", ".join(f"{count:,} {name}" for name, count in sorted(skipped.items()))
        typer.echo(f"{'would send' if self.dry_run else 'sent'} {sent:,}, skipped {skipped.total():,}{f': {why}' if why else ''}")

    def exit_code(self) -> int:
        """Failed when a letter was neither sent now nor before."""
        harmless = (None, ReplayRefusal.ALREADY_REPLAYED)
        return OK if all(each.refusal in harmless for each in self.verdicts) else FAILED


async def _replay(box: LetterBox, chosen: _Choice, asked: ReplayRequest, summary: _Summary) -> None:
    letters = [await box.get(each) for each in chosen.ids] or await box.find(chosen.wanted, chosen.limit)
    for letter in sorted(letters, key=_age):
        summary.add(await box.replay(letter, asked))


def _age(letter: KeptLetter) -> tuple[int, str, int, int, int]:
    """Oldest first, in the order of the log within a partition: a device's readings must keep theirs."""
    return letter.received_at_ms, letter.topic, letter.partition, letter.offset, letter.index or 0


def _with(door: tuple[str, str | None], source: str | None, work: Callable[[LetterBox], Coroutine[Any, Any, Any]]) -> Any:
    return asyncio.run(_closing(_box(door, source), work))


async def _closing(box: LetterBox, work: Callable[[LetterBox], Coroutine[Any, Any, Any]]) -> Any:
    try:
        return await work(box)
    finally:
        await box.close()


def _box(door: tuple[str, str | None], source: str | None) -> LetterBox:
    if source is None:
        return RestBox(*door)
    if not source.startswith(KAFKA):
        raise ConfigurationError(f"--from is {source!r}, expected kafka://host:port", advice="or give a service with --url")
    return LogBox(lambda: open_kafka(source.removeprefix(KAFKA)))
