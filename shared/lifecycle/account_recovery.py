"""Account recovery after the loss of the last key: the account gets an empty vault and one new key.

Stored readings can't be decrypted any more, because the key is lost. The account, its consents and its usage points are
kept. Each usage point gets a new internal id, so that data encrypted for the lost vault, or still in flight, is not
found under the new ids: docs/decisions/0015.
"""

import secrets
from datetime import datetime

from sqlalchemy import Row, delete, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.accounts.administration import record_for_both
from shared.accounts.api_keys import ApiKey, insert_key
from shared.consents.consent_rows import PRM_HASH_PURPOSE
from shared.crypto.server_secret import ServerSecret
from shared.crypto.vault import new_vault
from shared.events.store import EventStore
from shared.lifecycle.erasure import Erasure
from shared.lifecycle.erasure_notes import new_erasure_id, note_erasure
from shared.storage.database import Database
from shared.storage.row_locks import lock_account
from shared.storage.sealed_columns import LABEL, PRM, PUBLIC_KEY
from shared.storage.tables import accounts, api_keys, consents, usage_points


class AccountRecovery:
    """Recovers accounts."""

    def __init__(self, database: Database, server: ServerSecret, erasure: Erasure, events: EventStore) -> None:
        """Use these stores."""
        self._database = database
        self._server = server
        self._erasure = erasure
        self._events = events

    async def recover(self, account_id: str, now: datetime) -> tuple[ApiKey, str]:
        """Create a new key pair and one new API key for it, revoke all earlier keys, and erase all stored data, which
        is then fetched again.

        Returns the key with its text, which is shown only once. Raises `NotFound`.
        """
        vault = new_vault()
        async with self._database.transaction() as connection:
            await lock_account(connection, account_id)
            # Blocks concurrent grants of usage points to this account: a grant locks its consent and then the account,
            # in the same order as here.
            await connection.execute(select(consents.c.id).where(consents.c.account_id == account_id).with_for_update())
            await connection.execute(select(accounts.c.id).where(accounts.c.id == account_id).with_for_update())
            sealed = self._server.encrypt(vault.public_key, purpose=PUBLIC_KEY.purpose(account_id))
            await connection.execute(update(accounts).where(accounts.c.id == account_id).values(public_key=sealed))
            await connection.execute(delete(api_keys).where(api_keys.c.account_id == account_id))
            key, text = await insert_key(connection, self._server, account_id, vault.private_key, now)
            rows = (await connection.execute(select(usage_points).where(usage_points.c.account_id == account_id))).all()
            for row in rows:
                await _renew_usage_point(connection, self._server, row)
            lost = [row.id for row in rows]
            # In the same transaction: if the process is killed before Redis is cleared, the sweeper does it.
            await note_erasure(connection, new_erasure_id(), account_id, lost, is_account=False, now=now)
            details = {"key_id": key.id, "usage_points": len(rows)}
            await record_for_both(connection, self._server, account_id, now, "account.recovered", details)
        await self._erasure.erase_noted(account_id, lost, now, is_account=False)
        await self._events.publish(account_id, "account.recovered", {})
        return key, text


async def _renew_usage_point(connection: AsyncConnection, server: ServerSecret, row: Row[tuple[object, ...]]) -> None:
    # Ciphertexts are bound to the id of their row.
    new_id = f"up_{secrets.token_hex(12)}"
    prm = server.decrypt(row.prm_sealed, purpose=PRM.purpose(row.id))
    values = {
        "id": new_id,
        "prm_sealed": server.encrypt(prm, purpose=PRM.purpose(new_id)),
        "prm_hash": server.keyed_hash(prm.decode(), purpose=PRM_HASH_PURPOSE),
    }
    if row.label_sealed is not None:
        label = server.decrypt(row.label_sealed, purpose=LABEL.purpose(row.id))
        values["label_sealed"] = server.encrypt(label, purpose=LABEL.purpose(new_id))
    await connection.execute(update(usage_points).where(usage_points.c.id == row.id).values(values))
