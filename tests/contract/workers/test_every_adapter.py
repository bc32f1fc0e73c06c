"""The contract of every adapter with the use cases, `workers.upstream.port.Provider`, tested over real HTTP."""

import asyncio
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from shared.core.calendar import day_of
from shared.core.datasets import DATASETS
from shared.core.errors import (
    NoSlotYet,
    ProviderApiMissing,
    ProviderError,
    ProviderThrottled,
    ProviderTokenRejected,
    ProviderUnavailable,
)
from shared.jobs.models import Lane
from shared.readings.encoding import DAY_STEP, step_seconds
from tests.contract.workers.cases import CASES
from tests.contract.workers.conftest import Bench
from tests.support.cases import case
from tests.support.loopback import Reply
from workers.registry import ADAPTERS
from workers.upstream.port import FetchRequest

pytestmark = pytest.mark.anyio

SERIES = sorted(name for name, dataset in DATASETS.items() if dataset.is_series and dataset.available)
RECORDS = sorted(name for name, dataset in DATASETS.items() if not dataset.is_series and dataset.available)


def test_every_adapter_has_recorded_answers() -> None:
    assert set(ADAPTERS) == {case.adapter for case in CASES.values()}


def test_every_series_of_the_catalogue_has_an_adapter_with_a_recorded_answer() -> None:
    served_by = {name: DATASETS[name].provider for name in SERIES}

    assert served_by == {name: case.adapter for case in CASES.values() for name in case.answers}


def test_every_record_of_the_catalogue_has_an_adapter_with_a_recorded_answer() -> None:
    served_by = {name: DATASETS[name].provider for name in RECORDS}

    assert served_by == {name: case.adapter for case in CASES.values() for name in case.records}


async def test_an_adapter_bears_the_name_that_it_is_registered_under(bench: Bench) -> None:
    assert bench.name == bench.adapter.name


async def test_each_dataset_is_read_as_instants_within_the_days_asked_for(bench: Bench) -> None:
    for dataset, answer in bench.case.answers.items():
        with case(dataset):
            await bench.start_again()
            bench.will_answer(Reply(answer.body))

            readings = await bench.adapter.fetch_readings(bench.request(dataset))

            assert answer.readings == len(readings)
            assert {UTC} == {reading.start.tzinfo for reading in readings}
            assert all(answer.days.start <= day_of(reading.start) < answer.days.end for reading in readings)
            assert len(readings) == len({reading.start for reading in readings})
            assert all(reading.step == DAY_STEP or step_seconds(reading.step) > 0 for reading in readings)
            assert {int} == {type(reading.value) for reading in readings}


async def test_one_request_is_one_call_with_the_days_and_the_token(bench: Bench) -> None:
    bench.will_answer(Reply(bench.recorded().body))

    await bench.adapter.fetch_readings(bench.request())

    (call,) = bench.provider.received
    asked = bench.request()
    texts = set(call.query.values())
    assert {asked.prm, asked.days.start.isoformat(), asked.days.end.isoformat()} <= texts
    assert "Bearer token-of-the-test" == call.headers["authorization"]


async def test_a_content_type_that_lies_changes_nothing(bench: Bench) -> None:
    bench.will_answer(Reply(bench.recorded().body, headers={"content-type": "application/octet-stream"}))

    assert bench.recorded().readings == len(await bench.adapter.fetch_readings(bench.request()))


async def test_each_record_is_a_mapping_of_plain_json(bench: Bench) -> None:
    for dataset in RECORDS:
        with case(dataset):
            await bench.start_again()
            bench.will_answer(*(Reply(body) for body in bench.case.records[dataset][1]))

            record = await bench.adapter.fetch_record(bench.record_request(dataset))

            assert record == json.loads(json.dumps(record, allow_nan=False))
            assert any(fact is not None for fact in record.values())
            assert len(bench.case.records[dataset][1]) == len(bench.provider.received)


async def test_a_record_that_is_not_readable_is_no_record(bench: Bench) -> None:
    for dataset in RECORDS:
        with case(dataset):
            await bench.start_again()
            bench.will_answer(Reply(content=b"<html>"))

            with pytest.raises(ProviderUnavailable):
                await bench.adapter.fetch_record(bench.record_request(dataset))


async def test_what_a_generation_does_not_have_costs_no_call(bench: Bench) -> None:
    for dataset in sorted(set(SERIES) - set(bench.case.answers)):
        with case(dataset):
            asked = FetchRequest(bench.request().prm, DATASETS[dataset], bench.request().days, Lane.BULK)

            with pytest.raises(ProviderApiMissing):
                await bench.adapter.fetch_readings(asked)

    assert [] == bench.provider.received


async def test_a_consent_is_exchanged_for_the_points_that_it_opened(bench: Bench) -> None:
    bench.will_answer(Reply(bench.case.services))
    if bench.case.authorisation_id is None:
        pytest.skip("its consents name their points themselves")

    points = await bench.adapter.fetch_granted_points(bench.case.authorisation_id)

    assert bench.case.granted == tuple(point.prm for point in points)
    assert all(point.directions for point in points)


async def test_a_consent_is_not_exchanged_for_what_another_one_opened(bench: Bench) -> None:
    bench.will_answer(Reply(bench.case.services))
    if bench.case.authorisation_id is None:
        pytest.skip("its consents name their points themselves")

    assert [] == list(await bench.adapter.fetch_granted_points(bench.case.authorisation_id + 1))


async def test_an_outage_is_worth_another_try_and_a_refusal_is_not(bench: Bench) -> None:
    bench.will_answer(bench.case.outage, bench.case.refusal)

    with pytest.raises(ProviderUnavailable):
        await bench.adapter.fetch_readings(bench.request())
    with pytest.raises(ProviderError) as refusal:
        await bench.adapter.fetch_readings(bench.request())

    assert not refusal.value.retryable


async def test_the_token_is_fetched_once_for_many_calls_of_many_workers(bench: Bench) -> None:
    bench.will_answer(Reply(bench.recorded().body))
    adapters = [bench.adapter, await bench.another(), await bench.another()]

    await asyncio.gather(*(adapter.fetch_readings(bench.request()) for adapter in adapters for _ in range(4)))

    assert 12 == len(bench.provider.received)
    assert 1 == len(bench.provider.token_requests)


async def test_a_token_that_is_refused_is_renewed_once_and_the_call_made_again(bench: Bench) -> None:
    bench.will_answer(bench.case.unauthorized, Reply(bench.recorded().body))

    readings = await bench.adapter.fetch_readings(bench.request())

    assert bench.recorded().readings == len(readings)
    assert (2, 2) == (len(bench.provider.received), len(bench.provider.token_requests))


async def test_a_token_that_is_refused_again_ends_the_call(bench: Bench) -> None:
    bench.will_answer(bench.case.unauthorized)

    with pytest.raises(ProviderTokenRejected):
        await bench.adapter.fetch_readings(bench.request())

    assert (2, 2) == (len(bench.provider.received), len(bench.provider.token_requests))


async def test_a_provider_that_wants_to_be_left_alone_is_left_alone_by_every_worker(bench: Bench) -> None:
    moment = datetime.now(UTC).replace(microsecond=0) + timedelta(hours=1)
    bench.will_answer(bench.case.throttled_until(moment))
    neighbour = await bench.another()
    begun = datetime.now(UTC)

    with pytest.raises(ProviderThrottled) as throttled:
        await bench.adapter.fetch_readings(bench.request())
    for lane in Lane:
        with pytest.raises(NoSlotYet) as refused:
            await neighbour.fetch_readings(replace(bench.request(), lane=lane))
        assert refused.value.retry_at is not None
        # Never earlier; and later by at most the time that notifying and querying the others took.
        assert moment <= refused.value.retry_at <= moment + (datetime.now(UTC) - begun)

    assert moment == throttled.value.retry_at
    assert 1 == len(bench.provider.received)


async def test_a_call_that_has_no_slot_does_not_reach_the_provider(bench: Bench) -> None:
    bench.will_answer(Reply(bench.recorded().body))
    narrow = await bench.another(**{bench.case.per_hour_setting: 2})

    await narrow.fetch_readings(bench.request())
    await narrow.fetch_readings(bench.request())
    with pytest.raises(NoSlotYet):
        await narrow.fetch_readings(bench.request())

    assert 2 == len(bench.provider.received)
