"""Why no connection comes about, in words that say what to do: aiokafka keeps the cause to its log.

Asked only after a failure. Connects once more to the first server that answers, and looks at how far that gets.
"""

import asyncio
import ssl
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from typing import Final

from aiokafka.conn import AIOKafkaConnection, collect_hosts
from aiokafka.errors import (
    IllegalSaslStateError,
    KafkaConnectionError,
    KafkaError,
    SaslAuthenticationFailed,
    UnsupportedSaslMechanismError,
)
from aiokafka.protocol.metadata import MetadataRequest

from tidegate.adapters.kafka.connection import KafkaConnection, translated
from tidegate.adapters.kafka.security import KafkaSecurity
from tidegate.errors import ConfigurationError

_PROBE_SECONDS: Final = 2.0

_WRONG_NAME: Final = {62, 64}
"""OpenSSL's codes for a certificate that names other hosts, other addresses."""


class _NoAnswerWithoutLoginError(Exception):
    """The broker said hello and closed the connection at the first question."""


_REACHED: Final = (ssl.SSLError, ConnectionResetError, BrokenPipeError, KafkaError, _NoAnswerWithoutLoginError)
"""Failures after which somebody was there; all others are the network's."""


@asynccontextmanager
async def connecting(connection: KafkaConnection, doing: str) -> AsyncIterator[None]:
    """As `translated`, for what opens connections; says why the brokers refuse one.

    Raises:
        ConfigurationError: a broker refuses us as we are set up, or we refuse it: certificate, login, or protocol.
        DependencyError: no broker answers.
    """
    with translated(connection, doing):
        try:
            yield
        except (KafkaConnectionError, TimeoutError) as error:
            refusal = await _refusal(connection)
            if refusal is not None:
                raise refusal from error
            raise


async def _refusal(connection: KafkaConnection) -> ConfigurationError | None:
    """What the first server that can be reached holds against us; None when nothing or when none can be reached."""
    for host, port, _ in collect_hosts(connection.bootstrap_servers):
        try:
            async with asyncio.timeout(connection.request_seconds):
                await _greet(connection, host, port)
                return None
        except _REACHED as error:
            return await _explained(connection, host, port, error)
        except (OSError, TimeoutError):
            continue
    return None


async def _greet(connection: KafkaConnection, host: str, port: int) -> None:
    """Connect, log in and ask something, as a client does first."""
    async with _opened(host, port, connection.security) as opened:
        try:
            await opened.send(MetadataRequest([]))
        except KafkaConnectionError as error:
            raise _NoAnswerWithoutLoginError from error


@asynccontextmanager
async def _opened(host: str, port: int, security: KafkaSecurity) -> AsyncIterator[AIOKafkaConnection]:
    opened = AIOKafkaConnection(host, port, **security.client_settings())
    try:
        await opened.connect()
        yield opened
    finally:
        closed = opened.close()
        if opened._protocol is not None:  # or it was never open, and nothing will ever say that it is closed
            await asyncio.wait([closed], timeout=_PROBE_SECONDS)


async def _explained(connection: KafkaConnection, host: str, port: int, error: BaseException) -> ConfigurationError | None:
    broker, login = f"Kafka at {host}:{port}", connection.security.login
    for cause in _causes(error):
        if isinstance(cause, ssl.SSLCertVerificationError):
            return _distrust(broker, host, cause)
        if isinstance(cause, ssl.SSLError) and "ALERT" in (cause.reason or ""):
            return _distrusted(broker, cause)
        if isinstance(cause, SaslAuthenticationFailed) and login is not None:
            return ConfigurationError(
                f"{broker} refuses the login of {login.username!r} by {login.mechanism}",
                advice="check kafka.security.username, password and mechanism",
            )
        if isinstance(cause, UnsupportedSaslMechanismError) and login is not None:
            return ConfigurationError(f"{broker} knows no login by {login.mechanism}", advice="set kafka.security.mechanism")
        if isinstance(cause, IllegalSaslStateError):
            return ConfigurationError(
                f"{broker} takes no login on this port", advice="set kafka.security.protocol, or another port"
            )
    return await _wrong_protocol(connection, host, port, error)


async def _wrong_protocol(connection: KafkaConnection, host: str, port: int, error: BaseException) -> ConfigurationError | None:
    broker, used = f"Kafka at {host}:{port}", connection.security.protocol
    encrypted = connection.security.tls is not None
    if await (_speaks_plaintext if encrypted else _speaks_tls)(host, port):
        return ConfigurationError(
            f"{broker} {'does not speak' if encrypted else 'wants'} TLS on this port, and kafka.security.protocol is {used}",
            advice="set the protocol of the port's listener",
        )
    if connection.security.login is None and isinstance(error, _NoAnswerWithoutLoginError):
        return ConfigurationError(
            f"{broker} answers nothing before a login, and kafka.security.protocol is {used}",
            advice="set protocol SASL_SSL with username and password, or another port",
        )
    return None


def _distrust(broker: str, host: str, error: ssl.SSLCertVerificationError) -> ConfigurationError:
    if error.verify_code in _WRONG_NAME:
        return ConfigurationError(
            f"{broker} shows a certificate for another host: {error.verify_message}",
            advice=f"use a name that is in it, have {host} put into it, or set kafka.security.check_hostname to false",
        )
    return ConfigurationError(
        f"{broker} shows a certificate that is not trusted: {error.verify_message}",
        advice="set kafka.security.ca_file to the certificate of the authority that signed it",
    )


def _distrusted(broker: str, error: ssl.SSLError) -> ConfigurationError:
    return ConfigurationError(
        f"{broker} does not accept our certificate, or that we show none: {error.reason}",
        advice="set kafka.security.certificate_file and key_file to what the broker's authority signed",
    )


async def _speaks_tls(host: str, port: int) -> bool:
    """Whether a handshake gets as far as certificates; nothing is sent and nobody is trusted."""
    asking = ssl.create_default_context()
    asking.check_hostname, asking.verify_mode = False, ssl.CERT_NONE
    with suppress(OSError, TimeoutError):
        async with asyncio.timeout(_PROBE_SECONDS):
            _, writer = await asyncio.open_connection(host, port, ssl=asking)
            writer.close()
            await writer.wait_closed()
            return True
    return False


async def _speaks_plaintext(host: str, port: int) -> bool:
    """Whether the broker says hello without TLS."""
    with suppress(OSError, KafkaError, TimeoutError):
        async with asyncio.timeout(_PROBE_SECONDS), _opened(host, port, KafkaSecurity()):
            return True
    return False


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__
