"""An administrator with the admin key, copies of both stores and the server's secret cannot decrypt a reading."""

import itertools
from collections.abc import Iterator
from datetime import date
from typing import Any

import pytest
from sqlalchemy import select

from api.app import openapi_document
from shared.crypto.api_key_format import check_api_key, new_api_key
from shared.crypto.server_secret import SealContext, derive_key
from shared.crypto.vault import CannotOpen, Opener, unwrap_private_key
from shared.storage.sealed_columns import sealed_columns
from shared.storage.tables import metadata
from tests.support.api_gateway import PRM, Person, Stage

pytestmark = pytest.mark.anyio

CURVE = "consumption_load_curve"
DAY = date(2026, 10, 19)
KEY_NAME = "Distinctive name of a key"
LABEL = "Distinctive name of a home"
VAULT_LABELS = ("releve/api-key/v1/verifier", "releve/api-key/v1/wrapping")


@pytest.fixture
async def victim(stage: Stage, person: Person) -> Person:
    """An account with a usage point, a stored day, and a second key with a name."""
    point = await stage.grant(person)
    await stage.resources.usage_points.change(point, {"label": LABEL}, "test", stage.clock.now)
    await stage.store_curve(point, DAY, date(2026, 10, 20))
    made = await stage.client.post("/v1/account/keys", json={"name": KEY_NAME}, headers=person.headers)
    assert 201 == made.status_code
    return person


async def dump_sql(stage: Stage) -> dict[str, list[dict[str, Any]]]:
    """Every row of every table."""
    return {
        table.name: [dict(row._mapping) for row in await stage.resources.database.read(select(table))]
        for table in metadata.sorted_tables
    }


async def dump_redis(stage: Stage) -> dict[bytes, Any]:
    """Every key with its contents."""
    redis = stage.resources.redis
    found: dict[bytes, Any] = {}
    async for key in redis.scan_iter():
        match await redis.type(key):
            case b"hash":
                found[key] = await redis.hgetall(key)
            case b"string":
                found[key] = await redis.get(key)
    return found


def open_what_the_server_can(stage: Stage, sql: dict[str, list[dict[str, Any]]]) -> list[bytes]:
    """All data encrypted with the server's secret, decrypted."""
    return [
        stage.resources.server.decrypt(row[each.column.name], purpose=each.purpose(row["id"]))
        for table, columns in sealed_columns().items()
        for row in sql[table.name]
        for each in columns
        if row[each.column.name] is not None
    ]


def candidates(stage: Stage, sql: dict[str, list[dict[str, Any]]], decrypted: list[bytes]) -> Iterator[bytes]:
    """Every run of 32 bytes in the stores, and the keys that can be derived from the operator's settings."""
    columns = [value for rows in sql.values() for row in rows for value in row.values()]
    for value in [*decrypted, *(each for each in columns if isinstance(each, bytes))]:
        yield from (value[start : start + 32] for start in range(len(value) - 31))
    for value in columns:
        if isinstance(value, str) and len(value) == 64:
            yield bytes.fromhex(value)
    for secret in (stage.resources.settings.secret_key, stage.resources.settings.admin_api_key):
        text = secret.get_secret_value().encode()
        yield text[:32]
        yield from (derive_key(text, f"releve/{name}") for name in ("server/v1/encryption", "server/v1/context-tag"))
        yield from (derive_key(text, label) for label in VAULT_LABELS)


async def test_no_sealed_day_opens_with_anything_that_the_operator_has(stage: Stage, victim: Person) -> None:
    sql, redis = await dump_sql(stage), await dump_redis(stage)
    decrypted = open_what_the_server_can(stage, sql)
    (point,) = sql["usage_points"]
    (blob,) = redis[f"readings:{victim.account.id}:{point['id']}:{CURVE}".encode()].values()
    context = SealContext(victim.account.id, point["id"], CURVE, DAY.isoformat())

    tried = 0
    for candidate in candidates(stage, sql, decrypted):
        tried += 1
        with pytest.raises(CannotOpen):
            Opener(candidate, stage.resources.server).open(blob, context)

    assert tried > 100
    # The account's own key decrypts the same blob: the search above uses the right one.
    caller = await stage.resources.accounts.authenticate(victim.api_key)
    assert Opener(caller.private_key, stage.resources.server).open(blob, context)


async def test_no_wrapped_private_key_opens_with_anything_that_the_operator_has(stage: Stage, victim: Person) -> None:
    sql = await dump_sql(stage)
    other_key = new_api_key()
    secrets = [
        check_api_key(other_key),
        *(
            getattr(stage.resources.settings, name).get_secret_value().encode()
            for name in ("secret_key", "admin_api_key")
        ),
        *(bytes.fromhex(row["verifier"]) for row in sql["api_keys"]),
    ]

    for row, secret in itertools.product(sql["api_keys"], secrets):
        with pytest.raises(CannotOpen):
            unwrap_private_key(row["wrapped_private_key"], secret, account_id=victim.account.id, key_id=row["id"])


async def test_no_route_for_administrators_answers_with_a_reading_a_usage_point_or_a_name(
    stage: Stage, victim: Person
) -> None:
    (point,) = await stage.resources.usage_points.list_for_account(victim.account.id)
    names = {
        "account_id": victim.account.id,
        "invitation_id": "inv_0123456789abcdef",
        "consent_id": point.consent.id,
        "valid_from": "2026-01-01",
    }
    secret = [PRM, KEY_NAME, LABEL, victim.api_key, stage.resources.settings.secret_key.get_secret_value()]
    secret += [str(value) for value in _numbers_of_the_day()]
    asked = []

    for path, operations in openapi_document()["paths"].items():
        for method in sorted(operations, key=lambda each: each != "get"):
            if path.startswith("/v1/admin") and method != "delete":
                body: Any = {} if method in ("patch", "post", "put") else None
                answer = await stage.client.request(
                    method, path.format(**names), headers=stage.admin, params=_query(path, victim), json=body
                )
                asked.append(answer.status_code)
                for each in secret:
                    assert each not in answer.text, (method, path)

    assert 200 in asked
    assert 10 <= len(asked)


def _numbers_of_the_day() -> list[str]:
    # In the format of a response; a half-hour's number alone occurs in many dates.
    return [f'"value":{number}' for number in range(48)]


def _query(path: str, person: Person) -> dict[str, str]:
    return {"chain": person.account.id} if path.endswith("/audit") else {}


async def test_the_admin_key_reads_no_days(stage: Stage, victim: Person) -> None:
    path = f"/v1/usage-points/{PRM}/readings/{CURVE}"

    answer = await stage.client.get(path, params={"start": "2026-10-19", "end": "2026-10-20"}, headers=stage.admin)

    assert (401, "unauthenticated") == (answer.status_code, answer.json()["code"])
