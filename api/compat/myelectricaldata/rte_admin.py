"""Administration of Tempo and EcoWatt in MyElectricalData v1."""

from datetime import datetime, timedelta
from typing import Annotated, Any

from fastapi import Path
from pydantic import BeforeValidator, ConfigDict, Field

from api.compat.myelectricaldata.admin_key import COMPAT_ADMIN_ONLY, V1_ADMIN_REFUSALS
from api.compat.myelectricaldata.contract import V1_FAILURES, V1_TAG, MyElectricalDataRoute, V1Failure
from api.compat.trailing_slash import SlashRouter
from api.http.dependencies import Now, ResourcesDep
from api.http.fields import Body, Day, Document
from api.http.periods import check_days
from api.public_data.documents import is_offered
from api.public_data.tempo_schemas import Price, SixPrices
from shared.core.calendar import ONE_DAY, PARIS, day_of
from shared.core.errors import NotFound, ProviderThrottled, ValidationFailed
from shared.core.public_datasets import ECOWATT, TEMPO, PublicDataset
from shared.resources import Resources

router = SlashRouter(prefix="/admin", route_class=MyElectricalDataRoute, tags=[V1_TAG], dependencies=COMPAT_ADMIN_ONLY)


_BODY_REFUSALS: dict[int | str, dict[str, Any]] = {
    400: {"description": "The body cannot be parsed.", "model": V1Failure},
    413: {"description": "The body is too large.", "model": V1Failure},
}


def _with_a_dot(value: Any) -> Any:
    return value.strip().replace(",", ".") if isinstance(value, str) else value


_Price = Annotated[Price, BeforeValidator(_with_a_dot), Field(description="Euros per kWh, with a dot or a comma.")]


class OptionsTempoPrice(Body):
    """The six prices of Tempo. Omitted prices are 0, as clients of this API expect."""

    model_config = ConfigDict(extra="ignore")

    blue_hc: _Price = "0.0"
    blue_hp: _Price = "0.0"
    white_hc: _Price = "0.0"
    white_hp: _Price = "0.0"
    red_hc: _Price = "0.0"
    red_hp: _Price = "0.0"


class V1Asked(Document):
    """The result of a request to RTE."""

    asked: bool = Field(description="Whether a worker sends a request to RTE now.")
    information: str = Field(description="Status message, in French.", examples=["RTE est interrogé."])
    succeeded_at: datetime | None = Field(description="Time of the last successful request to RTE.")
    possible_at: datetime | None = Field(description="Time from which the next request is allowed; `null`: now.")


@router.get(
    "/rte/tempo/start/{start}/end/{end}",
    operation_id="v1_admin_ask_tempo",
    summary="Request Tempo from RTE now",
    responses=V1_FAILURES.documented(*V1_ADMIN_REFUSALS, ValidationFailed),
)
async def ask_tempo(
    resources: ResourcesDep,
    now: Now,
    start: Annotated[Day, Path(description="First day, Europe/Paris.")],
    end: Annotated[Day, Path(description="Last day, included.")],
) -> V1Asked:
    """A worker requests missing days, within these bounds and beyond, unless RTE was called a moment ago: RTE's limits
    also apply to administrators. Returns 404 if the gateway has no RTE credentials."""
    check_days(start, end + ONE_DAY)
    return await _ask(resources, TEMPO, now)


@router.get(
    "/rte/ecowatt",
    operation_id="v1_admin_ask_ecowatt",
    summary="Request EcoWatt from RTE now",
    responses=V1_FAILURES.documented(*V1_ADMIN_REFUSALS),
)
async def ask_ecowatt(resources: ResourcesDep, now: Now) -> V1Asked:
    """A worker sends the request unless RTE was called a moment ago. Returns 404 if the gateway has no RTE
    credentials."""
    return await _ask(resources, ECOWATT, now)


@router.post(
    "/edf/tempo/price",
    operation_id="v1_admin_set_tempo_prices",
    summary="Set the Tempo prices from today on",
    response_model=SixPrices,
    responses=_BODY_REFUSALS | V1_FAILURES.documented(*V1_ADMIN_REFUSALS, ValidationFailed),
)
async def set_prices(resources: ResourcesDep, now: Now, request: OptionsTempoPrice) -> SixPrices:
    """Returns the stored prices. `PUT /v1/admin/tempo/prices/{valid_from}` sets the prices from another day on."""
    made = await resources.tempo_prices.set_prices(day_of(now), request.model_dump(), now)
    return SixPrices(**made.prices)


async def _ask(resources: Resources, dataset: PublicDataset, now: datetime) -> V1Asked:
    if not is_offered(resources, dataset):
        raise NotFound
    source = await resources.public_days.load_source(dataset.name)
    rested_at = source.asked_at and source.asked_at + timedelta(seconds=dataset.least_pause_seconds)
    # A throttled request must wait as RTE requires; after any other failure, the operator may have fixed the cause.
    allowed_at = source.not_before if source.failure == ProviderThrottled.code else None
    possible_at = max(filter(None, (rested_at, allowed_at)), default=now)
    if possible_at > now:
        information = f"RTE ne peut pas être interrogé avant {possible_at.astimezone(PARIS):%H:%M}."
        return V1Asked(asked=False, information=information, succeeded_at=source.succeeded_at, possible_at=possible_at)
    await resources.administration.note_for_gateway(now, "public_data.asked", {"dataset": dataset.name})
    await resources.task_queue.enqueue_public_data(dataset.name)
    return V1Asked(asked=True, information="RTE est interrogé.", succeeded_at=source.succeeded_at, possible_at=None)
