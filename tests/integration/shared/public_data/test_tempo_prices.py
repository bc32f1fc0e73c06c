"""The prices of Tempo: each set is valid until a newer one, and every change is audited."""

import asyncio
from collections.abc import AsyncIterator
from datetime import date

import pytest

from shared.config.settings import Settings
from shared.core.errors import NotFound
from shared.public_data.tempo_tariff import PRICE_NAMES
from shared.resources import Resources, open_resources
from shared.storage.audit_log import ADMIN
from tests.support.api_gateway import NOON

pytestmark = pytest.mark.anyio

OLD, NEW = ({name: f"0.{digit}{place}" for place, name in enumerate(PRICE_NAMES)} for digit in (1, 2))
FEBRUARY, AUGUST = date(2026, 2, 1), date(2026, 8, 1)


@pytest.fixture
async def resources(settings: Settings) -> AsyncIterator[Resources]:
    async with open_resources(settings) as resources:
        yield resources


async def test_prices_hold_from_their_day_until_newer_ones_do(resources: Resources) -> None:
    await resources.tempo_prices.set_prices(AUGUST, NEW, NOON)
    await resources.tempo_prices.set_prices(FEBRUARY, OLD, NOON)

    held = [
        await resources.tempo_prices.prices_on(day)
        for day in (date(2026, 1, 31), FEBRUARY, date(2026, 7, 31), AUGUST, date(2030, 1, 1))
    ]

    assert [None, OLD, OLD, NEW, NEW] == [each and each.prices for each in held]
    assert [AUGUST, FEBRUARY] == [each.valid_from for each in await resources.tempo_prices.list_prices()]


async def test_prices_set_for_the_same_day_take_the_place_of_the_others(resources: Resources) -> None:
    await resources.tempo_prices.set_prices(AUGUST, OLD, NOON)
    await resources.tempo_prices.set_prices(AUGUST, NEW, NOON)

    (kept,) = await resources.tempo_prices.list_prices()
    assert (AUGUST, NEW, NOON) == (kept.valid_from, kept.prices, kept.set_at)


async def test_of_two_who_set_the_same_day_at_once_neither_fails(resources: Resources) -> None:
    await asyncio.gather(*(resources.tempo_prices.set_prices(AUGUST, each, NOON) for each in (OLD, NEW, OLD, NEW)))

    (kept,) = await resources.tempo_prices.list_prices()
    assert kept.prices in (OLD, NEW)


async def test_when_prices_are_taken_back_those_before_hold_on(resources: Resources) -> None:
    await resources.tempo_prices.set_prices(FEBRUARY, OLD, NOON)
    await resources.tempo_prices.set_prices(AUGUST, NEW, NOON)

    await resources.tempo_prices.delete_prices(AUGUST, NOON)

    held = await resources.tempo_prices.prices_on(date(2026, 9, 1))
    assert held is not None
    assert OLD == held.prices
    with pytest.raises(NotFound):
        await resources.tempo_prices.delete_prices(AUGUST, NOON)


async def test_every_change_is_in_the_administrators_chain(resources: Resources) -> None:
    await resources.tempo_prices.set_prices(AUGUST, NEW, NOON)
    await resources.tempo_prices.delete_prices(AUGUST, NOON)

    deleted, made = await resources.audit.load_events(ADMIN)
    assert ("tempo_prices.set", {"valid_from": "2026-08-01", **NEW}) == (made.action, made.details)
    assert ("tempo_prices.deleted", {"valid_from": "2026-08-01"}) == (deleted.action, deleted.details)
    assert await resources.audit.find_break(ADMIN) is None
