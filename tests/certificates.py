"""Self-made certificates: an authority, a broker on 127.0.0.1, a client whose key has a password, and a stranger's authority."""

from dataclasses import dataclass
from pathlib import Path

import trustme
from cryptography.hazmat.primitives import serialization

from broker import Broker

USER, PASSWORD, KEY_PASSWORD = "plant", "wave of=secrets", "a key's password"


@dataclass(frozen=True, slots=True)
class Certificates:
    """PEM files. `broker` holds key and certificate, as Kafka wants them; `client_key` needs `KEY_PASSWORD`."""

    authority: Path
    broker: Path
    client: Path
    client_key: Path
    strangers_authority: Path
    strangers_client: Path


@dataclass(frozen=True, slots=True)
class SecuredBroker:
    """A broker that lets in who trusts `files.authority` and logs in as `USER` with `PASSWORD`."""

    broker: Broker
    files: Certificates


def make_certificates(folder: Path) -> Certificates:
    """Write them all into `folder`."""
    ours, strangers = trustme.CA(), trustme.CA()
    broker, client = ours.issue_cert("127.0.0.1"), ours.issue_cert("client@tidegate.example")
    made = Certificates(*(folder / f"{name}.pem" for name in Certificates.__slots__))
    ours.cert_pem.write_to_path(made.authority)
    strangers.cert_pem.write_to_path(made.strangers_authority)
    made.broker.write_bytes(_key(broker) + _chain(broker))
    made.client.write_bytes(_chain(client))
    made.client_key.write_bytes(_key(client, KEY_PASSWORD))
    strangers.issue_cert("client@tidegate.example").private_key_and_cert_chain_pem.write_to_path(made.strangers_client)
    return made


def _chain(certificate: trustme.LeafCert) -> bytes:
    return b"".join(part.bytes() for part in certificate.cert_chain_pems)


def _key(certificate: trustme.LeafCert, password: str = "") -> bytes:
    """The key in PKCS #8, the only form that Kafka reads."""
    key = serialization.load_pem_private_key(certificate.private_key_pem.bytes(), None)
    hidden = serialization.BestAvailableEncryption(password.encode()) if password else serialization.NoEncryption()
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, hidden)
