"""Response schemas of deletion receipts, and of the public keys that verify them."""

from datetime import datetime
from typing import Literal, Self

from pydantic import Field

from api.http.fields import Document, ShownAccountId
from shared.crypto.receipts import AT_ENEDIS, ENEDIS_ACCOUNT_URL, Receipt, sign_receipt
from shared.crypto.server_secret import ServerSecret


class ReceiptDocument(Document):
    """A deletion receipt: the deleted data, in plain and signed form."""

    id: str = Field(description="The receipt's id.", examples=["erase_0123456789abcdef"])
    account_id: ShownAccountId
    usage_point_id: str | None = Field(
        description="PRM (14 digits) of the deleted usage point; `null` if the account was deleted.",
        examples=["12345678901234"],
    )
    erased_at: datetime = Field(description="Time of the deletion.")
    final_at: datetime = Field(
        description="Time by which data that was in flight during the deletion is deleted too: no data remains."
    )
    erased: dict[str, int] = Field(
        description="Number of deleted objects by kind. `windows`: encrypted days, months and records.",
        examples=[{"windows": 771, "jobs": 12, "api_keys": 1, "consents": 1, "usage_points": 1, "audit_events": 9}],
    )
    at_enedis: str = Field(description="The effect on the authorisation at Enedis.", examples=[AT_ENEDIS])
    enedis_account_url: str = Field(
        description="Page on which the holder ends the authorisation.", examples=[ENEDIS_ACCOUNT_URL]
    )
    signed: str = Field(
        description="The receipt as a compact JWS (RFC 7515, EdDSA); its key is in `/.well-known/jwks.json`.",
        examples=["eyJ….eyJ….…"],
    )

    @classmethod
    def of(cls, server: ServerSecret, receipt: Receipt, issuer: str) -> Self:
        """Sign a receipt and build its document."""
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
    kid: str = Field(description="Key id, as in the header of signed receipts.", examples=["0a1b2c3d"])
    x: str = Field(description="Public key, base64url.", examples=["MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY"])


class KeySet(Document):
    """A JSON Web Key Set (RFC 7517): the current key, then the keys of earlier server secrets."""

    keys: list[PublicKey] = Field(description="Current key first.")
