"""The adapters of both generations, as a worker builds them, with the simulated Enedis and all its faults.

For any invalid response, an adapter returns correct data, or raises an error with the reason.
"""

from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import UTC, date, datetime
from itertools import pairwise, product
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from shared.config.settings import Settings
from shared.core.calendar import DayRange
from shared.core.datasets import DATASETS
from shared.core.errors import (
    AppError,
    ConsentLost,
    ProviderApiMissing,
    ProviderError,
    ProviderGarbage,
    ProviderNotSubscribed,
    ProviderThrottled,
    ProviderUnavailable,
)
from shared.jobs.models import Lane
from shared.readings.models import Reading
from shared.resources import open_resources
from simulator.app import create_app
from simulator.clock import ManualClock
from simulator.config import SimulatorSettings
from simulator.error_catalogue import known_errors
from simulator.known_points import HOUSEHOLDS
from tests.support.loopback import served
from tests.support.patience import PATIENCE_SECONDS, PROVIDER_PATIENCE_SECONDS
from workers.providers.enedis.errors import ERRORS
from workers.registry import ADAPTERS
from workers.upstream.http_client import open_http
from workers.upstream.port import FetchRequest, Provider, RecordRequest

pytestmark = pytest.mark.anyio

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
HOUSE, NIGHT, SOLAR, PRODUCER, COMPANY = (f"99000000000{last}" for last in ("011", "022", "033", "077", "132"))
AUTUMN = DayRange(date(2026, 10, 23), date(2026, 10, 28))
GENERATIONS = ["2026", "v5"]
both = pytest.mark.parametrize("generation", GENERATIONS)
SHARED_SERIES = sorted(name for name, dataset in DATASETS.items() if dataset.is_series and not name.endswith("_index"))
RECORDS = sorted(name for name, dataset in DATASETS.items() if not dataset.is_series)


@dataclass
class Stage:
    """The simulator, and adapters that call it."""

    settings: Settings
    control: httpx.Client
    stack: AsyncExitStack

    async def adapter(self, generation: str) -> Provider:
        update: dict[str, Any] = {"enedis_api": generation, "enedis_per_second": 10_000, "enedis_per_hour": 100_000}
        update |= {"enedis_per_hour_v5": 100_000, "enedis_timeout_seconds": PROVIDER_PATIENCE_SECONDS}
        settings = self.settings.model_copy(update=update)
        resources = await self.stack.enter_async_context(open_resources(settings))
        http = await self.stack.enter_async_context(open_http(settings.enedis_timeout_seconds))
        return ADAPTERS["enedis"](resources, http)

    def arm(self, **fault: Any) -> None:
        self.control.post("/control/faults", json=fault).raise_for_status()

    def begin(self) -> None:
        """Reset the calls and the faults."""
        self.control.delete("/control/calls")
        self.control.delete("/control/faults")

    def set(self, **conditions: Any) -> None:
        self.control.post("/control/settings", json=conditions).raise_for_status()

    def calls(self) -> list[str]:
        return [call["path"] for call in self.control.get("/control/calls").json() if call["api"] != "token"]


@pytest.fixture(scope="module")
def enedis() -> Iterator[str]:
    simulated = SimulatorSettings(
        client_id="application-under-test",
        client_secret=SecretStr("not-a-secret"),
        redirect_uri="http://gateway.test/oauth/callback",
        per_second=10_000,
        per_hour=100_000,
        per_hour_v5=100_000,
    )
    with (
        served(create_app(simulated, ManualClock(NOW))) as base_url,
        httpx.Client(base_url=base_url, timeout=PATIENCE_SECONDS) as control,
    ):
        for prm in HOUSEHOLDS:
            control.post("/control/consents", json={"usage_point_id": prm}).raise_for_status()
        yield base_url


@pytest.fixture
def control(enedis: str) -> Iterator[httpx.Client]:
    """The simulator's control API; changes are reset afterwards."""
    with httpx.Client(base_url=enedis, timeout=PATIENCE_SECONDS) as client:
        client.delete("/control/calls")
        yield client
        client.delete("/control/faults")
        client.post("/control/settings", json={"unsubscribed_apis": [], "stopped_generations": []})


@pytest.fixture
async def stage(enedis: str, control: httpx.Client, settings: Settings) -> AsyncIterator[Stage]:
    async with AsyncExitStack() as stack:
        yield Stage(settings.model_copy(update={"enedis_base_url": enedis}), control, stack)


def request(dataset: str, prm: str = HOUSE, days: DayRange = AUTUMN) -> FetchRequest:
    return FetchRequest(prm, DATASETS[dataset], days, Lane.INTERACTIVE)


def record_request(dataset: str, prm: str = HOUSE) -> RecordRequest:
    return RecordRequest(prm, DATASETS[dataset], Lane.INTERACTIVE)


async def outcome(adapter: Provider, asked: FetchRequest) -> list[Reading] | type[AppError]:
    try:
        return list(await adapter.fetch_readings(asked))
    except AppError as error:
        return type(error)


async def test_both_generations_read_the_same_of_every_household(stage: Stage) -> None:
    newer, older = await stage.adapter("2026"), await stage.adapter("v5")

    for prm, dataset in product(HOUSEHOLDS, SHARED_SERIES):
        found = await outcome(newer, request(dataset, prm))

        assert found == await outcome(older, request(dataset, prm)), (prm, dataset)
        assert isinstance(found, type) or found or prm == "99000000000066", (prm, dataset)


async def test_both_generations_tell_the_same_of_every_household(stage: Stage) -> None:
    newer, older = await stage.adapter("2026"), await stage.adapter("v5")

    for prm, dataset in product((HOUSE, SOLAR, NIGHT, PRODUCER, COMPANY), RECORDS):
        one = await newer.fetch_record(record_request(dataset, prm))
        other = await older.fetch_record(record_request(dataset, prm))

        assert set(one) == set(other), (prm, dataset)
        shared = {name for name in one if one[name] is not None and other[name] is not None} - {"absent", "production"}
        wording = {"distribution_tariff", "services_level"}
        assert {name for name in shared if one[name] != other[name]} <= wording, (prm, dataset)
        assert len(shared) >= (1 if prm == PRODUCER else 2), (prm, dataset)


async def test_registers_agree_with_the_energy_of_the_days(stage: Stage) -> None:
    adapter = await stage.adapter("2026")

    energies = await adapter.fetch_readings(request("daily_consumption", NIGHT))
    registers = await adapter.fetch_readings(request("consumption_index", NIGHT))

    totals = [reading.value for reading in registers]
    assert [energy.value for energy in energies][:-1] == [after - before for before, after in pairwise(totals)]
    assert all(sum((reading.registers or {}).values()) == reading.value for reading in registers)
    assert {"HC", "HP"} == set(registers[0].registers or {})


UNHARMED = ["octet_stream", "number_values", "duplicates", "longer"]
HOLED = ["missing_points", "null_values"]
EMPTY = ["empty_points", "no_data"]
REFUSED = {
    "technical_error": ProviderUnavailable,
    "html": ProviderUnavailable,
    "plain_text": ProviderUnavailable,
    "empty": ProviderGarbage,
    "truncated": ProviderGarbage,
    "wrong_point": ProviderGarbage,
}


@both
@pytest.mark.parametrize("dataset", ["daily_consumption", "consumption_load_curve", "daily_consumption_max_power"])
async def test_every_fault_ends_in_what_is_so_or_in_an_error(stage: Stage, generation: str, dataset: str) -> None:
    adapter = await stage.adapter(generation)
    whole = await outcome(adapter, request(dataset))
    assert isinstance(whole, list)
    # With successes in between: too many consecutive failures would open the circuit breaker.
    failures = list(REFUSED)
    faults = [*failures[:3], *UNHARMED, *HOLED, *EMPTY, "unsorted", *failures[3:]]
    found = {}
    for kind in faults:
        stage.arm(kind=kind)
        found[kind] = await outcome(adapter, request(dataset))

    nothing: list[Reading] = []
    expected = {**dict.fromkeys(UNHARMED, whole), **dict.fromkeys(EMPTY, nothing), **REFUSED}
    assert expected == {kind: found[kind] for kind in expected}
    for kind in [*HOLED, "unsorted"]:
        readings = found[kind]
        assert isinstance(readings, list)
        assert [] == [reading for reading in readings if reading not in whole]
        # Without one point in five, and without the four of the repeated hour.
        assert len(readings) >= (len(whole) if kind == "unsorted" else len(whole) * 4 // 5) - 4
        assert kind == "unsorted" or len(readings) < len(whole)


async def test_an_answer_without_its_quantities_is_nothing_or_refused_but_never_a_reading(stage: Stage) -> None:
    stage.arm(kind="no_quantity", count=2)

    assert [] == await outcome(await stage.adapter("2026"), request("daily_consumption"))
    assert ProviderGarbage is await outcome(await stage.adapter("v5"), request("daily_consumption"))


@both
async def test_every_code_of_the_table_ends_in_its_leaf_after_one_call(stage: Stage, generation: str) -> None:
    adapter = await stage.adapter(generation)
    page_only = {"missing_parameter", "invalid_duration_format", "maximum_duration_exceeded", "access_denied"}
    token_only = {"invalid_client", "invalid_grant", "900901", "900902", "lincs-internal-server-error"}
    closing = {"900804", "900807", "429"}
    for code in sorted({known.code for known in known_errors(NOW)} - page_only - token_only - closing):
        stage.begin()
        stage.arm(code=code, count=8)

        found = await outcome(adapter, request("daily_consumption"))
        calls = stage.calls()

        leaf: type[ProviderError] = ERRORS[code].leaf if code in ERRORS else ProviderUnavailable
        assert (leaf if leaf.code != "no_measure" else []) == found, code
        # One call, and one for each day into which the period is split.
        assert len(calls) <= (4 if code in ("ADAM-DC-0015", "ADAM-ERR0126") else 1), code


@both
async def test_a_period_that_is_too_long_is_asked_for_in_halves(stage: Stage, generation: str) -> None:
    adapter = await stage.adapter(generation)
    whole = await outcome(adapter, request("consumption_load_curve"))
    stage.arm(code="ADAM-ERR0126")

    assert whole == await outcome(adapter, request("consumption_load_curve"))
    assert 4 == len(stage.calls())


@both
async def test_a_used_up_quota_closes_the_generation_s_api(stage: Stage, generation: str) -> None:
    stage.arm(code="900804")

    assert ProviderThrottled is await outcome(await stage.adapter(generation), request("daily_consumption"))


async def test_without_the_meter_s_api_a_contract_says_so(stage: Stage) -> None:
    stage.set(unsubscribed_apis=["comptage_auto"])

    contract = await (await stage.adapter("2026")).fetch_record(record_request("contract", NIGHT))

    assert "api_not_subscribed" == contract["absent"]["offpeak_hours"] == contract["absent"]["meter_type"]
    assert contract["subscribed_power"]["unit"] == "kVA"


async def test_a_part_of_a_contract_that_fails_once_is_asked_again_and_then_done_without(stage: Stage) -> None:
    adapter = await stage.adapter("2026")
    stage.arm(kind="technical_error", api="comptage_auto")
    once = await adapter.fetch_record(record_request("contract", NIGHT))
    stage.arm(kind="html", api="comptage_auto", count=2)
    twice = await adapter.fetch_record(record_request("contract", NIGHT))

    assert "HC (22H30-6H30)" == once["offpeak_hours"]
    assert "provider_error" == twice["absent"]["offpeak_hours"]


async def test_without_the_situation_there_is_no_contract(stage: Stage) -> None:
    stage.set(unsubscribed_apis=["situation_contrat_auto"])

    with pytest.raises(ProviderNotSubscribed):
        await (await stage.adapter("2026")).fetch_record(record_request("contract"))


@both
async def test_a_record_of_a_point_that_is_not_shared_is_a_matter_of_consent(stage: Stage, generation: str) -> None:
    adapter = await stage.adapter(generation)

    for dataset in RECORDS:
        with pytest.raises(ConsentLost):
            await adapter.fetch_record(record_request(dataset, "99000000000999"))


async def test_auto_asks_v5_where_2026_is_not_subscribed_and_2026_where_v5_has_ended(stage: Stage) -> None:
    adapter = await stage.adapter("auto")
    stage.set(unsubscribed_apis=["mesure_synchrone_auto", "situation_contrat_auto"])
    readings = await outcome(adapter, request("consumption_load_curve"))
    contract = await adapter.fetch_record(record_request("contract"))
    await outcome(adapter, request("daily_consumption"))
    stage.set(unsubscribed_apis=[], stopped_generations=["v5"])
    ended = await outcome(adapter, request("daily_consumption"))

    assert readings == await outcome(await stage.adapter("2026"), request("consumption_load_curve"))
    assert "SERVC" == contract["status"]
    assert isinstance(ended, list)
    assert len(ended) == AUTUMN.days
    assert [
        "/mesure_synchrone_auto/v2/courbe_de_charge_consommation",
        "/metering_data_clc/v5/consumption_load_curve",
        "/situation_contrat_auto/v1/99000000000011",
        "/customers_upc/v5/usage_points/contracts",
        "/metering_data_dc/v5/daily_consumption",
        "/metering_data_dc/v5/daily_consumption",
        "/mesure_synchrone_auto/v2/consommation_quotidienne",
    ] == stage.calls()[:7]


@both
async def test_a_generation_that_has_ended_never_says_that_there_is_no_measure(stage: Stage, generation: str) -> None:
    stage.set(stopped_generations=[generation])

    assert ProviderApiMissing is await outcome(await stage.adapter(generation), request("daily_consumption"))
