"""TLS and SASL against a real broker with self-made certificates: what is let in, and what each refusal says."""

import asyncio
import logging
from pathlib import Path

import pytest

from certificates import KEY_PASSWORD, PASSWORD, USER, SecuredBroker
from kafka_logs import fresh_connection, open_fresh
from tidegate.adapters.kafka import KafkaLog, KafkaSecurity, Login, TlsFiles, TopicPlan, check_topics, secured
from tidegate.contracts.topics import ANOMALIES, TELEMETRY
from tidegate.errors import ConfigurationError, DependencyError
from tidegate.ports import Commit, Outgoing

pytestmark = pytest.mark.kafka


def tls(secured_kafka: SecuredBroker) -> TlsFiles:
    return TlsFiles(secured_kafka.files.authority)


def login(mechanism: str = "SCRAM-SHA-512", password: str = PASSWORD) -> Login:
    return Login(mechanism, USER, password)


async def carries_everything(servers: str, security: KafkaSecurity) -> None:
    """Topics are made, records appended, a transaction committed and read back, and others' appends noticed."""
    connection = fresh_connection(servers, security=security)
    log = await open_fresh(connection, 1)
    assert await check_topics(connection, TopicPlan(1)) == []
    await log.take_over(0)
    await log.append([Outgoing(TELEMETRY, 0, b"site", b"reading")])
    assert [record.value for record in await log.read(TELEMETRY, 0, 0, max_records=9, max_bytes=99)] == [b"reading"]
    await log.commit(Commit(0, [Outgoing(ANOMALIES, 0, b"site/device", b"fact")], {TELEMETRY: 1}))
    await log.take_over(0)
    assert [record.value for record in await log.read(ANOMALIES, 0, 0, max_records=9, max_bytes=99)] == [b"fact"]
    assert await log.positions(0) == {TELEMETRY: 1}
    await log.trim(TELEMETRY, 0, 1)
    assert await log.start_offset(TELEMETRY, 0) == 1
    other = await KafkaLog.open(connection)
    assert await other.read(TELEMETRY, 0, 1, max_records=9, max_bytes=99) == []
    await other.wait(0)
    await log.append([Outgoing(TELEMETRY, 0, b"site", b"another")])
    await other.wait(20)
    assert len(await other.read(TELEMETRY, 0, 1, max_records=9, max_bytes=99)) == 1
    await other.close()
    await log.close()


async def test_tls_carries_everything(secured_kafka: SecuredBroker) -> None:
    servers = secured_kafka.broker.secured["TLS"]
    await carries_everything(servers, secured(servers, tls(secured_kafka)))


async def test_tls_with_a_client_certificate_carries_everything(secured_kafka: SecuredBroker) -> None:
    servers, files = secured_kafka.broker.secured["MUTUAL"], secured_kafka.files
    mutual = TlsFiles(files.authority, files.client, files.client_key, KEY_PASSWORD)
    await carries_everything(servers, secured(servers, mutual))


@pytest.mark.parametrize("mechanism", ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"])
async def test_a_login_over_tls_carries_everything(secured_kafka: SecuredBroker, mechanism: str) -> None:
    servers = secured_kafka.broker.secured["LOGIN"]
    await carries_everything(servers, secured(servers, tls(secured_kafka), login(mechanism)))


async def test_a_login_without_tls_on_loopback_carries_everything(secured_kafka: SecuredBroker) -> None:
    servers = secured_kafka.broker.secured["BARE"]
    await carries_everything(servers, secured(servers, login=login("PLAIN")))


async def refused(servers: str, security: KafkaSecurity) -> str:
    """What is said when the connection does not come about, the same for the log and for the topics."""
    connection = fresh_connection(servers, security=security)
    with pytest.raises(ConfigurationError) as opening:
        await KafkaLog.open(connection)
    with pytest.raises(ConfigurationError) as checking:
        await check_topics(connection, TopicPlan(1))
    assert str(opening.value) == str(checking.value)
    assert PASSWORD not in str(opening.value)
    return str(opening.value)


async def test_an_unknown_authority_is_not_trusted(secured_kafka: SecuredBroker) -> None:
    servers = secured_kafka.broker.secured["TLS"]
    for trusted in (secured_kafka.files.strangers_authority, None):
        assert "is not trusted" in (said := await refused(servers, secured(servers, TlsFiles(trusted))))
        assert "kafka.security.ca_file" in said


async def test_a_certificate_for_another_host_is_refused_unless_that_is_said_not_to_matter(secured_kafka: SecuredBroker) -> None:
    servers = secured_kafka.broker.secured["TLS"].replace("127.0.0.1", "localhost")
    said = await refused(servers, secured(servers, tls(secured_kafka)))
    assert "shows a certificate for another host" in said
    assert "check_hostname" in said
    await carries_everything(servers, secured(servers, TlsFiles(secured_kafka.files.authority, check_hostname=False)))


async def test_no_client_certificate_or_a_stranger_s_is_refused_where_one_is_wanted(secured_kafka: SecuredBroker) -> None:
    servers, files = secured_kafka.broker.secured["MUTUAL"], secured_kafka.files
    for shown in (None, files.strangers_client):
        said = await refused(servers, secured(servers, TlsFiles(files.authority, shown)))
        assert "does not accept our certificate, or that we show none" in said
        assert "certificate_file" in said


@pytest.mark.parametrize("mechanism", ["PLAIN", "SCRAM-SHA-256"])
async def test_a_wrong_password_is_refused_and_not_repeated_in_words(secured_kafka: SecuredBroker, mechanism: str) -> None:
    servers = secured_kafka.broker.secured["LOGIN"]
    said = await refused(servers, secured(servers, tls(secured_kafka), login(mechanism, "guessed")))
    assert f"refuses the login of '{USER}' by {mechanism}" in said
    assert "guessed" not in said


async def test_a_mechanism_that_the_port_does_not_offer_is_named(secured_kafka: SecuredBroker) -> None:
    servers = secured_kafka.broker.secured["BARE"]
    assert "knows no login by SCRAM-SHA-256" in await refused(servers, secured(servers, login=login("SCRAM-SHA-256")))


async def test_the_wrong_protocol_for_a_port_is_recognised(secured_kafka: SecuredBroker) -> None:
    plain, ports = secured_kafka.broker.address, secured_kafka.broker.secured
    assert "wants TLS" in await refused(ports["TLS"], KafkaSecurity())
    assert "wants TLS" in await refused(ports["LOGIN"], secured(ports["LOGIN"], login=login()))
    assert "does not speak TLS" in await refused(plain, secured(plain, tls(secured_kafka)))
    assert "takes no login" in await refused(plain, secured(plain, login=login()))
    assert "answers nothing before a login" in await refused(ports["BARE"], KafkaSecurity())
    assert "answers nothing before a login" in await refused(ports["LOGIN"], secured(ports["LOGIN"], tls(secured_kafka)))


async def test_a_server_that_only_hangs_up_is_not_taken_for_one_that_wants_something(secured_kafka: SecuredBroker) -> None:
    async def hang_up(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()
        await writer.wait_closed()

    async with await asyncio.start_server(hang_up, "127.0.0.1", 0) as server:
        servers = f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
        for security in (KafkaSecurity(), secured(servers, tls(secured_kafka), login())):
            with pytest.raises(DependencyError, match="cannot be reached"):
                await KafkaLog.open(fresh_connection(servers, security=security))


async def test_nobody_there_is_still_a_matter_of_the_network(secured_kafka: SecuredBroker) -> None:
    with pytest.raises(DependencyError, match=r"127\.0\.0\.1:9 cannot be reached"):
        await KafkaLog.open(fresh_connection("127.0.0.1:9", security=secured("127.0.0.1:9", tls(secured_kafka), login())))


async def test_the_password_is_in_no_log_line_and_no_repr(secured_kafka: SecuredBroker, caplog: pytest.LogCaptureFixture) -> None:
    servers = secured_kafka.broker.secured["LOGIN"]
    connection = fresh_connection(servers, security=secured(servers, tls(secured_kafka), login("PLAIN")))
    with caplog.at_level(logging.DEBUG):
        log = await open_fresh(connection, 1)
        await log.close()
    assert "Authenticated as plant via PLAIN" in caplog.text, "the lines around it are there"
    assert PASSWORD not in caplog.text
    assert PASSWORD not in repr(connection)


def test_files_that_cannot_be_used_are_named(secured_kafka: SecuredBroker, tmp_path: Path) -> None:
    files, empty = secured_kafka.files, tmp_path / "empty.pem"
    empty.touch()
    for wrong in (
        TlsFiles(tmp_path / "absent.pem"),
        TlsFiles(empty),
        TlsFiles(None, tmp_path / "absent.pem"),
        TlsFiles(None, files.client, empty),
        TlsFiles(None, files.client, files.client_key, "wrong password"),
        TlsFiles(None, files.client, files.client_key),
        TlsFiles(None, None, files.client_key),
    ):
        with pytest.raises(ConfigurationError, match=r"\.pem") as refusal:
            secured("127.0.0.1:9", wrong)
        assert refusal.value.advice
        assert "wrong password" not in str(refusal.value)
