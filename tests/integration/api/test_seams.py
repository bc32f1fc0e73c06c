"""Extensions need little code: a provider and its dataset, added here, are requested end to end."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from shared.consents.models import GrantedPoint, UsagePoint
from shared.core.calendar import day_of, day_start, days_between
from shared.core.datasets import DATASETS, Dataset, Quantity, WindowKind
from shared.core.errors import NoMeasure
from shared.jobs.models import CallTicket
from shared.readings.models import Reading
from tests.support.api_gateway import PRM, Person, Stage
from workers import registry
from workers.fetching.fetcher import Fetcher
from workers.upstream.port import FetchRequest, RecordRequest

pytestmark = pytest.mark.anyio

WATER = Dataset(
    name="daily_water",
    title="Water used each day",
    provider="waterworks",
    window=WindowKind.MONTH,
    quantity=Quantity.ENERGY,
    unit="l",
    step="P1D",
    span_days=31,
    history_months=12,
)


class Waterworks:
    """A provider with data for every day."""

    name = "waterworks"

    async def fetch_readings(self, request: FetchRequest) -> Sequence[Reading]:
        days = days_between(request.days.start, request.days.end)
        return [Reading(day_start(day), "P1D", 100 + day.day) for day in days]

    async def fetch_record(self, _: RecordRequest) -> Mapping[str, Any]:
        raise NoMeasure

    async def fetch_granted_points(self, _: int) -> Sequence[GrantedPoint]:
        return []


async def test_a_provider_is_one_line_of_the_registry_and_a_dataset_one_declaration(
    stage: Stage, person: Person, usage_point: UsagePoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(registry.ADAPTERS, Waterworks.name, lambda *_: Waterworks())
    monkeypatch.setitem(DATASETS, WATER.name, WATER)
    stage.clock.now = datetime.now(UTC)
    first, end = (day_of(stage.clock.now) - timedelta(days=back) for back in (9, 4))
    asked = {"usage_point_id": PRM, "dataset": WATER.name, "start": str(first), "end": str(end)}

    job = (await stage.client.post("/v1/jobs", json=asked, headers=person.headers)).raise_for_status().json()
    fetcher = Fetcher(stage.resources, registry.build_providers(stage.resources, stage.client))
    while await stage.queued("interactive"):
        await fetcher.do_call(CallTicket(*await stage.take_task("interactive")))

    ended = await stage.client.get(f"/v1/jobs/{job['id']}", headers=person.headers)
    assert "succeeded" == ended.json()["status"]
    answer = await stage.client.get(ended.json()["links"]["readings"], headers=person.headers)
    read = answer.json()
    assert ("l", "hit") == (read["unit"], answer.headers["X-Cache-Status"])
    assert [100 + day.day for day in days_between(first, end)] == [each["value"] for each in read["readings"]]
    listed = (await stage.client.get("/v1/datasets")).json()["datasets"]
    assert WATER.name in [each["name"] for each in listed]
