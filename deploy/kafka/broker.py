"""Real Kafka brokers on loopback ports, without Docker: for trying Tidegate out on Kafka, and for its tests. Not for production.

    python deploy/kafka/broker.py run [--brokers 3] [--port 9092] [--data FOLDER]
    python deploy/kafka/broker.py fetch

Needs Java 17 and, the first time, Maven: the jars that `pom.xml` names are copied into the user's cache folder and used from
there ever after. Node 1 is also the controller (KRaft); what a broker says goes to a file beside its data.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

START_SECONDS = 150.0
"""Longest time for a broker to answer: some 5 s on an idle machine, a minute on one that is busy with other things."""

CLUSTER_ID = "tidegate-local-brokers"
"""22 characters, as Kafka wants them."""

SECURE_LISTENERS = {"TLS": "SSL", "MUTUAL": "SSL", "LOGIN": "SASL_SSL", "BARE": "SASL_PLAINTEXT"}
"""What a secured broker listens on besides plaintext, by the security protocol of each."""

_HERE = Path(__file__).resolve().parent


@dataclass(frozen=True, slots=True)
class Security:
    """What the secured listeners want of clients; brokers go on talking to each other in plaintext.

    `certificate_file` is PEM: the broker's PKCS #8 key and certificate, which names 127.0.0.1. Listener MUTUAL asks for a client
    certificate signed by one of `ca_file`; LOGIN and BARE, with and without TLS, for a password of `users` (PLAIN or SCRAM).
    """

    certificate_file: Path
    ca_file: Path
    users: Mapping[str, str]


class BrokerError(RuntimeError):
    """No broker could be had; says what is missing."""


def missing_tools() -> list[str]:
    """What this machine lacks to run a broker; empty means it can."""
    needed = ["java"] if jars_folder().is_dir() else ["java", "mvn"]
    return [tool for tool in needed if shutil.which(tool) is None]


def jars_folder() -> Path:
    """Where the jars of this `pom.xml` are cached; another pom has another folder."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return cache / "tidegate" / f"kafka-{hashlib.sha256((_HERE / 'pom.xml').read_bytes()).hexdigest()[:12]}"


def fetch_jars() -> Path:
    """Return the folder with the jars, copied there by Maven if this is the first time.

    Raises:
        BrokerError: Maven is missing or failed.
    """
    folder = jars_folder()
    if folder.is_dir():
        return folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent) as temporary:
        jars = Path(temporary) / "jars"
        goal = ["dependency:copy-dependencies", f"-DoutputDirectory={jars}", "-DincludeScope=runtime"]
        try:
            _run(["mvn", "--quiet", "--batch-mode", "--file", str(_HERE / "pom.xml"), *goal], "Maven cannot fetch the jars")
            jars.rename(folder)  # whole or not at all: a second process may do the same just now
        except OSError as error:
            if not folder.is_dir():
                raise BrokerError(f"no Kafka jars: {error}") from error
    return folder


@dataclass(slots=True)
class Broker:
    """One broker process. `start` and `stop` any number of times; data and ports stay."""

    node: int
    folder: Path
    port: int
    secured: Mapping[str, str] = field(default_factory=dict)
    """Addresses by listener, of `SECURE_LISTENERS`."""
    process: subprocess.Popen[bytes] | None = None
    detour: tuple[int, int] | None = None
    """Port of a further plain listener, and the port by which its clients are told to come: a proxy's."""

    @property
    def address(self) -> str:
        """What clients connect to in plaintext."""
        return f"127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start the process and wait until every port that clients come to is open: listeners open one after the other.

        Raises:
            BrokerError: it ended, or is not up in time; shows the last lines it said.
        """
        with (self.folder / "broker.log").open("ab") as said:
            self.process = subprocess.Popen(
                [*_java(), "kafka.Kafka", str(self.folder / "server.properties")],
                stdout=said,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
            )
        deadline = time.monotonic() + START_SECONDS
        while not all(map(_is_open, self._ports())):
            if self.process.poll() is not None or time.monotonic() > deadline:
                self.kill()
                raise BrokerError(f"broker {self.node} did not start:\n{self._last_words()}")
            time.sleep(0.05)

    def stop(self) -> None:
        """Stop in order, as a rolling restart does; killed when that takes too long."""
        if self.process is None:
            return
        self.process.terminate()
        with suppress(subprocess.TimeoutExpired):
            self.process.wait(20)
        self.kill()

    def kill(self) -> None:
        """SIGKILL, as a power cut does to a process."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    def _ports(self) -> list[int]:
        """Where the process listens for clients."""
        secured = [int(address.rpartition(":")[2]) for address in self.secured.values()]
        return [self.port, *secured, *([self.detour[0]] if self.detour else [])]

    def _last_words(self) -> str:
        return "\n".join((self.folder / "broker.log").read_text(errors="replace").splitlines()[-20:])


@contextmanager
def brokers(
    count: int = 1,
    *,
    port: int = 0,
    folder: Path | None = None,
    security: Security | None = None,
    detours: Sequence[int] = (),
) -> Iterator[list[Broker]]:
    """`count` running brokers of one cluster, stopped at the end. `port` is the first one's; 0 takes free ones.

    With `security` each also has the `SECURE_LISTENERS`, and with `detours`, one port for each, a `Broker.detour` that leads
    there. Data goes to `folder` and stays there; without one it goes to a temporary folder and away.

    Raises:
        BrokerError: Java or the jars are missing, or a broker does not start.
    """
    lacking = missing_tools()
    if lacking:
        raise BrokerError(f"cannot run a broker without {' and '.join(lacking)}")
    with ExitStack() as stack:
        base = folder or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="tidegate-kafka-")))
        made = _formatted(base, count, port, security, detours)
        for broker in made:
            stack.callback(broker.kill if folder is None else broker.stop)
            broker.start()
        yield made


def _formatted(base: Path, count: int, port: int, security: Security | None, detours: Sequence[int]) -> list[Broker]:
    each = 1 + len(SECURE_LISTENERS if security else ())
    controller, *free = _free_ports(1 + count * each + len(detours))
    made = []
    for node in range(1, count + 1):
        plain, *others = free[(node - 1) * each : node * each]
        secured = {name: f"127.0.0.1:{number}" for name, number in zip(SECURE_LISTENERS, others, strict=False)}
        made.append(Broker(node, base / f"broker-{node}", port if port and node == 1 else plain, secured))
    for broker, own, advertised in zip(made, free[count * each :], detours, strict=bool(detours)):
        broker.detour = own, advertised
    users = _scram_users(security) if security else []
    for broker in made:
        broker.folder.mkdir(parents=True, exist_ok=True)
        properties = broker.folder / "server.properties"
        properties.write_text(_lines(_settings(broker, controller, count) | (_secure_settings(security) if security else {})))
        command = [*_java(), "kafka.tools.StorageTool", "format", "--ignore-formatted", *users]
        _run([*command, "--cluster-id", CLUSTER_ID, "--config", str(properties)], "cannot format the broker's storage")
    return made


def _settings(broker: Broker, controller: int, count: int) -> dict[str, object]:
    """Small and quick, yet as strict as production where it matters: no unclean leaders, no topics made by mistake."""
    first = broker.node == 1
    listeners = advertised = {"PLAINTEXT": broker.address, **broker.secured}
    if broker.detour is not None:
        listeners, advertised = (listeners | {"DETOUR": f"127.0.0.1:{number}"} for number in broker.detour)
    if first:
        listeners = listeners | {"CONTROLLER": f"127.0.0.1:{controller}"}
    protocols = {"PLAINTEXT": "PLAINTEXT", "CONTROLLER": "PLAINTEXT", "DETOUR": "PLAINTEXT", **SECURE_LISTENERS}
    replicas = min(count, 3)
    return {
        "process.roles": "broker,controller" if first else "broker",
        "node.id": broker.node,
        "controller.quorum.voters": f"1@127.0.0.1:{controller}",
        "controller.listener.names": "CONTROLLER",
        "listeners": _by_name(listeners),
        "advertised.listeners": _by_name(advertised),
        "listener.security.protocol.map": ",".join(f"{name}:{protocol}" for name, protocol in protocols.items()),
        "log.dirs": broker.folder / "data",
        "auto.create.topics.enable": "false",
        "unclean.leader.election.enable": "false",
        "default.replication.factor": replicas,
        "min.insync.replicas": max(1, replicas - 1),
        "offsets.topic.replication.factor": replicas,
        "offsets.topic.num.partitions": 4,
        "transaction.state.log.replication.factor": replicas,
        "transaction.state.log.min.isr": max(1, replicas - 1),
        "transaction.state.log.num.partitions": 4,
        "transaction.abort.timed.out.transaction.cleanup.interval.ms": 1000,
        "group.initial.rebalance.delay.ms": 0,
        "broker.session.timeout.ms": 4000 if count > 1 else 9000,
        "num.network.threads": 2,
        "num.io.threads": 2,
        "log.cleaner.dedupe.buffer.size": 16 * 1024 * 1024,
        "log.cleaner.threads": 1,
    }


def _secure_settings(security: Security) -> dict[str, object]:
    module = "org.apache.kafka.common.security"
    plain = " ".join(f'user_{name}="{password}"' for name, password in security.users.items())
    logins = {
        "plain": f"{module}.plain.PlainLoginModule required {plain};",
        "scram-sha-256": f"{module}.scram.ScramLoginModule required;",
        "scram-sha-512": f"{module}.scram.ScramLoginModule required;",
    }
    return {
        "ssl.keystore.type": "PEM",
        "ssl.keystore.location": security.certificate_file,
        "ssl.truststore.type": "PEM",
        "ssl.truststore.location": security.ca_file,
        "listener.name.mutual.ssl.client.auth": "required",
        "sasl.enabled.mechanisms": "PLAIN,SCRAM-SHA-256,SCRAM-SHA-512",
        "listener.name.bare.sasl.enabled.mechanisms": "PLAIN,SCRAM-SHA-512",
        "connection.failed.authentication.delay.ms": 0,
        **{
            f"listener.name.{listener}.{mechanism}.sasl.jaas.config": login
            for listener in ("login", "bare")
            for mechanism, login in logins.items()
        },
    }


def _scram_users(security: Security) -> list[str]:
    """The passwords as SCRAM keeps them: it only knows those that the storage was formatted with, or that an admin added."""
    options = []
    for name, password in security.users.items():
        for mechanism in ("SCRAM-SHA-256", "SCRAM-SHA-512"):
            options += ["--add-scram", f"{mechanism}=[name={name},password={password}]"]
    return options


def _by_name(listeners: Mapping[str, str]) -> str:
    return ",".join(f"{name}://{address}" for name, address in listeners.items())


def _lines(settings: Mapping[str, object]) -> str:
    return "".join(f"{key}={value}\n" for key, value in settings.items())


def _java() -> list[str]:
    jars = fetch_jars()
    options = ["-Xms128m", "-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Djava.awt.headless=true"]
    logging = f"-Dlog4j2.configurationFile={_HERE / 'log4j2.properties'}"
    return ["java", *options, logging, "-cp", str(jars / "*")]


def _run(command: list[str], complaint: str) -> None:
    try:
        done = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False)
    except OSError as error:
        raise BrokerError(f"{complaint}: {error}") from error
    if done.returncode != 0:
        raise BrokerError(f"{complaint}:\n{done.stdout}\n{done.stderr}")


def _free_ports(count: int) -> list[int]:
    """Ports that are free now; all are held until all are known, so that they differ."""
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [int(each.getsockname()[1]) for each in sockets]


def _is_open(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def main() -> int:
    """Run brokers until SIGINT or SIGTERM, or only fetch their jars."""
    parser = argparse.ArgumentParser(description="Kafka brokers on loopback ports, for trying out and for tests.")
    parser.add_argument("what", choices=["run", "fetch"])
    parser.add_argument("--brokers", type=int, default=1, help="how many (default 1)")
    parser.add_argument("--port", type=int, default=9092, help="of the first broker; 0 takes a free one (default 9092)")
    parser.add_argument("--data", type=Path, default=None, help="folder that outlives the run (default: a temporary one)")
    options = parser.parse_args()
    try:
        if options.what == "fetch":
            print(fetch_jars())
        else:
            _serve(options.brokers, options.port, options.data)
    except BrokerError as error:
        print(f"broker: {error}", file=sys.stderr)
        return 3
    return 0


def _serve(count: int, port: int, folder: Path | None) -> None:
    stopping = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopping.set())
    with brokers(count, port=port, folder=folder) as running:
        addresses = ",".join(broker.address for broker in running)
        print(f"TIDEGATE_KAFKA__BOOTSTRAP_SERVERS={addresses}", flush=True)
        stopping.wait()


if __name__ == "__main__":
    sys.exit(main())
