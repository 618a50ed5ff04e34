"""From settings to the connection's security: passwords from files, and what is not let through."""

from pathlib import Path
from typing import Any

import pytest

from tidegate.adapters.kafka import KafkaSecurity
from tidegate.bootstrap.log import kafka_connection
from tidegate.errors import ConfigurationError
from tidegate.settings import KafkaSettings

LOGIN = {"protocol": "SASL_PLAINTEXT", "username": "plant"}


def security(servers: str = "127.0.0.1:9092", **settings: Any) -> KafkaSecurity:
    return kafka_connection(KafkaSettings.model_validate({"bootstrap_servers": servers, "security": settings})).security


def test_nothing_set_means_plaintext() -> None:
    assert security().protocol == "PLAINTEXT"


def test_the_protocol_says_whether_there_is_encryption_and_login() -> None:
    assert security(protocol="SSL").protocol == "SSL"
    assert security(**LOGIN | {"protocol": "SASL_SSL"}, password="word").protocol == "SASL_SSL"
    assert security(**LOGIN, password="word").protocol == "SASL_PLAINTEXT"


@pytest.mark.parametrize("text", ["word", "word\n", "word\r\n", "word\nsecond line\n"])
def test_a_password_file_s_first_line_is_the_password(tmp_path: Path, text: str) -> None:
    file = tmp_path / "password"
    file.write_bytes(text.encode())
    login = security(**LOGIN, password_file=file).login
    assert login is not None
    assert login.password == "word"
    assert "word" not in repr(login).replace("password", "")


def test_a_password_that_is_missing_doubled_or_unreadable_is_complained_about(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="one is missing"):
        security(**LOGIN)
    with pytest.raises(ConfigurationError, match="one is missing"):
        security(protocol="SASL_SSL", password="word")
    with pytest.raises(ConfigurationError, match="both set"):
        security(**LOGIN, password="word", password_file=tmp_path)
    with pytest.raises(ConfigurationError, match="cannot read"):
        security(**LOGIN, password_file=tmp_path / "absent")


@pytest.mark.parametrize("servers", ["broker:9092", "127.0.0.1:9092,10.0.0.7:9092", "127.0.0.1.example:9092"])
def test_a_readable_password_leaves_this_machine_only_encrypted_or_by_scram(servers: str) -> None:
    with pytest.raises(ConfigurationError, match="would send the password readable"):
        security(servers, **LOGIN, password="word", mechanism="PLAIN")
    assert security(servers, **LOGIN, password="word").protocol == "SASL_PLAINTEXT"
    assert security(servers, **LOGIN | {"protocol": "SASL_SSL"}, password="word", mechanism="PLAIN").protocol == "SASL_SSL"


@pytest.mark.parametrize("servers", ["localhost:9092", "127.0.0.1:9092, 127.0.0.2:9092", "[::1]:9092"])
def test_on_loopback_plain_may_go_unencrypted(servers: str) -> None:
    assert security(servers, **LOGIN, password="word", mechanism="PLAIN").protocol == "SASL_PLAINTEXT"
