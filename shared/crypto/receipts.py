"""Receipts: signed statements of the gateway about an erasure, verifiable by third parties.

A receipt is a compact JWS (RFC 7515, EdDSA as in RFC 8037). Its key is derived from the server secret; the public keys
are published, those of earlier secrets for as long as these are configured.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson

from shared.crypto.jws import base64url, bytes_of, part_of
from shared.crypto.server_secret import ServerSecret

_ALGORITHM = "EdDSA"
_TYPE = "releve-receipt+jwt"

AT_ENEDIS = (
    "Enedis does not let gateways end a share. This gateway no longer requests any data; the share itself ends when it "
    "expires, or when it is deleted in the customer account at Enedis, where shared data is managed."
)
ENEDIS_ACCOUNT_URL = "https://mon-compte-particulier.enedis.fr"


@dataclass(frozen=True, slots=True)
class Receipt:
    """The result of an erasure. ``erased``: counts by kind. ``final_at``: when in-flight data is erased as well.

    ``usage_point_id``: the 14 digits for a single usage point, ``None`` for an account.
    """

    id: str
    account_id: str
    usage_point_id: str | None
    erased_at: datetime
    final_at: datetime
    erased: Mapping[str, int]

    def claims(self) -> dict[str, Any]:
        """The receipt as JSON claims."""
        return {
            "id": self.id,
            "account_id": self.account_id,
            "usage_point_id": self.usage_point_id,
            "erased_at": self.erased_at.isoformat(),
            "final_at": self.final_at.isoformat(),
            "erased": dict(self.erased),
            "at_enedis": AT_ENEDIS,
            "enedis_account_url": ENEDIS_ACCOUNT_URL,
        }


def sign_receipt(server: ServerSecret, receipt: Receipt, issuer: str) -> str:
    """The receipt as a compact JWS; ``issuer``: the gateway's public address, under which the keys are published."""
    header = part_of({"alg": _ALGORITHM, "kid": server.key_id, "typ": _TYPE})
    claims = part_of({"iss": issuer, "iat": int(receipt.erased_at.timestamp()), **receipt.claims()})
    return f"{header}.{claims}.{base64url(server.sign(f'{header}.{claims}'.encode()))}"


def read_receipt(server: ServerSecret, token: str) -> dict[str, Any] | None:
    """The claims of a receipt signed by this gateway, ``None`` for anything else."""
    try:
        header, claims, signature = token.split(".")
        described = orjson.loads(bytes_of(header))
        if described["alg"] != _ALGORITHM or described["typ"] != _TYPE:
            return None
        if not server.is_signed(f"{header}.{claims}".encode(), bytes_of(signature), key_id=described["kid"]):
            return None
        read: dict[str, Any] = orjson.loads(bytes_of(claims))
    except (ValueError, TypeError, KeyError):
        return None
    return read


def key_set(server: ServerSecret) -> dict[str, Any]:
    """The public keys as a JSON Web Key Set (RFC 7517), the current one first."""
    return {
        "keys": [
            {"kty": "OKP", "crv": "Ed25519", "alg": _ALGORITHM, "use": "sig", "kid": key_id, "x": base64url(key)}
            for key_id, key in server.public_keys().items()
        ]
    }
