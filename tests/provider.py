"""A small OpenID Connect provider on loopback, with real keys: it can change them, lie about itself, and be down."""

import asyncio
import contextlib
import json
import socket
import ssl
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import jwt
import uvicorn
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

AUDIENCE = "tidegate"


def rsa_key(bits: int = 2048) -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, bits)


def ec_key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def as_jwk(key: Any, key_id: str, **more: Any) -> dict[str, Any]:
    algorithm = RSAAlgorithm if isinstance(key, rsa.RSAPrivateKey) else ECAlgorithm
    return {**algorithm.to_jwk(key.public_key(), as_dict=True), "kid": key_id, "use": "sig"} | more


@dataclass
class Provider:
    """`issuer` is its address. `keys` sign by their id, `listed` is what it shows of them; `questions` counts by path."""

    issuer: str = ""
    keys: dict[str, Any] = field(default_factory=dict)
    listed: list[dict[str, Any]] = field(default_factory=list)
    claims_to_be: str = ""
    status: int = 200
    padding: int = 0
    questions: list[str] = field(default_factory=list)

    def add(self, key_id: str, key: Any, **more: Any) -> None:
        self.keys[key_id] = key
        self.listed.append(as_jwk(key, key_id, **more))

    def token(self, key_id: str, algorithm: str, *, key: Any = None, header: Any = None, **claims: Any) -> str:
        """A token that would be taken, but for what `claims` (None leaves one out), `key` and `header` change."""
        now = time.time()
        usual = {"iss": self.issuer, "aud": AUDIENCE, "sub": "u-17", "iat": now, "exp": now + 300, "groups": ["operator@plant-7"]}
        said = {name: value for name, value in (usual | claims).items() if value is not None}
        head = {name: value for name, value in ({"kid": key_id} | (header or {})).items() if value is not None}
        return jwt.encode(said, key or self.keys[key_id], algorithm, head)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.questions.append(scope["path"])
        described = {"issuer": self.claims_to_be or self.issuer, "jwks_uri": f"{self.issuer}/keys"}
        document = {"keys": self.listed} if scope["path"] == "/keys" else described
        body = json.dumps(document | {"padding": "x" * self.padding}).encode()
        await send({"type": "http.response.start", "status": self.status, "headers": []})
        await send({"type": "http.response.body", "body": body})


class _QuietServer(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Any:
        yield


@contextlib.asynccontextmanager
async def providing(tls: ssl.SSLContext | None = None) -> AsyncIterator[Provider]:
    """A provider with one RSA key `r1` and one EC key `e1`."""
    provider = Provider()
    provider.add("r1", rsa_key(), alg="RS256")
    provider.add("e1", ec_key())
    config = uvicorn.Config(provider, log_config=None, lifespan="off")
    config.load()
    config.ssl = tls
    server = _QuietServer(config)
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        provider.issuer = f"{'https' if tls else 'http'}://127.0.0.1:{listener.getsockname()[1]}"
        serving = asyncio.create_task(server.serve(sockets=[listener]))
        yield provider
        server.should_exit = True
        await serving
