"""Whether a bearer token is genuine, meant for us, and in time (RFC 7519, RFC 8725). Says nothing of what it grants."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import jwt
import structlog

from tidegate.adapters.oidc.provider import ProviderKeys, SigningKey

_FAMILIES: Final = {"RSA": ("RS", "PS"), "EC": ("ES",), "OKP": ("EdDSA",)}
"""Which signatures a kind of key can make. `oct`, a shared secret, is none of them: it could sign as well as verify."""

_REQUIRED: Final = ("exp", "iss", "aud", "sub")

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class TokenRules:
    """What a token must say. `algorithms` are the signatures that are taken, whatever the token or the key proposes."""

    issuer: str
    audience: str
    algorithms: tuple[str, ...] = ("RS256", "ES256")
    leeway_seconds: float = 30.0


class OidcVerifier:
    """`ports.TokenVerifier` with the keys of a provider."""

    def __init__(self, keys: ProviderKeys, rules: TokenRules) -> None:
        self._keys = keys
        self._rules = rules
        self._jwt = jwt.PyJWT(options={"enforce_minimum_key_length": True})

    async def claims(self, token: str) -> Mapping[str, Any] | None:
        """The claims of a good token; None, and a log line that says what is wrong without the token, for any other.

        Raises:
            DependencyError: the provider's keys are not known and cannot be fetched.
        """
        try:
            header = jwt.get_unverified_header(token)
            algorithm, key_id = header.get("alg"), header.get("kid")
            if algorithm not in self._rules.algorithms or not isinstance(key_id, str | None):
                raise jwt.InvalidAlgorithmError(str(algorithm)[:20])
            key = await self._keys.find(key_id)
            if key is None:
                raise jwt.InvalidKeyError("unknown key id")
            return self._decode(token, key, str(algorithm))
        except (jwt.PyJWTError, RecursionError, ValueError) as error:
            _log.info("token_refused", because=type(error).__name__)
            return None

    def _decode(self, token: str, key: SigningKey, algorithm: str) -> Mapping[str, Any]:
        # The key decides which signatures it makes; a token that could choose would choose the weakest.
        if not algorithm.startswith(_FAMILIES.get(str(key.get("kty")), ())) or key.get("alg", algorithm) != algorithm:
            raise jwt.InvalidAlgorithmError(algorithm)
        return self._jwt.decode(
            token,
            jwt.PyJWK(dict(key), algorithm),
            algorithms=[algorithm],
            audience=self._rules.audience,
            issuer=self._rules.issuer,
            leeway=self._rules.leeway_seconds,
            options={"require": list(_REQUIRED)},
        )
