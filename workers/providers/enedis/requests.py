"""What both generations of Enedis do around one call: tell errors from data, close a used-up API, part a period."""

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
    """The data that Enedis answers with. Raises the leaf of `ProviderError` that its error means, and `NoSlotYet`.

    One request, whatever comes back: an error 500 may mean that the request is at fault, and is not hammered.
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
    """The readings of a period: nothing when Enedis has none, in halves when it finds the period too long."""
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
