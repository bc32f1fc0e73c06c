"""The columns that are encrypted with the server secret, and the purpose that binds each value to its row. The only
list of them: the rotation of the secret re-encrypts all columns listed here (`shared.lifecycle.secret_rotation`).

The purpose is authenticated: a value can't be decrypted with another one.
"""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Column, Table

from shared.storage.tables import accounts, api_keys, consents, usage_points, webhook_endpoints


@dataclass(frozen=True, slots=True)
class SealedColumn:
    """A column, and the prefix of its purposes."""

    column: Column[Any]
    prefix: str

    def purpose(self, row_id: str) -> str:
        """The purpose that binds a value to the row with that id."""
        return f"{self.prefix}:{row_id}"


PUBLIC_KEY = SealedColumn(accounts.c.public_key, "public-key")
EMAIL = SealedColumn(accounts.c.email_sealed, "email")
KEY_NAME = SealedColumn(api_keys.c.name_sealed, "key-name")
RETURNED_PRMS = SealedColumn(consents.c.prms_sealed, "returned-prms")
CONTRACT_PROOF = SealedColumn(consents.c.proof_sealed, "consent-proof")
AWAITING_PRMS = SealedColumn(consents.c.awaiting_sealed, "awaiting-prms")
PRM = SealedColumn(usage_points.c.prm_sealed, "prm")
LABEL = SealedColumn(usage_points.c.label_sealed, "label")
WEBHOOK_URL = SealedColumn(webhook_endpoints.c.url_sealed, "webhook-url")
WEBHOOK_DESCRIPTION = SealedColumn(webhook_endpoints.c.description_sealed, "webhook-description")
WEBHOOK_SECRET = SealedColumn(webhook_endpoints.c.secret_sealed, "webhook-secret")
# The same purpose as the secret: a rotation moves the ciphertext from one column to the other unchanged.
WEBHOOK_PREVIOUS_SECRET = SealedColumn(webhook_endpoints.c.previous_secret_sealed, WEBHOOK_SECRET.prefix)

_ALL = (
    PUBLIC_KEY,
    EMAIL,
    KEY_NAME,
    RETURNED_PRMS,
    CONTRACT_PROOF,
    AWAITING_PRMS,
    PRM,
    LABEL,
    WEBHOOK_URL,
    WEBHOOK_DESCRIPTION,
    WEBHOOK_SECRET,
    WEBHOOK_PREVIOUS_SECRET,
)


def sealed_columns() -> dict[Table, list[SealedColumn]]:
    """All encrypted columns, by table."""
    found: dict[Table, list[SealedColumn]] = {}
    for each in _ALL:
        found.setdefault(each.column.table, []).append(each)
    return found
