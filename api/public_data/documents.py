"""Public data for the routes of all APIs: the stored days, the reason for each missing day, and responses that shared
caches may store for a short time.

Nothing here calls a provider: workers do, on a schedule.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from itertools import groupby
from typing import Any

import orjson
from fastapi import Response

from api.http.etags import entity_tag, is_current
from api.http.headers import ETAG, HeaderDocs, header
from api.public_data.schemas import PublicReason
from shared.core.calendar import ONE_DAY, DayRange, day_of, days_between
from shared.core.public_datasets import TEMPO, PublicDataset
from shared.public_data.store import Source
from shared.public_data.tempo_tariff import Colour
from shared.resources import Resources

CACHED: HeaderDocs = ETAG | {
    "Cache-Control": header("Caches may store the response until the end of the minute.", "public, max-age=42")
}
PUBLIC_ANSWERS: dict[int | str, dict[str, Any]] = {
    200: {"headers": CACHED},
    304: {"description": "The data has not changed.", "headers": CACHED},
}
"""The responses of a public route, without its problems."""


@dataclass(frozen=True, slots=True)
class PublicDays:
    """The days of a public dataset in a period: non-empty documents, oldest first, and why each other day is absent."""

    documents: Mapping[date, Mapping[str, Any]]
    absent: Mapping[date, PublicReason]

    @property
    def missing(self) -> list[dict[str, Any]]:
        """The absent days, with consecutive days of the same reason merged: `MissingPublicDays`."""
        # Consecutive days have the same difference to their index.
        runs = groupby(enumerate(self.absent.items()), lambda each: (each[1][0].toordinal() - each[0], each[1][1]))
        missing = []
        for (_, reason), found in runs:
            days = [day for _, (day, _) in found]
            missing.append({"start": days[0], "end": days[-1] + ONE_DAY, "reason": reason})
        return missing


async def load_public_days(resources: Resources, dataset: PublicDataset, days: DayRange, now: datetime) -> PublicDays:
    """The stored and the absent days of a period."""
    stored = await resources.public_days.load_days(dataset.name, days)
    source = await resources.public_days.load_source(dataset.name)
    documents = {day: each for day, each in stored.items() if each[dataset.essential] is not None}
    absent = {
        day: _reason(dataset, day, day in stored, source, offered=is_offered(resources, dataset), today=day_of(now))
        for day in days_between(days.start, days.end)
        if day not in documents
    }
    return PublicDays(documents, absent)


def colours_of(known: PublicDays) -> dict[date, Colour]:
    """The known Tempo colours, oldest first."""
    return {day: Colour(document[TEMPO.essential]) for day, document in known.documents.items()}


def is_offered(resources: Resources, dataset: PublicDataset) -> bool:
    """Whether this gateway has credentials for the provider of a dataset."""
    return dataset.provider == "rte" and bool(resources.settings.rte_client_id)


def public_answer(
    resources: Resources, document: Mapping[str, Any], if_none_match: str | None, now: datetime
) -> Response:
    """The document in the form of the route's model, or 304 if the client already has it."""
    content = orjson.dumps(document, option=orjson.OPT_UTC_Z)
    tag = entity_tag(resources.server, content)
    # Until the end of the minute: days and prices change at full minutes, so a cached response is never outdated.
    headers = {"ETag": tag, "Cache-Control": f"public, max-age={60 - now.second}"}
    if is_current(if_none_match, tag):
        return Response(status_code=304, headers=headers)
    return Response(content, 200, headers, "application/json")


def _reason(
    dataset: PublicDataset, day: date, is_stored: bool, source: Source, *, offered: bool, today: date
) -> PublicReason:
    if day < dataset.oldest_day:
        return PublicReason.BEYOND_HISTORY
    if not offered:
        return PublicReason.NOT_OFFERED
    if day <= today:
        return PublicReason.NOT_SAID if is_stored else PublicReason.NOT_FETCHED
    # A future day: if the last request failed, the data may have been published already.
    if (day - today).days <= dataset.ahead_days and (source.succeeded_at is None or source.failure is not None):
        return PublicReason.NOT_FETCHED
    return PublicReason.NOT_PUBLISHED_YET
