"""Consent loss from calls: a refusal is counted, a success resets the count, and the account is notified of a loss."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest

from shared.config.settings import Settings
from shared.consents.models import ConsentStatus, UsagePoint
from shared.core.errors import (
    AppError,
    ConsentLost,
    ConsentMissing,
    NoMeasure,
    ProviderUnavailable,
    ProviderWrongDirection,
)
from tests.support.household import Household, household
from workers.consents.access_check import watch_consent

pytestmark = pytest.mark.anyio

DAY = timedelta(days=1)


@pytest.fixture
async def home(settings: Settings) -> AsyncIterator[Household]:
    """An account with a meter."""
    async with household(settings) as each:
        yield each


async def point_of(home: Household) -> UsagePoint:
    return await home.resources.usage_points.load(home.usage_point.id)


async def refused_before(home: Household, *days_ago: int) -> None:
    """Record refusals of the provider on these days."""
    for days in days_ago:
        await home.resources.access_loss.note_refusal(home.usage_point.id, datetime.now(UTC) - days * DAY)


async def told(home: Household) -> list[tuple[str, dict[str, str]]]:
    events = await home.resources.events.next_events(home.account.id, "0-0", 0.001)
    return [(each.type, dict(each.data)) for each in events if each.type.startswith("consent.")]


async def test_a_call_that_is_refused_is_noted(home: Household) -> None:
    home.provider.answers["contract"] = ConsentLost(upstream_code="ADAM-DC-0008")

    await home.fetch("contract")

    point = await point_of(home)
    assert point.refusals is not None
    assert (1, True) == (point.refusals.days, point.consent.is_active(datetime.now(UTC)))
    assert [] == await told(home)


async def test_a_call_that_is_answered_forgets_earlier_refusals(home: Household) -> None:
    await refused_before(home, 5, 1)
    home.provider.answers["contract"] = {"segment": "C5"}

    await home.fetch("contract")

    assert None is (await point_of(home)).refusals


async def test_the_third_day_of_refusals_ends_the_consent_and_its_account_is_told_once(home: Household) -> None:
    await refused_before(home, 3, 1)
    home.provider.answers |= dict.fromkeys(("contract", "address"), ConsentLost())

    await home.fetch("contract")
    await home.fetch("address")

    point = await point_of(home)
    assert ConsentStatus.LOST is point.consent.status
    assert [("consent.revoked", {"consent_id": point.consent.id})] == await told(home)
    # The second call was not made.
    assert 1 == len(home.provider.asked)
    with pytest.raises(ConsentMissing):
        await home.resources.usage_points.load_active(point.id, datetime.now(UTC))


async def test_any_other_failure_says_nothing_about_the_consent(home: Household) -> None:
    await refused_before(home, 2)
    before = (await point_of(home)).refusals
    errors: list[type[AppError]] = [ProviderUnavailable, ProviderWrongDirection, NoMeasure]

    for error in errors:
        with pytest.raises(error):
            async with watch_consent(home.resources, await point_of(home)):
                raise error

        assert before == (await point_of(home)).refusals, error
