"""Webhooks in SQL: their number, account and visible fields, and the result of concurrent changes."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest
from standardwebhooks import Webhook as Signature

from shared.accounts.store import Account
from shared.config.settings import Settings
from shared.core.errors import LimitReached, NotFound
from shared.events.webhooks import MOST_WEBHOOKS, OVERLAP, DisabledReason, Webhook
from shared.resources import Resources, open_resources

pytestmark = pytest.mark.anyio

NOW = datetime(2026, 11, 23, 8, 30, tzinfo=UTC)
URL = "https://receiver.example/with?a=token"
KEY = "key_0123456789abcdef"


@pytest.fixture
async def resources(settings: Settings) -> AsyncIterator[Resources]:
    async with open_resources(settings) as opened:
        yield opened


@pytest.fixture
async def account(resources: Resources) -> Account:
    account, _ = await resources.accounts.create_account(NOW)
    return account


async def create(resources: Resources, account: Account, url: str = URL) -> tuple[Webhook, str]:
    return await resources.webhooks.create_webhook(account.id, url, ["job.failed", "job.partial"], "Name", KEY, NOW)


async def actions(resources: Resources, account: Account) -> list[str]:
    return [each.action for each in reversed(await resources.audit.load_events(account.id))]


async def test_what_was_made_can_be_found_by_its_account_alone(resources: Resources, account: Account) -> None:
    stranger, _ = await resources.accounts.create_account(NOW)
    webhook, _ = await create(resources, account)

    assert webhook == await resources.webhooks.load_webhook(webhook.id, account.id)
    assert ([webhook], []) == (
        await resources.webhooks.list_webhooks(account.id),
        await resources.webhooks.list_webhooks(stranger.id),
    )
    assert (URL, "Name", ("job.failed", "job.partial"), True, 1) == (
        webhook.url,
        webhook.description,
        webhook.events,
        webhook.enabled,
        webhook.version,
    )
    with pytest.raises(NotFound):
        await resources.webhooks.load_webhook(webhook.id, stranger.id)
    assert URL not in repr(webhook)


async def test_what_is_changed_is_changed_and_nothing_else(resources: Resources, account: Account) -> None:
    webhook, _ = await create(resources, account)

    changed = await resources.webhooks.change_webhook(webhook, {"events": None, "description": None}, KEY, NOW)
    moved = await resources.webhooks.change_webhook(webhook, {"url": "https://elsewhere.example/"}, KEY, NOW)

    assert (URL, None, None, "*", 2) == (
        changed.url,
        changed.description,
        changed.events,
        changed.subscription,
        changed.version,
    )
    assert ("https://elsewhere.example/", None, 3) == (moved.url, moved.events, moved.version)
    newest, *_ = await resources.audit.load_events(account.id)
    assert ("webhook.changed", {"webhook_id": webhook.id, "changed": ["url"]}) == (newest.action, newest.details)


async def test_an_account_has_so_many_and_not_one_more_however_quick_it_is(
    resources: Resources, account: Account
) -> None:
    made = await asyncio.gather(*(create(resources, account) for _ in range(MOST_WEBHOOKS + 3)), return_exceptions=True)

    assert 3 == sum(isinstance(each, LimitReached) for each in made)
    assert MOST_WEBHOOKS == len(await resources.webhooks.list_webhooks(account.id))


async def test_a_rotation_leaves_two_secrets_that_sign_and_a_second_one_no_third(
    resources: Resources, account: Account
) -> None:
    webhook, first = await create(resources, account)
    _, second = await resources.webhooks.rotate_secret(webhook, KEY, NOW)
    rotated, third = await resources.webhooks.rotate_secret(webhook, KEY, NOW)

    now = await resources.webhooks.load_signer(webhook.id, NOW)
    later = await resources.webhooks.load_signer(webhook.id, NOW + OVERLAP)

    assert now is not None
    assert later is not None
    assert ([third, second], [third]) == (now.secrets, later.secrets)
    assert NOW + timedelta(hours=24) == rotated.previous_secret_until
    assert 3 == len({first, second, third})
    # Each is a Standard Webhooks secret of 256 bits.
    assert {32} == {len(Signature(each)._whsecret) for each in (first, second, third)}
    assert third not in repr(now)


async def test_the_gateway_disables_only_what_it_has_seen(resources: Resources, account: Account) -> None:
    seen, _ = await create(resources, account)
    mended = await resources.webhooks.change_webhook(seen, {"url": "https://mended.example/"}, KEY, NOW)

    outdated = await resources.webhooks.disable(seen, DisabledReason.EXHAUSTED, NOW)
    disabled = await resources.webhooks.disable(mended, DisabledReason.GONE, NOW)

    assert outdated is None
    assert disabled is not None
    assert (False, DisabledReason.GONE, NOW, "") == (
        disabled.enabled,
        disabled.disabled_reason,
        disabled.disabled_at,
        disabled.subscription,
    )
    enabled = await resources.webhooks.change_webhook(disabled, {"enabled": True}, KEY, NOW)
    assert (True, None, None) == (enabled.enabled, enabled.disabled_reason, enabled.disabled_at)


async def test_what_is_deleted_is_nowhere(resources: Resources, account: Account) -> None:
    webhook, _ = await create(resources, account)

    await resources.webhooks.delete_webhook(webhook, KEY, NOW)

    assert await resources.webhooks.load_signer(webhook.id, NOW) is None
    for again in (
        resources.webhooks.delete_webhook(webhook, KEY, NOW),
        resources.webhooks.change_webhook(webhook, {"enabled": False}, KEY, NOW),
        resources.webhooks.rotate_secret(webhook, KEY, NOW),
    ):
        with pytest.raises(NotFound):
            await again


async def test_everything_that_was_done_is_in_the_audit(resources: Resources, account: Account) -> None:
    webhook, _ = await create(resources, account)
    webhook, _ = await resources.webhooks.rotate_secret(webhook, KEY, NOW)
    webhook = await resources.webhooks.change_webhook(webhook, {"enabled": False}, KEY, NOW)
    await resources.webhooks.disable(webhook, DisabledReason.GONE, NOW)
    await resources.webhooks.delete_webhook(webhook, KEY, NOW)

    assert [
        "account.created",
        "webhook.created",
        "webhook.secret_rotated",
        "webhook.changed",
        "webhook.disabled",
        "webhook.deleted",
    ] == await actions(resources, account)
    assert await resources.audit.find_break(account.id) is None


async def test_every_subscription_is_listed_once(resources: Resources, account: Account) -> None:
    first, _ = await create(resources, account)
    second, _ = await create(resources, account)
    second = await resources.webhooks.change_webhook(second, {"enabled": False}, KEY, NOW)

    subscriptions = {webhook_id: rest async for _, webhook_id, *rest in resources.webhooks.all_subscriptions()}

    assert {first.id: [1, "job.failed job.partial"], second.id: [2, ""]} == subscriptions
