"""Receipts of erasures on the wire, and the keys that check them."""

from datetime import datetime
from typing import Literal, Self

from pydantic import Field

from api.http.fields import Document, ShownAccountId
from shared.crypto.receipts import AT_ENEDIS, ENEDIS_ACCOUNT_URL, Receipt, sign_receipt
from shared.crypto.server_secret import ServerSecret


class ReceiptDocument(Document):
    """What was erased, and the same signed."""

    id: str = Field(description="The receipt's id.", examples=["erase_0123456789abcdef"])
    account_id: ShownAccountId
    usage_point_id: str | None = Field(
        description="Its 14 digits when one usage point was erased; `null`: the account.",
        examples=["12345678901234"],
    )
    erased_at: datetime = Field(description="When it was erased.")
    final_at: datetime = Field(
        description="By then what was on its way at that moment has been looked for again: nothing is left."
    )
    erased: dict[str, int] = Field(
        description="How many of each kind. `windows`: sealed days, months and records.",
        examples=[{"windows": 771, "jobs": 12, "api_keys": 1, "consents": 1, "usage_points": 1, "audit_events": 9}],
    )
    at_enedis: str = Field(description="What becomes of the share at Enedis.", examples=[AT_ENEDIS])
    enedis_account_url: str = Field(description="Where the person ends the share.", examples=[ENEDIS_ACCOUNT_URL])
    signed: str = Field(
        description="All of this as a compact JWS (RFC 7515, EdDSA); its key is in `/.well-known/jwks.json`.",
        examples=["eyJ….eyJ….…"],
    )

    @classmethod
    def of(cls, server: ServerSecret, receipt: Receipt, issuer: str) -> Self:
        """A receipt, signed."""
        return cls(
            id=receipt.id,
            account_id=receipt.account_id,
            usage_point_id=receipt.usage_point_id,
            erased_at=receipt.erased_at,
            final_at=receipt.final_at,
            erased=dict(receipt.erased),
            at_enedis=AT_ENEDIS,
            enedis_account_url=ENEDIS_ACCOUNT_URL,
            signed=sign_receipt(server, receipt, issuer),
        )


class PublicKey(Document):
    """A public key (RFC 8037)."""

    kty: Literal["OKP"]
    crv: Literal["Ed25519"]
    alg: Literal["EdDSA"]
    use: Literal["sig"]
    kid: str = Field(description="Named in what was signed with it.", examples=["0a1b2c3d"])
    x: str = Field(description="The key itself, base64url.", examples=["MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY"])


class KeySet(Document):
    """A JSON Web Key Set (RFC 7517): the current key first, then those of earlier secrets."""

    keys: list[PublicKey] = Field(description="The current one first.")
