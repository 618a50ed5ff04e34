"""Encryption of the connection to Kafka, and who we are there. Reads certificate files once; passwords never leave in words."""

import ipaddress
import logging
import ssl
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from tidegate.errors import ConfigurationError

MECHANISMS: Final = ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512")
"""Ways to log in."""


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """What TLS is made of, in PEM. `ca_file` None trusts what the system trusts; `key_file` None: it is in the certificate's."""

    ca_file: Path | None = None
    certificate_file: Path | None = None
    key_file: Path | None = None
    key_password: str = field(default="", repr=False)
    check_hostname: bool = True


@dataclass(frozen=True, slots=True)
class Login:
    """User and password, and how it is proved that we know it (one of `MECHANISMS`)."""

    mechanism: str
    username: str
    password: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class KafkaSecurity:
    """How every connection is secured: by `tls`, by a `login`, by both, or, as by default, by neither."""

    tls: ssl.SSLContext | None = field(default=None, repr=False)
    login: Login | None = None

    @property
    def protocol(self) -> str:
        """Kafka's name for it."""
        return ("SASL_" if self.login else "") + ("SSL" if self.tls else "PLAINTEXT")

    def client_settings(self) -> dict[str, Any]:
        """What every client of aiokafka is made with."""
        settings: dict[str, Any] = {"security_protocol": self.protocol, "ssl_context": self.tls}
        if self.login is not None:
            logging.getLogger("aiokafka.conn").addFilter(_without_logins)
            settings["sasl_mechanism"] = self.login.mechanism
            settings["sasl_plain_username"] = self.login.username
            settings["sasl_plain_password"] = self.login.password
        return settings


def secured(servers: str, tls: TlsFiles | None = None, login: Login | None = None) -> KafkaSecurity:
    """Security for the connection to `servers`.

    Raises:
        ConfigurationError: a file cannot be used, user or password are missing, or the password would travel readable.
    """
    if login is not None:
        _check_login(login, encrypted=tls is not None, servers=servers)
    return KafkaSecurity(None if tls is None else _context(tls), login)


def _check_login(login: Login, *, encrypted: bool, servers: str) -> None:
    if not login.username or not login.password:
        raise ConfigurationError(
            f"a login by {login.mechanism} needs user and password, one is missing",
            advice="set kafka.security.username and kafka.security.password or password_file",
        )
    # SCRAM proves the password without sending it, so there a protocol without encryption is the operator's choice.
    if login.mechanism == "PLAIN" and not encrypted and not all(map(_is_loopback, servers.split(","))):
        raise ConfigurationError(
            f"PLAIN would send the password readable to {servers}", advice="take protocol SASL_SSL, or a SCRAM mechanism"
        )


def _is_loopback(server: str) -> bool:
    host = server.strip().rpartition(":")[0].strip("[]")
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _context(files: TlsFiles) -> ssl.SSLContext:
    context = _trusting(files.ca_file)
    context.check_hostname = files.check_hostname
    if files.certificate_file is not None:
        _show_certificate(context, files.certificate_file, files)
    elif files.key_file is not None:
        raise ConfigurationError(
            f"there is a key {files.key_file} and no certificate", advice="set kafka.security.certificate_file"
        )
    return context


def _trusting(ca_file: Path | None) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=ca_file)
    except (OSError, ValueError) as error:
        raise ConfigurationError(
            f"cannot use {ca_file} as certificates to trust: {error}", advice="give a readable file with certificates in PEM"
        ) from error


def _show_certificate(context: ssl.SSLContext, certificate: Path, files: TlsFiles) -> None:
    try:
        # Always a password: without one OpenSSL asks for it on the terminal, and the service would hang.
        context.load_cert_chain(certificate, files.key_file, lambda: files.key_password)
    except (OSError, ValueError) as error:
        raise ConfigurationError(
            f"cannot use certificate {certificate} with key {files.key_file or certificate}: {error}",
            advice="give PEM files that belong together, and kafka.security.key_password if the key has one",
        ) from error


def _without_logins(record: logging.LogRecord) -> bool:
    """False for the lines in which aiokafka, at level debug, writes what it sends to log in."""
    return not any(type(part).__name__.startswith("SaslAuthenticate") for part in record.args or ())
