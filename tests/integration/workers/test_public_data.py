"""Public data, requested from the simulated RTE over real HTTP; the test sets the time of day."""

import asyncio
import math
from collections.abc import AsyncIterator, Iterator, Mapping
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from typing import Any

import pytest
import time_machine
from pydantic import SecretStr

from shared.config.settings import Settings
from shared.core.calendar import ONE_DAY, PARIS, DayRange, day_of
from shared.core.errors import ProviderNotSubscribed, ProviderThrottled, ProviderUnavailable
from shared.core.public_datasets import ECOWATT, TEMPO, PublicDataset
from shared.jobs.task_queue import TaskName
from shared.public_data.polling_schedule import LONGEST_REST_OF_HISTORY, history_days, next_day
from shared.public_data.store import PublicDayStore
from shared.quota.pacer import Pacer, Quota
from shared.resources import Resources, open_resources
from tests.support.patience import PATIENCE_SECONDS
from tests.support.simulated_enedis import SimulatedEnedis
from workers.processes import create_worker
from workers.providers.rte.adapter import Rte, token_fetcher
from workers.providers.rte.open_data import RteOpenData
from workers.public_data import PublicData
from workers.upstream.access_tokens import TokenStore
from workers.upstream.http_client import ProviderClient, open_http
from workers.upstream.port import PublicProvider

pytestmark = pytest.mark.anyio

UNLIMITED = Quota(1000, 100_000, 100_000)
MINUTE = timedelta(minutes=1)


@pytest.fixture(autouse=True)
def noon() -> Iterator[None]:
    """Noon of the day on which the test starts: no midnight and no clock change occurs during the test."""
    with time_machine.travel(at("12:00")):
        yield


@pytest.fixture
def rte_settings(noon: None, settings: Settings, enedis: SimulatedEnedis) -> Settings:
    """Settings of a gateway registered at the simulated RTE; tomorrow's colour is published from midnight on."""
    enedis.set(tempo_publication_time="00:00", tempo_tomorrow_published=True, ecowatt_pause_seconds=0)
    enedis.set(tempo_colours={}, ecowatt_levels={}, unsubscribed_apis=[])
    changes: dict[str, Any] = {
        "rte_base_url": enedis.base_url,
        "rte_open_data_url": enedis.base_url,
        "rte_client_id": settings.enedis_client_id,
        "rte_client_secret": SecretStr("not-a-secret"),
    }
    return settings.model_copy(update=changes)


@pytest.fixture
async def resources(rte_settings: Settings) -> AsyncIterator[Resources]:
    """A worker's stores."""
    async with open_resources(rte_settings) as opened:
        yield opened


@pytest.fixture
def store(resources: Resources) -> PublicDayStore:
    """The store of the days."""
    return resources.public_days


@pytest.fixture
async def providers(resources: Resources) -> AsyncIterator[dict[str, PublicProvider]]:
    """The adapters, without a rate limit."""
    settings = resources.settings
    async with open_http(PATIENCE_SECONDS) as http:
        fetch_token = token_fetcher(settings.rte_base_url, settings.rte_client_id, "not-a-secret")
        pacer, tokens = Pacer(resources.redis, "rte", UNLIMITED), TokenStore(resources.redis, resources.server, "rte")
        archive = RteOpenData(http, settings.rte_open_data_url, Pacer(resources.redis, "rte_open_data", UNLIMITED))
        yield {
            "rte": Rte(ProviderClient(http, settings.rte_base_url, pacer, tokens, fetch_token)),
            "rte_open_data": archive,
        }


@pytest.fixture
def public_data(resources: Resources, providers: dict[str, PublicProvider]) -> PublicData:
    """The use case."""
    return PublicData(resources, providers)


def today() -> date:
    """The simulator's today."""
    return day_of(datetime.now(UTC))


def at(clock: str) -> datetime:
    """A time of today in Paris."""
    return datetime.combine(today(), time.fromisoformat(clock), PARIS).astimezone(UTC)


async def look(public_data: PublicData, now: datetime, by_hand: str | None = None) -> list[tuple[str, DayRange]]:
    """Run a worker's check of each minute; returns the calls it made."""
    turns = await public_data.take_turns(now, by_hand)
    await public_data.fetch(turns)
    return [(turn.source, turn.days) for turn in turns]


async def colour(store: PublicDayStore, day: date) -> Any:
    """The stored colour of a day; raises KeyError when there is no document."""
    return (await store.load_days("tempo", DayRange(day, day + ONE_DAY)))[day]["colour"]


async def test_a_fresh_gateway_has_a_year_of_colours_and_the_signals_at_once(
    public_data: PublicData, store: PublicDayStore, enedis: SimulatedEnedis
) -> None:
    calls = await look(public_data, at("12:00"))

    year, week = DayRange(today() - 364 * ONE_DAY, today() + 2 * ONE_DAY), DayRange(today(), today() + 4 * ONE_DAY)
    assert [("tempo", year), ("ecowatt", DayRange(today() - ONE_DAY, week.end))] == calls[:2]
    colours = {day.isoformat(): each["colour"] for day, each in (await store.load_days("tempo", year)).items()}
    levels = {day.isoformat(): each["level"] for day, each in (await store.load_days("ecowatt", week)).items()}
    assert enedis.rte_days("tempo", year.start, year.end) == colours
    assert enedis.rte_days("ecowatt", week.start, week.end) == levels


async def test_of_two_workers_at_the_same_moment_one_asks(
    resources: Resources, providers: dict[str, PublicProvider], enedis: SimulatedEnedis
) -> None:
    async with open_resources(resources.settings) as elsewhere:
        workers = [PublicData(resources, providers), PublicData(elsewhere, providers)]
        await asyncio.gather(*(look(worker, at("12:00")) for worker in workers))

    assert (1, 1) == (len(enedis.calls("tempo")), len(enedis.calls("ecowatt")))


async def test_a_gateway_that_begins_anew_keeps_the_pauses(
    public_data: PublicData, resources: Resources, providers: dict[str, PublicProvider], enedis: SimulatedEnedis
) -> None:
    await look(public_data, at("12:00"))
    # The pauses survive the loss of Redis's data.
    await resources.redis.flushall()
    again = PublicData(resources, providers)

    assert [] == [call for call in await look(again, at("12:14")) if "history" not in call[0]]
    assert [] == [call for call in await look(again, at("12:14"), by_hand="ecowatt") if call[0] == "ecowatt"]
    assert [] == await look(again, at("12:29"), by_hand="tempo")


async def test_by_hand_it_is_asked_when_the_pause_allows_due_or_not(
    public_data: PublicData, enedis: SimulatedEnedis
) -> None:
    await look(public_data, at("12:00"))

    calls = await look(public_data, at("12:15"), by_hand="ecowatt")

    assert ["ecowatt"] == [source for source, _ in calls]
    assert 2 == len(enedis.calls("ecowatt"))


async def test_the_past_is_fetched_one_call_a_turn_the_newest_first_and_then_never_again(
    public_data: PublicData, store: PublicDayStore, enedis: SimulatedEnedis
) -> None:
    now, calls = at("12:00"), []
    # The past grows by a day each day, and with it the number of turns.
    while (of_this_turn := await look(public_data, now)) and any("/history" in source for source, _ in of_this_turn):
        calls += of_this_turn
        now += 30 * MINUTE

    colours, signals = history_days(TEMPO, now), history_days(ECOWATT, now)
    assert colours is not None
    assert signals is not None
    asked = [days for source, days in calls if source == "tempo/history"]
    assert TEMPO.span_days is not None
    # The minimum number of calls.
    calls_needed = math.ceil(colours.days / TEMPO.span_days)
    assert (calls_needed, colours.end, colours.start) == (len(asked), asked[0].end, asked[-1].start)
    assert all(after.end == before.start for before, after in pairwise(asked))
    assert ([], []) == (await store.missing_days("tempo", colours), await store.missing_days("ecowatt", signals))
    stored = {day.isoformat(): each["colour"] for day, each in (await store.load_days("tempo", colours)).items()}
    assert enedis.rte_days("tempo", colours.start, colours.end) == stored
    assert await colour(store, date(2022, 12, 28)) is None
    first = await store.load_days("ecowatt", DayRange(ECOWATT.oldest_day, ECOWATT.oldest_day + ONE_DAY))
    assert "\N{RIGHT SINGLE QUOTATION MARK}" in first[ECOWATT.oldest_day]["message"]
    assert ["ecowatt"] == [source for source, _ in await look(public_data, now + 30 * MINUTE)]


async def test_what_the_signals_said_is_not_replaced_by_the_open_data(
    public_data: PublicData, store: PublicDayStore
) -> None:
    day = today() - 10 * ONE_DAY
    said = {"level": 3, "message": "said", "hours": {"0": 3}, "generated_at": None}
    await store.save_days("ecowatt", {day: said}, at("12:00"))

    assert "ecowatt/history" in [source for source, _ in await look(public_data, at("12:00"))]
    found = await store.load_days("ecowatt", DayRange(day - ONE_DAY, day + ONE_DAY))
    assert said == found[day]
    assert "said" != found[day - ONE_DAY]["message"]


async def test_tomorrow_that_is_not_published_is_unknown_and_no_failure(
    public_data: PublicData, store: PublicDayStore, enedis: SimulatedEnedis
) -> None:
    enedis.break_calls(api="tempo", code="TMPLIKSUPCON_TMPLIKCAL_F04")

    await look(public_data, at("07:00"))

    assert 2 == len(enedis.calls("tempo"))
    assert (await store.load_source("tempo")).failure is None
    assert await colour(store, today())
    with pytest.raises(KeyError):
        await colour(store, today() + ONE_DAY)


async def test_a_colour_that_is_changed_before_it_binds_is_read_again(
    public_data: PublicData, store: PublicDayStore, enedis: SimulatedEnedis
) -> None:
    tomorrow = today() + ONE_DAY
    enedis.set(tempo_colours={tomorrow.isoformat(): "RED"})
    await look(public_data, at("07:00"))
    enedis.set(tempo_colours={tomorrow.isoformat(): "WHITE"})

    assert "tempo" not in [source for source, _ in await look(public_data, at("10:40"))]
    assert "RED" == await colour(store, tomorrow)
    assert "tempo" in [source for source, _ in await look(public_data, at("10:56"))]
    assert "WHITE" == await colour(store, tomorrow)


async def test_a_colour_is_taken_back_as_long_as_it_does_not_bind(
    public_data: PublicData, store: PublicDayStore, enedis: SimulatedEnedis
) -> None:
    days = [today(), today() + ONE_DAY]
    enedis.set(tempo_colours={day.isoformat(): "WHITE" for day in days})
    await look(public_data, at("07:00"))
    enedis.set(tempo_colours={day.isoformat(): None for day in days})
    await look(public_data, at("10:56"))

    assert ["WHITE", None] == [await colour(store, day) for day in days]


async def test_an_api_that_is_not_subscribed_to_rests_until_the_next_day_and_the_other_goes_on(
    public_data: PublicData, store: PublicDayStore, enedis: SimulatedEnedis
) -> None:
    enedis.set(unsubscribed_apis=["tempo"])
    await look(public_data, at("12:00"))
    enedis.set(unsubscribed_apis=[])

    source = await store.load_source("tempo")
    assert (ProviderNotSubscribed.code, next_day(at("12:00"))) == (source.failure, source.not_before)
    later = [source for source, _ in await look(public_data, at("23:00"))]
    assert ("ecowatt" in later, "tempo" in later, "tempo/history" in later) == (True, False, False)
    # The cause is fixed.
    assert ["tempo"] == [source for source, _ in await look(public_data, at("23:01"), by_hand="tempo")]
    assert (await store.load_source("tempo")).failure is None


async def test_an_outage_makes_pauses_grow_and_what_is_stored_is_kept(
    public_data: PublicData, store: PublicDayStore, enedis: SimulatedEnedis
) -> None:
    await look(public_data, at("07:00"))
    enedis.break_calls(api="tempo", code="COMMON_ERROR_T03", count=None)

    asked, now = [], at("11:30")
    while now < at("19:00"):
        asked += [now] * ("tempo" in [source for source, _ in await look(public_data, now)])
        now += 10 * MINUTE

    assert [at(clock) for clock in ("11:30", "12:00", "13:00", "15:00", "17:00")] == asked
    assert ProviderUnavailable.code == (await store.load_source("tempo")).failure
    assert await colour(store, today() + ONE_DAY)
    enedis.mend()
    assert "tempo" in [source for source, _ in await look(public_data, now)]
    assert (await store.load_source("tempo")).failure is None


async def test_a_used_up_quota_is_waited_for_also_by_hand(
    public_data: PublicData, store: PublicDayStore, enedis: SimulatedEnedis
) -> None:
    await look(public_data, at("12:00"))
    # The simulator uses its own clock, on which no time has passed.
    enedis.set(ecowatt_pause_seconds=900)
    await look(public_data, at("12:30"))

    source = await store.load_source("ecowatt")
    assert ProviderThrottled.code == source.failure
    assert source.not_before is not None
    assert datetime.now(UTC) < source.not_before <= datetime.now(UTC) + 16 * MINUTE


async def test_a_gateway_that_is_no_application_of_rte_asks_nobody(resources: Resources) -> None:
    assert [] == await PublicData(resources, {}).take_turns(at("12:00"))


class Silent:
    """A provider without data. Implements `workers.upstream.port.PublicProvider`."""

    name = "silent"

    async def fetch_days(self, dataset: PublicDataset, days: DayRange) -> Mapping[date, Mapping[str, Any]]:
        """Return no day."""
        return {}


async def test_an_answer_about_no_day_at_all_is_a_failure(resources: Resources, store: PublicDayStore) -> None:
    await look(PublicData(resources, {"rte": Silent(), "rte_open_data": Silent()}), at("12:00"))

    assert ["provider_garbage"] * 2 == [(await store.load_source(each)).failure for each in ("tempo", "ecowatt")]
    assert await store.load_extent("tempo") is None


async def test_that_nobody_has_the_past_is_believed_when_it_is_said_for_long(
    resources: Resources, providers: dict[str, PublicProvider], store: PublicDayStore
) -> None:
    public_data = PublicData(resources, providers | {"rte_open_data": Silent()})
    now, asked, span = at("12:00"), 0, None
    while now < at("12:00") + 5 * LONGEST_REST_OF_HISTORY:
        turns = [turn for turn in await public_data.take_turns(now) if turn.source == "ecowatt/history"]
        await public_data.fetch(turns)
        asked, span = asked + len(turns), (turns[0].days if turns else span)
        if await store.load_extent("ecowatt"):
            break
        now += 120 * MINUTE

    assert span is not None
    assert 4 < asked < 15
    stored = await store.load_days("ecowatt", span)
    assert (100, [ECOWATT.nothing]) == (len(stored), [*{str(each): each for each in stored.values()}.values()])


async def test_the_task_asks_and_the_queue_can_be_told_to(rte_settings: Settings, enedis: SimulatedEnedis) -> None:
    celery, runtime = create_worker(rte_settings)
    await asyncio.to_thread(runtime.start)
    try:
        await asyncio.to_thread(celery.tasks[TaskName.PUBLIC_DATA])
        await asyncio.to_thread(celery.tasks[TaskName.PUBLIC_DATA], "tempo")
    finally:
        await asyncio.to_thread(runtime.stop)

    assert (1, 1) == (len(enedis.calls("tempo")), len(enedis.calls("ecowatt")))
