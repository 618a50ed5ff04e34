"""Tokens of an OpenID Connect provider: its signing keys by httpx, signatures and claims by PyJWT. Grants nothing."""

from tidegate.adapters.oidc.provider import ProviderKeys, SigningKey
from tidegate.adapters.oidc.verifier import OidcVerifier, TokenRules

__all__ = ["OidcVerifier", "ProviderKeys", "SigningKey", "TokenRules"]
