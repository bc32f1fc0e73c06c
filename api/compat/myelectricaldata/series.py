"""The time series of MyElectricalData v1: one path per dataset of Enedis's v5, with and without `/cache`.

The routes differ only in their dataset and are generated from `DATASETS`.
"""

from collections.abc import Awaitable, Callable
from datetime import date, datetime
from typing import Annotated

from fastapi import Path, Response
from pydantic import Field

from api.compat.enedis_formats.v5 import MeterReading, meter_reading
from api.compat.myelectricaldata.contract import (
    V1_FAILURES,
    V1_FETCH_REFUSALS,
    V1_TAG,
    CompatReader,
    CompatUsagePoint,
    MyElectricalDataRoute,
)
from api.compat.trailing_slash import SlashRouter
from api.http.dependencies import Now, ResourcesDep
from api.http.fields import Day, Document
from api.readings.fetch_then_read import fetch_then_read, is_anything_stored, why_nothing
from api.readings.stored import open_stored_days
from shared.core.calendar import DayRange, day_of
from shared.core.datasets import DATASETS, Dataset, Quantity
from shared.core.errors import NotFound, ValidationFailed, WrongDirection
from shared.readings.planning import history_start

router = SlashRouter(route_class=MyElectricalDataRoute, tags=[V1_TAG])

V1_SERIES = tuple(each for each in DATASETS.values() if each.is_series and each.quantity is not Quantity.INDEX)
"""The time series of v5 and of this API; their paths there are the names of our datasets."""

_REFUSALS = V1_FAILURES.documented(*V1_FETCH_REFUSALS, WrongDirection)


class MeterReadingAnswer(Document):
    """A time series in a period, in the format of MyElectricalData v1."""

    meter_reading: MeterReading = Field(description="The response body of Enedis's v5.")


def served_days(dataset: Dataset, start: date, end: date, now: datetime) -> DayRange:
    """The days that can be served: not before the provider's history, not after yesterday.

    Raises `ValidationFailed` for an end that is not after the start, and `NotFound` if no day remains.
    """
    if end <= start:
        raise ValidationFailed
    days = DayRange(start, end).clipped(history_start(dataset, now), day_of(now))
    if days is None:
        raise NotFound
    return days


def _serving(dataset: Dataset) -> Callable[..., Awaitable[Response]]:
    async def serve(
        resources: ResourcesDep,
        now: Now,
        caller: CompatReader,
        usage_point: CompatUsagePoint,
        start: Annotated[Day, Path(description="First day; moved to the provider's oldest day if it is earlier.")],
        end: Annotated[Day, Path(description="Day after the last day; moved to today if it is later.")],
    ) -> Response:
        """Returns the readings of the period; missing days are fetched first. Days without data are left out, and the
        bounds in the response are those of the days it contains.

        The response is the same with and without `/cache`: stored data that cannot have changed is not fetched again.
        """
        days = served_days(dataset, start, end, now)
        known = await fetch_then_read(resources, caller, usage_point, dataset, days, now)
        if not is_anything_stored(known):
            raise why_nothing(known)
        readings = await meter_reading(
            usage_point.prm, dataset, days, open_stored_days(resources, known, caller.private_key)
        )
        return Response(b'{"meter_reading":' + readings + b"}", media_type="application/json")

    return serve


for _dataset in V1_SERIES:
    for _suffix, _name in (("", ""), ("/cache", "_cache")):
        router.add_api_route(
            f"/{_dataset.name}/{{usage_point_id}}/start/{{start}}/end/{{end}}{_suffix}",
            _serving(_dataset),
            methods=["GET"],
            operation_id=f"v1_get_{_dataset.name}{_name}",
            summary=_dataset.title,
            response_model=MeterReadingAnswer,
            responses=_REFUSALS,
        )
