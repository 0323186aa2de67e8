"""Tokens of an OpenID Connect issuer: signed by a key that we hold, for us, now.

The algorithm follows from the key, never from the token; keys are those of a local JWKS file, each by its ``kid``, and
public, so nothing that a token says makes us fetch anything or take a public key for a shared secret (RFC 8725).
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from hounsfield.errors import SettingsError

if TYPE_CHECKING:
    from jwt import PyJWK

LONGEST_LIFE_SECONDS = 2 * 3600
_LEEWAY_SECONDS = 30
_SMALLEST_RSA_BITS = 2048
_LARGEST_FILE_BYTES = 1 << 20
_ALGORITHMS = MappingProxyType(
    {
        ("RSA", None): ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512"),
        ("EC", "P-256"): ("ES256",),
        ("EC", "P-384"): ("ES384",),
        ("OKP", "Ed25519"): ("EdDSA",),
    }
)
"""Signature algorithms (RFC 7518, 8037) by kind of key and curve; the first where the key names none."""
_REQUIRED = ("exp", "nbf", "iat", "iss", "aud", "sub")
_TYPES = (None, "JWT", "at+jwt")


@dataclass(frozen=True)
class OpenIdIssuer:
    """Accepts the tokens of one issuer.

    Attributes:
        issuer: what ``iss`` must be.
        audience: what ``aud`` must name.
        keys: the issuer's public keys and their algorithm, by ``kid``.
    """

    issuer: str
    audience: str
    keys: Mapping[str, tuple["PyJWK", str]] = field(repr=False)

    def subject(self, text: str) -> str | None:
        """Return the subject of a token that is good now, else None."""
        import jwt

        try:
            header = jwt.get_unverified_header(text)
            key, algorithm = self.keys[header["kid"]]
            if header.get("alg") != algorithm or header.get("typ") not in _TYPES or "crit" in header:
                return None
            claims = jwt.decode(
                text,
                key.key,
                algorithms=[algorithm],
                audience=self.audience,
                issuer=self.issuer,
                leeway=_LEEWAY_SECONDS,
                options={"require": list(_REQUIRED)},
            )
        except (jwt.PyJWTError, KeyError, TypeError, ValueError, RecursionError):
            return None
        subject = claims["sub"]
        is_short = isinstance(claims["iat"], int | float) and claims["exp"] - claims["iat"] <= LONGEST_LIFE_SECONDS
        return subject if is_short and isinstance(subject, str) and subject else None


def read_issuer(issuer: str, audience: str, keys: Path | None) -> OpenIdIssuer | None:
    """Return the issuer of the settings, None where there is none.

    Args:
        issuer: its URL.
        audience: our name there.
        keys: a file with its JWKS.

    Raises:
        SettingsError: ``E285``, one is given without the others, or the file holds no keys that can be used.
    """
    if not issuer and not audience and keys is None:
        return None
    if not issuer or not audience or keys is None:
        raise SettingsError("E285", found="oidc_issuer, oidc_audience, oidc_keys")
    try:
        if keys.stat().st_size > _LARGEST_FILE_BYTES:
            raise SettingsError("E285", found=keys.name)
        listed = json.loads(keys.read_text(encoding="utf-8"))["keys"]
        found = {str(entry["kid"]): _key(entry) for entry in listed}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise SettingsError("E285", found=type(error).__name__) from error
    if not found or len(found) != len(listed):
        raise SettingsError("E285", found="kid")
    return OpenIdIssuer(issuer, audience, MappingProxyType(found))


def _key(entry: Mapping[str, Any]) -> tuple["PyJWK", str]:
    """Return a public key and its algorithm.

    Raises:
        SettingsError: ``E285``, the key is secret, weak or of another kind.
    """
    import jwt

    allowed = _ALGORITHMS.get((str(entry["kty"]), entry.get("crv")), ())
    algorithm = entry.get("alg") or (allowed[0] if allowed else "")
    if algorithm not in allowed or "d" in entry or entry.get("use", "sig") != "sig":
        raise SettingsError("E285", found=f"{entry['kty']} {algorithm}")
    try:
        key = jwt.PyJWK(dict(entry), algorithm=algorithm)
    except jwt.PyJWTError as error:
        raise SettingsError("E285", found=type(error).__name__) from error
    if getattr(key.key, "key_size", _SMALLEST_RSA_BITS) < _SMALLEST_RSA_BITS and entry["kty"] == "RSA":
        raise SettingsError("E285", found="RSA < 2048")
    return key, algorithm
