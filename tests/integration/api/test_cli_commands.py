"""The commands that ask a service, against a real socket: what they print, for people and for programs, and how they end."""

import asyncio
import contextlib
import io
import json
import os
import signal
import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any
from unittest import mock

import pytest
from structlog.testing import capture_logs

from tidegate.api import examples
from tidegate.cli.main import main
from tidegate.contracts import topics
from tidegate.contracts.codec import encode
from tidegate.contracts.command import Command, CommandKind
from tidegate.contracts.configuration import CoreConfiguration
from tidegate.contracts.ids import CommandId
from tidegate.contracts.outcome import CommandOutcome
from tidegate.contracts.views import SiteView
from tidegate.core.allocation.allocator import Allocator

SITE = examples.ANOMALY.site
PROGRAM = (sys.executable, "-m", "tidegate.cli.main")


def environment(**more: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("TIDEGATE_")}
    return kept | {"COLUMNS": "200", "TERM": "dumb", **more}


@dataclass(frozen=True)
class Done:
    """How a command ended and what it said."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


async def run(*arguments: str, stdin: str = "", env: Mapping[str, str] | None = None) -> Done:
    """The program in a thread of this process: starting another takes a second or two."""
    return await asyncio.wait_for(asyncio.to_thread(_run, arguments, stdin, env or environment()), 60)


def _run(arguments: tuple[str, ...], stdin: str, env: Mapping[str, str]) -> Done:
    out, err = io.TextIOWrapper(io.BytesIO()), io.TextIOWrapper(io.BytesIO())
    with (
        capture_logs(),  # of the service, which is in this process too
        mock.patch.dict(os.environ, env, clear=True),
        mock.patch.object(sys, "argv", ["tidegate", *arguments]),
        mock.patch.object(sys, "stdin", io.StringIO(stdin)),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
    ):
        try:
            main()
            code: Any = 0
        except SystemExit as end:
            code = end.code or 0
    texts = []
    for each in (out, err):
        each.flush()
        texts.append(each.buffer.getvalue().decode())  # type: ignore[attr-defined]  # a BytesIO
    return Done(code, *texts)


async def answered(house: Any, accepted: bool, reason: str = "") -> None:
    """Decide the first command that comes, as a worker would."""
    for _ in range(3000):
        found = await house.records(topics.COMMANDS)
        if found:
            command = json.loads(found[0].value)
            outcome = CommandOutcome(
                CommandId(command["id"]), command["site"], CommandKind(command["kind"]), command["issued_by"], accepted, reason, 1
            )
            await house.publish(topics.OUTCOMES, command["site"], outcome)
            return
        await asyncio.sleep(0.01)
    raise AssertionError("no command came")


async def test_anomalies_are_listed_for_people_and_for_programs(house: Any, url: str) -> None:
    await house.publish(topics.ANOMALIES, SITE, examples.ANOMALY)
    told = await run("anomaly", "list", "--url", url)
    assert (told.code, "1 anomaly" in told.err) == (0, True)
    assert examples.ANOMALY.id in told.out
    assert "93.2, expected 68.8 to 73.1" in told.out
    shown = await run("anomaly", "show", examples.ANOMALY.id, "--json", env=environment(TIDEGATE_URL=url))
    assert shown.json == json.loads(encode(examples.ANOMALY)) | {"acknowledgement": None, "labels": []}


async def test_a_site_and_its_topology_are_shown_and_set_again_from_what_was_shown(house: Any, url: str, tmp_path: Any) -> None:
    house.live.topologies[SITE] = examples.TOPOLOGY
    house.live.site_views.append(SiteView(SITE, 3, 2))
    house.live.gateway_views.append(examples.GATEWAY)
    shown = await run("site", "show", SITE, "--url", url)
    assert (shown.code, "revision 3" in shown.out, examples.GATEWAY.gateway in shown.out) == (0, True, True)
    file = tmp_path / "topology.yaml"
    file.write_text((await run("site", "topology", "get", SITE, "--url", url)).out.replace("revision: 3", "revision: 4"))
    assert (await run("site", "topology", "validate", str(file))).code == 0
    done = await run("site", "topology", "set", "-", "--no-wait", "--json", "--url", url, stdin=file.read_text())
    assert (done.code, done.json["kind"]) == (0, "set-topology")
    [record] = await house.records(topics.COMMANDS)
    assert json.loads(record.value)["topology"] == json.loads(encode(replace(examples.TOPOLOGY, revision=4)))


@pytest.mark.parametrize(("accepted", "code"), [(True, 0), (False, 1)])
async def test_a_command_ends_as_the_worker_decides(house: Any, url: str, accepted: bool, code: int) -> None:
    deciding = asyncio.create_task(answered(house, accepted, "" if accepted else "gw-a is unknown"))
    done = await run("site", "drain", SITE, "gw-a", "--by", "anna", "--reason", "firmware", "--key", "k-1", "--url", url)
    await deciding
    assert done.code == code, done.err
    assert done.out.startswith("accepted: drain" if accepted else "refused: drain")
    [record] = await house.records(topics.COMMANDS)
    command = json.loads(record.value)
    assert (command["id"], command["gateway"], command["issued_by"], command["reason"]) == ("k-1", "gw-a", "anna", "firmware")


async def test_a_gateway_is_replaced_by_the_successor_named_and_shown_as_it_stands(house: Any, url: str) -> None:
    done = await run("site", "replace", SITE, "gw-a", "gw-b", "--by", "anna", "--no-wait", "--json", "--url", url)
    assert (done.code, done.json["kind"]) == (0, "replace")
    [record] = await house.records(topics.COMMANDS)
    command = json.loads(record.value)
    assert (command["gateway"], command["successor"], command["issued_by"]) == ("gw-a", "gw-b", "anna")
    why = "suspect: returned from silence 3 times, last 14 min ago, 30.0% of its capacity withheld"
    house.live.site_views.append(examples.SITE)
    house.live.gateway_views += [
        replace(examples.GATEWAY, gateway="gw-a", cordoned=False, draining=True, replaced_by="gw-b", decommissioned=True),
        replace(examples.GATEWAY, gateway="gw-b", withheld=0.3, suspected_of=why, censored=17),
        replace(examples.GATEWAY, gateway="gw-c", decommissioned=True, draining=True, cordoned=False, empty_since_ms=5),
    ]
    shown = await run("site", "show", SITE, "--url", url)
    for words in (
        "replaced by gw-b, decommissioned",
        "at their limit",
        "gw-b 118 17 0 suspect: returned from silence 3 times",
        "decommissioned, empty",
    ):
        assert words in " ".join(shown.out.split())


async def test_capacity_advice_of_devices_that_use_all_they_are_given_says_at_least(house: Any, url: str) -> None:
    allocator = Allocator(CoreConfiguration({}))
    allocator.handle(Command(CommandId("c1"), SITE, CommandKind.SET_TOPOLOGY, topology=examples.TOPOLOGY), 1000)
    house.live.allocations[SITE] = view = allocator.view(SITE, 2000)
    assert "at least" not in (await run("site", "capacity-advice", SITE, "--url", url)).out
    house.live.allocations[SITE] = replace(view, censored={"cpu_millicores": 1204})
    house.clock.advance(11.0)
    shown = await run("site", "capacity-advice", SITE, "--url", url)
    assert (shown.code, "at least: 1,204 devices use all the cpu_millicores they are given" in shown.out) == (0, True)


async def test_a_plan_is_shown_and_approved_by_its_digest(house: Any, url: str) -> None:
    fact = examples.DECISION_HISTORY.facts[0]
    await house.publish(topics.DECISIONS, fact.site, fact)
    shown = await run("plan", "show", fact.plan_id, "--url", url)
    assert (shown.code, fact.digest in shown.out, "gw-a is silent" in shown.out) == (0, True, True)
    done = await run("plan", "approve", fact.plan_id, fact.digest, "--no-wait", "--json", "--url", url)
    assert done.json["kind"] == "approve-plan"
    assert "gateway-down" in (await run("plan", "list", "--url", url)).out


async def test_facts_are_followed_and_gone_on_with_where_one_stopped(house: Any, url: str) -> None:
    following = asyncio.create_task(run("follow", "--count", "1", "--json", "--url", url))
    await house.has_listeners(1)
    await house.publish(topics.ANOMALIES, SITE, examples.ANOMALY)
    first = await following
    await house.publish(topics.INCIDENTS, SITE, examples.INCIDENT)
    second = await run("follow", "--count", "1", "--after", first.json["position"], "--url", url)
    assert (first.json["kind"], first.code, second.code) == ("anomaly", 0, 0)
    assert "gw-a is silent" in second.out


LISTING = ("anomaly", "list")


async def test_the_program_itself_starts_and_ends_like_that(house: Any, url: str) -> None:
    process = await asyncio.create_subprocess_exec(
        *PROGRAM, *LISTING, "--json", "--url", url, stdout=asyncio.subprocess.PIPE, env=environment()
    )
    out, _ = await asyncio.wait_for(process.communicate(), 60)
    assert (process.returncode, out) == (0, b"[]\n")


async def test_a_service_that_is_not_there_is_said_in_one_line_at_once() -> None:
    done = await run(*LISTING, "--url", "http://127.0.0.1:1")
    assert (done.code, done.out, done.err.count("\n")) == (3, "", 1)
    assert "no answer from http://127.0.0.1:1" in done.err
    assert "tidegate serve" in done.err


@pytest.mark.parametrize(
    "answer", [b"hello", b"{", b"\xff\xfe\x00", b"[" * 200_000, b'{"items":[1],"next_cursor":null,"as_of":{}}']
)
async def test_somebody_else_on_the_port_is_not_taken_for_a_service(answer: bytes) -> None:
    async def answering(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\nconnection: close\r\n\r\n%b" % (len(answer), answer))
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answering, "127.0.0.1", 0)
    async with server:
        done = await run(*LISTING, "--url", f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}")
    assert (done.code, done.err.count("\n")) == (3, 1), done.err
    assert "does not answer like a Tidegate" in done.err


async def test_what_is_not_there_is_a_refusal_with_advice(url: str) -> None:
    done = await run("anomaly", "show", "no\x1b[31mne", "--url", url)
    assert (done.code, done.out, done.err.count("\n")) == (2, "", 1)
    assert "there is no anomaly" in done.err
    assert "\x1b" not in done.err


@pytest.mark.parametrize("text", ["", "[]", "{", "site: [", "\x00", "gateways: 3", json.dumps({"site": "s", "gateways": []})])
async def test_a_file_that_is_no_topology_is_refused_with_its_reason(text: str, tmp_path: Any) -> None:
    file = tmp_path / "topology"
    file.write_text(text)
    done = await run("site", "topology", "set", str(file), "--url", "http://127.0.0.1:1")
    assert (done.code, done.err.count("\n")) == (2, 1), done.err


async def test_a_list_of_thousands_is_read_page_by_page(house: Any, url: str) -> None:
    for number in range(2500):
        fact = encode(examples.ANOMALY).replace(b"anomaly-7be0a1", b"anomaly-%d" % number)
        await house.log.append([house_record(house, fact)])
    await house.follow()
    done = await run("anomaly", "list", "--limit", "100000", "--json", "--url", url)
    assert (done.code, len(done.json)) == (0, 2500)


def house_record(house: Any, fact: bytes) -> Any:
    from tidegate.contracts.partitioner import partition_of  # noqa: PLC0415
    from tidegate.ports import Outgoing  # noqa: PLC0415

    return Outgoing(topics.ANOMALIES, partition_of(SITE, house.log.partitions), SITE.encode(), fact)


async def test_a_reader_that_goes_away_is_no_traceback(house: Any, url: str) -> None:
    for number in range(2500):
        fact = encode(examples.ANOMALY).replace(b"anomaly-7be0a1", b"anomaly-%d" % number)
        await house.log.append([house_record(house, fact)])
    await house.follow()
    read, write = os.pipe()
    process = await asyncio.create_subprocess_exec(
        *PROGRAM, *LISTING, "--limit", "2500", "--url", url, stdout=write, stderr=asyncio.subprocess.PIPE, env=environment()
    )
    os.close(write)
    await asyncio.to_thread(os.read, read, 10)
    os.close(read)
    _, err = await asyncio.wait_for(process.communicate(), 60)
    assert process.returncode in (0, 1)
    assert b"Traceback" not in err


async def test_ctrl_c_ends_a_command_without_a_traceback(house: Any, url: str) -> None:
    process = await asyncio.create_subprocess_exec(
        *PROGRAM, "follow", "--url", url, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE, env=environment()
    )
    await house.has_listeners(1)
    process.send_signal(signal.SIGINT)
    _, err = await asyncio.wait_for(process.communicate(), 60)
    assert process.returncode == 130
    assert b"Traceback" not in err


@pytest.mark.parametrize("pair", ["gw-a", "gw-a=", "=gw-b", "gw-a=gw-b=gw-c"])
async def test_a_replacement_that_names_no_pair_is_refused_before_anybody_is_asked(pair: str) -> None:
    done = await run("plan", "what-if", SITE, "--replace", pair, "--url", "http://127.0.0.1:1")
    assert (done.code, "OLD=NEW" in done.err) == (2, True)


async def test_a_credential_that_cannot_be_sent_is_not_printed() -> None:
    done = await run(*LISTING, "--token", "secret words", "--url", "http://127.0.0.1:1")
    assert (done.code, "secret" in done.err + done.out) == (2, False)


@pytest.mark.parametrize(
    ("arguments", "kind"),
    [
        (("anomaly", "ack", examples.ANOMALY.id, "--reason", "on my way"), "acknowledge-anomaly"),
        (("anomaly", "label", examples.ANOMALY.id, "false-alarm", "--note", "a test"), "label-anomaly"),
        (("site", "maintenance", "declare", SITE, "--until", "+2h", "--device", "pump-1"), "declare-maintenance"),
        (("plan", "propose", SITE, "--for-real"), "request-plan"),
        (("site", "freeze", SITE), "freeze"),
    ],
    ids=lambda value: value if isinstance(value, str) else " ".join(value[:3]),
)
async def test_what_people_decide_becomes_a_command(house: Any, url: str, arguments: tuple[str, ...], kind: str) -> None:
    await house.publish(topics.ANOMALIES, SITE, examples.ANOMALY)
    done = await run(*arguments, "--by", "anna", "--no-wait", "--json", "--url", url)
    assert (done.code, done.err) == (0, "")
    [record] = await house.records(topics.COMMANDS)
    command = json.loads(record.value)
    assert (command["kind"], command["issued_by"], command["site"]) == (kind, "anna", SITE)
