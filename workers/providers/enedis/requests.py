"""Call handling shared by both Enedis generations: error detection, pausing an exhausted API, splitting periods."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from shared.core.calendar import ONE_DAY, DayRange
from shared.core.errors import NoMeasure, ProviderError, ProviderThrottled
from shared.jobs.models import Lane
from shared.readings.models import Reading
from workers.providers.enedis.errors import Action, action_of, error_of, is_error
from workers.upstream.http_client import ProviderClient
from workers.upstream.port import FetchRequest


async def ask(
    client: ProviderClient,
    api: str,
    path: str,
    lane: Lane,
    *,
    method: str = "GET",
    params: Mapping[str, str] | None = None,
    body: Mapping[str, Any] | None = None,
) -> Any:
    """The data of Enedis's response. Raises the `ProviderError` leaf that matches its error, and `NoSlotYet`.

    Exactly one request, whatever the response: a 500 may be caused by the request itself, and is not retried here.
    """
    answer = await client.request(api, method, path, lane, params=params, body=body)
    if not is_error(answer):
        return answer.body
    error = error_of(answer)
    if isinstance(error, ProviderThrottled) and error.retry_at is not None:
        await client.close_until(api, error.retry_at)
    raise error


async def fetch_in_parts(
    request: FetchRequest, fetch: Callable[[FetchRequest], Awaitable[Sequence[Reading]]]
) -> Sequence[Reading]:
    """The readings of a period: empty when Enedis has none, split in halves when the period is too long."""
    try:
        return await fetch(request)
    except NoMeasure:
        return []
    except ProviderError as error:
        if action_of(error) is not Action.SPLIT or request.days.days == 1:
            raise
    middle = request.days.start + (request.days.days // 2) * ONE_DAY
    halves = DayRange(request.days.start, middle), DayRange(middle, request.days.end)
    return [reading for half in halves for reading in await fetch_in_parts(replace(request, days=half), fetch)]
