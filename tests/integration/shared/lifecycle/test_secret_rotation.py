"""A new server secret in a running gateway: existing accounts keep working, and uses of the old secret are counted."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from pydantic import SecretStr
from sqlalchemy import LargeBinary, select, update

from shared.accounts.store import Account
from shared.config.settings import Settings
from shared.consents.authorization_states import ReturnedPoints
from shared.consents.contract_proof import ContractProof
from shared.consents.models import GrantedPoint, UsagePoint
from shared.core.calendar import DayRange
from shared.core.datasets import Direction, Series
from shared.core.errors import Unauthenticated
from shared.crypto.vault import CannotOpen
from shared.jobs.models import Lane
from shared.lifecycle.secret_rotation import SecretRotation
from shared.readings.models import Coverage, Reading
from shared.resources import Resources, open_resources
from shared.storage.sealed_columns import sealed_columns
from shared.storage.tables import accounts, api_keys, consents, metadata, usage_points
from tests.support.states import take_state

pytestmark = pytest.mark.anyio

NOW = datetime(2026, 11, 23, 8, 30, tzinfo=UTC)
DAY = date(2026, 11, 20)
PRM = "99000000004711"
EMAIL = "somebody@example.org"
LABEL = "Synthetic name of a home"
URL = "https://receiver.example/synthetic"


@dataclass
class Gateway:
    """Processes of one gateway, each with the secrets from its start."""

    open: Callable[..., Any]
    old: SecretStr
    new: SecretStr


@pytest.fixture
async def gateway(settings: Settings) -> AsyncIterator[Gateway]:
    """A gateway whose processes may have different secrets."""
    async with AsyncExitStack() as stack:

        async def process(current: SecretStr, *previous: SecretStr) -> Resources:
            own = settings.model_copy(update={"secret_key": current, "previous_secret_keys": previous})
            return await stack.enter_async_context(open_resources(own))

        yield Gateway(process, settings.secret_key, SecretStr(secrets.token_hex(32)))


@dataclass
class Household:
    """An account, its key and its usage point."""

    account: Account
    api_key: str
    usage_point: UsagePoint


async def household(resources: Resources, prm: str = PRM) -> Household:
    account, api_key = await resources.accounts.create_account(NOW, email=EMAIL)
    caller = await resources.accounts.authenticate(api_key, NOW)
    await resources.accounts.keys.create_key(caller.key, caller.opened, NOW, name="Synthetic name of a key")
    consent, state = await resources.authorization_states.create(account.id, NOW, prm)
    await take_state(resources.authorization_states, state, NOW, int(prm[-5:]) + 1)
    point = GrantedPoint(prm, frozenset({Direction.CONSUMPTION}), date(2029, 1, 1))
    await resources.grants.grant(consent.id, [point], NOW)
    found = await resources.usage_points.find(account.id, prm)
    found = await resources.usage_points.change(found, {"label": LABEL}, caller.key.id, NOW)
    webhook, _ = await resources.webhooks.create_webhook(account.id, URL, None, "Synthetic", caller.key.id, NOW)
    await resources.webhooks.rotate_secret(webhook, caller.key.id, NOW)
    return Household(account, api_key, found)


async def fetch(resources: Resources, of: Household, day: date, value: int) -> None:
    """Store a day, as a worker does."""
    series = Series(of.account.id, of.usage_point.id, "consumption_load_curve")
    days = DayRange(day, day + timedelta(days=1))
    job = await resources.jobs.create_job(series, days, Lane.INTERACTIVE, [days], {}, NOW)
    coverage = Coverage(day.isoformat(), NOW, days.start, days.end)
    public_key = await resources.accounts.load_public_key(of.account.id)
    assert await resources.readings.save_window(job, coverage, [Reading(NOW, "PT30M", value)], public_key)


async def read(resources: Resources, of: Household, day: date) -> list[int]:
    """The values of a day that the account's key decrypts."""
    caller = await resources.accounts.authenticate(of.api_key, NOW)
    series = Series(of.account.id, of.usage_point.id, "consumption_load_curve")
    opened = await resources.readings.open_windows(series, [day.isoformat()], caller.private_key)
    return [reading.value for reading in opened]


def rotation(resources: Resources) -> SecretRotation:
    return SecretRotation(resources.database, resources.server, resources.readings)


async def test_everything_works_with_the_new_secret_alone_after_a_rotation(gateway: Gateway) -> None:
    old = await gateway.open(gateway.old)
    both = await gateway.open(gateway.new, gateway.old)
    new = await gateway.open(gateway.new)
    home = await household(old)
    await fetch(old, home, DAY, 4711)

    changed = await rotation(both).rotate(NOW)

    # The account, the key with a name, the usage point, the webhook.
    assert 4 == changed
    caller = await new.accounts.authenticate(home.api_key, NOW)
    assert (home.account.id, EMAIL) == (caller.account.id, caller.account.email)
    assert "Synthetic name of a key" in {key.name for key in await new.accounts.keys.list_keys(home.account.id)}
    assert home.usage_point.id == (await new.usage_points.find(home.account.id, PRM)).id
    found = await new.usage_points.load(home.usage_point.id)
    assert (PRM, LABEL) == (found.prm, found.label)
    (webhook,) = await new.webhooks.list_webhooks(home.account.id)
    signer = await new.webhooks.load_signer(webhook.id, NOW)
    assert signer is not None
    assert (URL, "Synthetic", 2) == (webhook.url, webhook.description, len(signer.secrets))
    await fetch(new, home, DAY + timedelta(days=1), 815)
    assert [815] == await read(new, home, DAY + timedelta(days=1))


async def test_what_a_consent_under_way_holds_opens_with_the_new_secret_too(gateway: Gateway) -> None:
    old, both = await gateway.open(gateway.old), await gateway.open(gateway.new, gateway.old)
    account, _ = await old.accounts.create_account(NOW)
    proof = ContractProof(postal_code="75012", subscribed_power=6.0)
    proved, _ = await old.authorization_states.create(account.id, NOW, PRM, proof=proof)
    returning, state = await old.authorization_states.create(account.id, NOW, duration="P1Y", returns_points=True)
    await take_state(old.authorization_states, state, NOW, None, ReturnedPoints((PRM,), "synthetic-code"))
    waiting, state = await old.authorization_states.create(account.id, NOW)
    await take_state(old.authorization_states, state, NOW, 58_249)
    await old.grants.await_approval(waiting.id, [GrantedPoint(PRM, frozenset({Direction.PRODUCTION}))], NOW)

    await rotation(both).rotate(NOW)

    new = await gateway.open(gateway.new)
    assert proof == await new.grants.load_proof(proved.id)
    assert [PRM] == [point.prm for point in await new.grants.load_returned_points(returning.id)]
    assert {new.server.key_id: 1} == (await rotation(new).count_use()).encrypted["consents.awaiting_sealed"]


async def test_before_it_the_new_secret_alone_opens_nothing(gateway: Gateway) -> None:
    old, new = await gateway.open(gateway.old), await gateway.open(gateway.new)
    home = await household(old)

    with pytest.raises((CannotOpen, Unauthenticated)):
        await new.accounts.authenticate(home.api_key, NOW)
    with pytest.raises(CannotOpen):
        await new.accounts.load_public_key(home.account.id)


async def test_readings_of_before_open_as_long_as_the_old_secret_is_listed(gateway: Gateway) -> None:
    old, both = await gateway.open(gateway.old), await gateway.open(gateway.new, gateway.old)
    home = await household(old)
    await fetch(old, home, DAY, 4711)

    await rotation(both).rotate(NOW)

    assert [4711] == await read(both, home, DAY)
    with pytest.raises(CannotOpen):
        await read(await gateway.open(gateway.new), home, DAY)


async def test_what_needs_the_old_secret_is_counted_until_nothing_does(gateway: Gateway) -> None:
    old, both = await gateway.open(gateway.old), await gateway.open(gateway.new, gateway.old)
    home = await household(old)
    await fetch(old, home, DAY, 4711)
    old_id, new_id = old.server.key_id, both.server.key_id

    before = await rotation(both).count_use()
    await rotation(both).rotate(NOW)
    after = await rotation(both).count_use()

    assert {old_id: 1} == before.encrypted["accounts.public_key"]
    assert {old_id: 1} == before.encrypted["usage_points.prm_sealed"]
    assert {new_id: 1} == after.encrypted["accounts.public_key"]
    assert {new_id: 1} == after.encrypted["usage_points.prm_sealed"]
    assert all(old_id not in each for each in after.encrypted.values())
    assert {old_id: 1} == after.readings
    assert after.audit_links[old_id] > 0
    assert [new_id, old_id] == after.key_ids
    assert after.total(old_id) == 1 + after.audit_links[old_id]


async def test_readings_that_only_the_old_secret_vouches_for_can_be_forgotten_and_fetched_anew(
    gateway: Gateway,
) -> None:
    old, both = await gateway.open(gateway.old), await gateway.open(gateway.new, gateway.old)
    home = await household(old)
    await fetch(old, home, DAY, 4711)
    await fetch(both, home, DAY + timedelta(days=1), 815)

    forgotten = await rotation(both).forget_readings()

    series = Series(home.account.id, home.usage_point.id, "consumption_load_curve")
    assert 1 == forgotten
    assert [str(DAY + timedelta(days=1))] == list(await both.readings.load_all_coverage(series))
    assert {both.server.key_id: 1} == (await rotation(both).count_use()).readings


async def test_a_second_rotation_changes_nothing(gateway: Gateway) -> None:
    old, both = await gateway.open(gateway.old), await gateway.open(gateway.new, gateway.old)
    await household(old)
    await rotation(both).rotate(NOW)
    rows = await both.database.read(select(accounts))

    assert 0 == await rotation(both).rotate(NOW)
    assert rows == await both.database.read(select(accounts))


async def test_without_a_previous_secret_there_is_nothing_to_rotate(gateway: Gateway) -> None:
    old = await gateway.open(gateway.old)
    await household(old)

    assert 0 == await rotation(old).rotate(NOW)


async def test_a_rotation_is_written_down_without_a_secret(gateway: Gateway) -> None:
    old, both = await gateway.open(gateway.old), await gateway.open(gateway.new, gateway.old)
    await household(old)

    changed = await rotation(both).rotate(NOW)

    newest = (await both.audit.load_events("admin"))[0]
    assert ("secret.rotated", {"key_id": both.server.key_id, "rows": changed}) == (newest.action, newest.details)


async def test_what_is_under_a_secret_that_nobody_knows_is_left_as_it_is_and_counted(gateway: Gateway) -> None:
    lost = await gateway.open(SecretStr(secrets.token_hex(32)))
    old, both = await gateway.open(gateway.old), await gateway.open(gateway.new, gateway.old)
    await household(lost, "99000000000001")
    await household(old)

    await rotation(both).rotate(NOW)

    use = await rotation(both).count_use()
    assert {lost.server.key_id: 1, both.server.key_id: 1} == use.encrypted["usage_points.prm_sealed"]
    assert lost.server.key_id in use.key_ids


async def test_a_value_that_was_moved_to_another_row_is_not_made_good_by_a_rotation(gateway: Gateway) -> None:
    old, both = await gateway.open(gateway.old), await gateway.open(gateway.new, gateway.old)
    mine, yours = await household(old), await household(old, "99000000000002")
    (row,) = await old.database.read(select(accounts.c.public_key).where(accounts.c.id == mine.account.id))
    async with old.database.transaction() as connection:
        query = update(accounts).where(accounts.c.id == yours.account.id)
        await connection.execute(query.values(public_key=row.public_key))

    await rotation(both).rotate(NOW)

    with pytest.raises(CannotOpen):
        await both.accounts.load_public_key(yours.account.id)


async def test_a_rotation_takes_more_rows_than_fit_into_a_batch(
    gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shared.lifecycle.secret_rotation._BATCH", 3)
    old, both = await gateway.open(gateway.old), await gateway.open(gateway.new, gateway.old)
    for _ in range(7):
        await old.accounts.create_account(NOW)

    assert 7 == await rotation(both).rotate(NOW)
    assert {both.server.key_id: 7} == (await rotation(both).count_use()).encrypted["accounts.public_key"]


async def test_the_gateway_may_work_while_several_rotate(gateway: Gateway) -> None:
    old = await gateway.open(gateway.old)
    processes = [await gateway.open(gateway.new, gateway.old) for _ in range(3)]
    homes = [await household(old, f"{99_000_000_000_100 + number}") for number in range(6)]

    async def work(resources: Resources) -> None:
        for home in homes:
            caller = await resources.accounts.authenticate(home.api_key, NOW)
            await resources.accounts.keys.create_key(caller.key, caller.opened, NOW, name="another")
            await resources.access_loss.note_refusal(home.usage_point.id, NOW)
            await resources.administration.change_account(home.account.id, NOW, quotas={"read_quota": 5})

    await asyncio.gather(rotation(processes[0]).rotate(NOW), rotation(processes[1]).rotate(NOW), work(processes[2]))
    await rotation(processes[0]).rotate(NOW)

    new = await gateway.open(gateway.new)
    for home in homes:
        caller = await new.accounts.authenticate(home.api_key, NOW)
        assert home.usage_point.id == (await new.usage_points.list_for_account(caller.account.id))[0].id
        assert 3 == len(await new.accounts.keys.list_keys(caller.account.id))


async def test_a_consent_under_way_is_still_recognised_and_an_old_one_is_not_any_more(gateway: Gateway) -> None:
    old, both = await gateway.open(gateway.old), await gateway.open(gateway.new, gateway.old)
    home = await household(old)
    await old.authorization_states.create(home.account.id, NOW + timedelta(days=2), PRM)

    await rotation(both).rotate(NOW + timedelta(days=2))

    assert 1 == (await rotation(both).count_use()).consent_hashes
    rows = await both.database.read(select(consents.c.expected_prm_hash).order_by(consents.c.created_at))
    assert [True, False] == [row.expected_prm_hash is None for row in rows]


def test_the_rotation_knows_every_encrypted_column() -> None:
    encrypted = {
        f"{table.name}.{column.name}"
        for table in metadata.sorted_tables
        for column in table.columns
        if isinstance(column.type, LargeBinary)
    }
    known = {f"{table.name}.{each.column.name}" for table, columns in sealed_columns().items() for each in columns}

    # That one is encrypted with an account's key.
    assert encrypted - {f"{api_keys.name}.wrapped_private_key"} == known
    assert usage_points in sealed_columns()
