"""Administration of Tempo prices, which no provider publishes."""

from typing import Annotated

from fastapi import APIRouter, Path

from api.http.dependencies import ADMIN_ONLY, Now, ResourcesDep
from api.http.fields import Day
from api.http.problems import documented
from api.public_data.tempo_schemas import PricesRequest, TempoPricesDocument, TempoPricesList
from shared.core.errors import NotFound, ServiceUnavailable, TooManyRequests, Unauthenticated, ValidationFailed

router = APIRouter(prefix="/v1/admin/tempo/prices", tags=["administration"], dependencies=ADMIN_ONLY)

_PROBLEMS = (Unauthenticated, NotFound, TooManyRequests, ServiceUnavailable)

ValidFrom = Annotated[Day, Path(description="First day on which the prices apply, Europe/Paris.")]


@router.get("", operation_id="admin_list_tempo_prices", summary="List Tempo prices", responses=documented(*_PROBLEMS))
async def list_prices(resources: ResourcesDep) -> TempoPricesList:
    """Includes past and future prices."""
    return TempoPricesList(prices=[TempoPricesDocument.of(each) for each in await resources.tempo_prices.list_prices()])


@router.put(
    "/{valid_from}",
    operation_id="admin_set_tempo_prices",
    summary="Set the Tempo prices from a day on",
    responses=documented(*_PROBLEMS, ValidationFailed, body=True),
)
async def set_prices(
    resources: ResourcesDep, now: Now, valid_from: ValidFrom, request: PricesRequest
) -> TempoPricesDocument:
    """Replaces prices that are set from the same day. Decimals with a dot, from 0 to 100, with at most six places."""
    return TempoPricesDocument.of(await resources.tempo_prices.set_prices(valid_from, request.model_dump(), now))


@router.delete(
    "/{valid_from}",
    status_code=204,
    operation_id="admin_delete_tempo_prices",
    summary="Delete Tempo prices",
    response_description="The prices are deleted; those set for an earlier day apply instead.",
    responses=documented(*_PROBLEMS, ValidationFailed),
)
async def delete_prices(resources: ResourcesDep, now: Now, valid_from: ValidFrom) -> None:
    """Returns 404 if no prices are set from this day."""
    await resources.tempo_prices.delete_prices(valid_from, now)
