"""The use case: keep public datasets, and the status of their providers, up to date.

Any worker checks every minute. The worker that takes a turn, in SQL, makes the call; no other one does before the
provider's minimum pause is over, on any machine and across restarts. API requests are served from the store only.
"""

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from shared.core.calendar import ONE_DAY, DayRange, day_of
from shared.core.errors import AppError, NoSlotYet, ProviderError, ProviderGarbage, ProviderNotSubscribed
from shared.core.public_datasets import PUBLIC_DATASETS, PublicDataset
from shared.observability.logging import get_logger
from shared.public_data.polling_schedule import (
    LONGEST_REST,
    LONGEST_REST_OF_HISTORY,
    MOST_LATER_SECONDS,
    current_days,
    history_days,
    is_due,
    is_soon,
    newest_span,
    next_day,
    rest_after_failure,
)
from shared.public_data.store import Source, history_source
from shared.resources import Resources
from workers.upstream.port import PublicProvider

logger = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Turn:
    """A call reserved for one worker: since when, to which provider, for which days.

    ``source``: where its outcome is recorded. ``pause``, ``last_rest``, ``longest_rest``: the pause after each call,
    the pause after the last one if it failed, and the maximum pause.
    """

    taken_at: datetime
    dataset: PublicDataset
    provider: str
    days: DayRange
    source: str
    pause: timedelta
    last_rest: timedelta
    longest_rest: timedelta
    is_history: bool = False


class PublicData:
    """Public datasets of a gateway, and those of their providers that it may call."""

    def __init__(self, resources: Resources, providers: Mapping[str, PublicProvider]) -> None:
        """Store in ``resources``; a dataset whose provider is not in ``providers`` is skipped."""
        self._resources = resources
        self._providers = providers
        # Spreads gateways over time: they must not all call in the same second.
        own = resources.server.keyed_hash("public data", purpose="schedule")
        self._later = timedelta(seconds=int(own[:8], 16) % MOST_LATER_SECONDS)

    async def take_turns(self, now: datetime, by_hand: str | None = None) -> list[Turn]:
        """The calls that are due now; ``by_hand``: the call for this dataset, due or not. They count as made."""
        wanted = [each for each in PUBLIC_DATASETS.values() if by_hand in (None, each.name)]
        offered = [each for each in wanted if each.provider in self._providers]
        return [turn for each in offered for turn in await self._take_turns(each, now, by_hand=by_hand is not None)]

    async def fetch(self, turns: Iterable[Turn]) -> None:
        """Make these calls and store the results, or record the failure and the time of the next attempt."""
        await asyncio.gather(*(self._fetch(turn) for turn in turns))

    async def _fetch(self, turn: Turn) -> None:
        name, store = turn.dataset.name, self._resources.public_days
        try:
            documents = await self._providers[turn.provider].fetch_days(turn.dataset, turn.days)
            if not documents and (turn.last_rest < turn.longest_rest or not turn.is_history):
                # An empty response is more likely an error. For past days it is accepted after several repetitions.
                raise ProviderGarbage("The provider's response is empty.")
        except (ProviderError, NoSlotYet) as error:
            until = _rests_until(turn, error)
            await store.note_failure(turn.source, error.code, until)
            # Errors that are not transient require the operator.
            log = logger.warning if error.retryable else logger.error
            log(
                "public data not fetched", dataset=name, provider=turn.provider, code=error.code, rests_until=str(until)
            )
            return
        written = await store.save_days(name, await self._to_write(turn, documents), turn.taken_at)
        await store.note_success(turn.source, turn.taken_at)
        logger.info("public data fetched", dataset=name, provider=turn.provider, days=len(documents), new=len(written))

    async def _take_turns(self, dataset: PublicDataset, now: datetime, *, by_hand: bool) -> list[Turn]:
        store, pause = self._resources.public_days, timedelta(seconds=dataset.least_pause_seconds)
        source, today = await store.load_source(dataset.name), day_of(now)
        near = await store.load_days(dataset.name, DayRange(today, today + 2 * ONE_DAY))

        def is_known(day: date) -> bool:
            return near.get(day, dataset.nothing)[dataset.essential] is not None

        due, turns = by_hand or is_due(dataset, source.succeeded_at, is_known, self._later, now), []
        if due and await store.take_turn(dataset.name, pause, now, by_hand=by_hand):
            days, rest = current_days(dataset, now), _last_rest(source)
            turns.append(Turn(now, dataset, dataset.provider, days, dataset.name, pause, rest, LONGEST_REST))
        # A provider needed for current data gets no other calls; an archive has another provider.
        is_busy = dataset.archive is None and (due or is_soon(dataset, is_known, self._later, now))
        if not by_hand and not is_busy:
            turns += await self._take_turns_of_history(dataset, now)
        return turns

    async def _take_turns_of_history(self, dataset: PublicDataset, now: datetime) -> list[Turn]:
        """The next call for historical days that have not been requested yet, if any."""
        store, archive, all_days = self._resources.public_days, dataset.archive, history_days(dataset, now)
        missing = [] if all_days is None else await store.missing_days(dataset.name, all_days)
        if not missing:
            return []
        name, pause = history_source(dataset.name), timedelta(seconds=dataset.least_pause_seconds)
        if archive is not None:
            pause = timedelta(seconds=archive.pause_seconds)
        source = await store.load_source(name)
        # Its failures must not delay current data; the pause between two calls is that of the provider.
        if source.rests(now):
            return []
        if archive is None and not await store.take_turn(dataset.name, pause, now):
            return []
        if not await store.take_turn(name, pause, now):
            return []
        provider, span = archive.provider if archive else dataset.provider, newest_span(dataset, missing)
        rest = _last_rest(source)
        return [Turn(now, dataset, provider, span, name, pause, rest, LONGEST_REST_OF_HISTORY, is_history=True)]

    async def _to_write(
        self, turn: Turn, documents: Mapping[date, Mapping[str, Any]]
    ) -> Mapping[date, Mapping[str, Any]]:
        dataset, days = turn.dataset, turn.days
        if turn.is_history:
            # Stored data came from the provider itself while it was current. Missing data is available nowhere else.
            missing = await self._resources.public_days.missing_days(dataset.name, days)
            return {day: documents.get(day, dataset.nothing) for day in missing}
        stored = await self._resources.public_days.load_days(dataset.name, days)

        def is_lost(day: date) -> bool:
            """Whether it would revoke a binding value: once a day has begun, its published value is final."""
            return day in stored and day <= day_of(turn.taken_at) and documents[day][dataset.essential] is None

        return {day: document for day, document in documents.items() if not is_lost(day)}


def _last_rest(source: Source) -> timedelta:
    if source.failure is None or source.not_before is None or source.asked_at is None:
        return timedelta()
    return source.not_before - source.asked_at


def _rests_until(turn: Turn, error: AppError) -> datetime:
    if error.retry_at is not None:
        return error.retry_at
    if isinstance(error, ProviderNotSubscribed):
        # An operator must act, and can trigger the call manually afterwards.
        return next_day(turn.taken_at)
    return turn.taken_at + rest_after_failure(turn.last_rest, turn.pause, turn.longest_rest)
