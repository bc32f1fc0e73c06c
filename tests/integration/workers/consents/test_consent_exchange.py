"""The exchange of consents, with real stores and the simulated Enedis: both generations, late responses, outages."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any, cast
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from pydantic import SecretStr
from sqlalchemy import update

from shared.config.settings import Settings
from shared.consents.authorization_states import ReturnedPoints
from shared.consents.models import Consent, ConsentStatus
from shared.core.calendar import day_of
from shared.core.datasets import Direction
from shared.resources import Resources, open_resources
from shared.storage.tables import consents
from simulator.app import create_app
from simulator.config import SimulatorSettings
from tests.support.patience import PATIENCE_SECONDS
from tests.support.states import take_state
from workers.consents import exchange as exchange_module
from workers.consents.exchange import EMPTY_PATIENCE, OUTAGE_PATIENCE, ConsentExchange
from workers.registry import build_providers
from workers.sweeper import sweep

pytestmark = pytest.mark.anyio

CONSUMER, SOLAR, SECOND = "99000000000011", "99000000000033", "99000000000044"
CONSUMPTION, PRODUCTION = Direction.CONSUMPTION, Direction.PRODUCTION


@dataclass
class Scene:
    """A gateway's resources, the simulated Enedis that they call, and an account."""

    resources: Resources
    enedis: httpx.AsyncClient
    exchange: ConsentExchange
    account_id: str

    async def come_back(
        self, point: str = CONSUMER, *, page: str = "v2", taken: datetime | None = None, account_id: str | None = None
    ) -> Consent:
        """Accept on the provider's page and return; the state is used."""
        taken = taken or datetime.now(UTC)
        states = self.resources.authorization_states
        _, state = await states.create(
            account_id or self.account_id, taken, duration="P1Y", returns_points=page == "v1"
        )
        answer = await self.enedis.get(
            f"/dataconnect/{page}/oauth2/authorize",
            params={
                "client_id": self.resources.settings.enedis_client_id,
                "response_type": "code",
                "duration": "P1Y",
                "state": state,
                "auto": "approve",
                "usage_point_id": point,
            },
        )
        query = {name: values[0] for name, values in parse_qs(urlsplit(answer.headers["Location"]).query).items()}
        number = int(query["autorisation_id"]) if "autorisation_id" in query else None
        returned = None
        if number is None:
            returned = ReturnedPoints(tuple(query["usage_point_id"].split(";")), query["code"])
        return (await take_state(states, query["state"], taken, number, returned))[0]

    async def control(self, path: str, **body: object) -> None:
        (await self.enedis.post(f"/control/{path}", json=body)).raise_for_status()

    async def outcome(self, consent: Consent) -> Consent:
        return await self.resources.consents.load(consent.id)

    async def directions(self) -> dict[str, frozenset[Direction]]:
        points = await self.resources.usage_points.list_for_account(self.account_id)
        return {point.prm: point.directions for point in points}

    async def asked(self) -> int:
        """The number of requests for a consent's services."""
        answer = await self.enedis.get("/control/calls", params={"api": "subscribed_services"})
        return len(cast(list[Any], answer.json()))


@pytest.fixture
async def scene(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Scene]:
    monkeypatch.setattr(exchange_module, "_EMPTY_PAUSES_SECONDS", (0.0, 0.0))
    monkeypatch.setattr(exchange_module, "LATE_PAUSE_SECONDS", 0.0)
    simulator = create_app(
        SimulatorSettings(
            client_id=settings.enedis_client_id,
            client_secret=SecretStr(settings.enedis_client_secret.get_secret_value()),
            redirect_uri="http://gateway.test/oauth/callback",
            per_second=10_000,
            per_hour=10_000,
        )
    )
    wide = settings.model_copy(
        update={"enedis_base_url": "http://enedis.test", "enedis_per_second": 1000, "enedis_per_hour": 100_000}
    )
    async with (
        open_resources(wide) as resources,
        httpx.AsyncClient(
            transport=httpx.ASGITransport(simulator), base_url="http://enedis.test", timeout=PATIENCE_SECONDS
        ) as http,
    ):
        account, _ = await resources.accounts.create_account(datetime.now(UTC))
        yield Scene(resources, http, ConsentExchange(resources, build_providers(resources, http)["enedis"]), account.id)


async def test_a_return_of_v2_is_exchanged_for_its_point_directions_and_expiry(scene: Scene) -> None:
    consent = await scene.come_back(SOLAR)

    await scene.exchange.exchange(consent.id)

    ended = await scene.outcome(consent)
    today = day_of(datetime.now(UTC))
    assert ConsentStatus.GRANTED is ended.status
    assert ended.expires_on is not None
    assert 364 <= (ended.expires_on - today).days <= 366
    assert {SOLAR: frozenset({CONSUMPTION, PRODUCTION})} == await scene.directions()


async def test_services_of_one_direction_open_one_direction(scene: Scene) -> None:
    consent = await scene.come_back(CONSUMER)

    await scene.exchange.exchange(consent.id)

    assert {CONSUMER: frozenset({CONSUMPTION})} == await scene.directions()


async def test_a_return_of_v1_binds_all_its_points_without_asking_the_provider(scene: Scene) -> None:
    consent = await scene.come_back(
        f"{CONSUMER};{SOLAR};{SECOND}", page="v1", taken=datetime(2026, 3, 1, 9, tzinfo=UTC)
    )

    await scene.exchange.exchange(consent.id)

    ended = await scene.outcome(consent)
    assert (ConsentStatus.GRANTED, date(2027, 3, 1)) == (ended.status, ended.expires_on)
    assert dict.fromkeys((CONSUMER, SOLAR, SECOND), frozenset(Direction)) == await scene.directions()
    assert 0 == await scene.asked()


async def test_an_exchange_done_twice_changes_nothing(scene: Scene) -> None:
    consent = await scene.come_back()
    await asyncio.gather(*(scene.exchange.exchange(consent.id) for _ in range(3)))

    await scene.exchange.exchange(consent.id)

    assert ConsentStatus.GRANTED is (await scene.outcome(consent)).status
    assert 1 == len(await scene.directions())


async def test_a_point_of_another_account_has_the_whole_return_wait_for_an_administrator(scene: Scene) -> None:
    holder, _ = await scene.resources.accounts.create_account(datetime.now(UTC))
    await scene.exchange.exchange((await scene.come_back(SECOND, page="v1", account_id=holder.id)).id)
    consent = await scene.come_back(f"{CONSUMER};{SECOND}", page="v1")

    await scene.exchange.exchange(consent.id)

    ended = await scene.outcome(consent)
    assert (ConsentStatus.AWAITING_APPROVAL, "usage_point_taken") == (ended.status, ended.error_code)
    assert {} == await scene.directions()
    assert [CONSUMER, SECOND] == [each.prm for each in await scene.resources.grants.load_returned_points(consent.id)]


async def test_services_that_come_late_are_waited_for(scene: Scene) -> None:
    await scene.control("settings", services_delay_seconds=3600)
    consent = await scene.come_back()
    assert consent.taken_at is not None
    await scene.exchange.exchange(consent.id, consent.taken_at)
    after_first, asked_first = await scene.outcome(consent), await scene.asked()
    await scene.exchange.exchange(consent.id, consent.taken_at + timedelta(minutes=2))
    after_second, asked_second = await scene.outcome(consent), await scene.asked()

    await scene.control("clock", now=(datetime.now(UTC) + timedelta(hours=2)).isoformat())
    await scene.exchange.exchange(consent.id, consent.taken_at + timedelta(minutes=4))

    assert [ConsentStatus.EXCHANGING] * 2 == [after_first.status, after_second.status]
    # A user waits for the first attempt; later attempts are single calls.
    assert (3, 4) == (asked_first, asked_second)
    assert ConsentStatus.GRANTED is (await scene.outcome(consent)).status


async def test_services_that_never_come_end_it_with_a_clear_reason(scene: Scene) -> None:
    await scene.control("settings", services_delay_seconds=3600)
    consent = await scene.come_back()
    assert consent.taken_at is not None

    await scene.exchange.exchange(consent.id, consent.taken_at + EMPTY_PATIENCE - timedelta(seconds=1))
    before = await scene.outcome(consent)
    await scene.exchange.exchange(consent.id, consent.taken_at + EMPTY_PATIENCE)

    ended = await scene.outcome(consent)
    assert ConsentStatus.EXCHANGING is before.status
    assert (ConsentStatus.FAILED, "consent_empty") == (ended.status, ended.error_code)


async def test_services_that_have_ended_open_nothing(scene: Scene) -> None:
    consent = await scene.come_back()
    assert consent.taken_at is not None
    await scene.control("revoke", usage_point_id=CONSUMER)

    await scene.exchange.exchange(consent.id, consent.taken_at + EMPTY_PATIENCE)

    assert "consent_empty" == (await scene.outcome(consent)).error_code
    assert {} == await scene.directions()


async def test_an_outage_is_sat_out_but_not_for_ever(scene: Scene) -> None:
    consent = await scene.come_back()
    assert consent.taken_at is not None
    await scene.control("faults", kind="technical_error", api="subscribed_services", count=None)

    await scene.exchange.exchange(consent.id)
    await scene.exchange.exchange(consent.id, consent.taken_at + OUTAGE_PATIENCE - timedelta(hours=1))
    during = await scene.outcome(consent)
    await scene.exchange.exchange(consent.id, consent.taken_at + OUTAGE_PATIENCE)

    ended = await scene.outcome(consent)
    assert ConsentStatus.EXCHANGING is during.status
    assert (ConsentStatus.FAILED, "provider_unavailable") == (ended.status, ended.error_code)


async def test_what_only_the_operator_can_mend_ends_it_at_once(scene: Scene) -> None:
    await scene.control("settings", unsubscribed_apis=["subscribed_services"])
    consent = await scene.come_back()

    await scene.exchange.exchange(consent.id)

    assert "provider_not_subscribed" == (await scene.outcome(consent)).error_code


async def test_a_consent_that_waits_is_enqueued_ever_more_rarely(scene: Scene) -> None:
    """Sweeps run every two seconds; if each of them called Enedis, one late consent would use up the quota."""
    await scene.control("settings", services_delay_seconds=3600)
    now = datetime.now(UTC)
    consent = await scene.come_back(taken=now - timedelta(minutes=4))

    enqueued = [await sweep(scene.resources) for _ in range(3)]
    await scene.exchange.exchange(consent.id, now)
    soon = await scene.resources.grants.stale_exchanges(now + timedelta(minutes=1, seconds=50))
    later = await scene.resources.grants.stale_exchanges(now + timedelta(minutes=2, seconds=10))

    assert [1, 0, 0] == enqueued
    assert ([], [consent.id]) == (soon, later)


async def test_an_unknown_consent_is_nothing_to_do(scene: Scene) -> None:
    await scene.exchange.exchange("cons_unknown")

    assert 0 == await scene.asked()


async def test_points_that_no_key_opens_any_more_end_it_with_a_new_start(scene: Scene) -> None:
    consent = await scene.come_back(page="v1")
    async with scene.resources.database.transaction() as connection:
        await connection.execute(update(consents).values(prms_sealed=bytes(1)))

    await scene.exchange.exchange(consent.id)

    assert "state_refused" == (await scene.outcome(consent)).error_code
