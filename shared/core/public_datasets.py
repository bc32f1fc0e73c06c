"""The public datasets, which contain no personal data, each declared once. Pure data."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, time
from typing import Any


@dataclass(frozen=True, slots=True)
class Archive:
    """The source of a public dataset's history, when its provider keeps none: another ``provider``, the longest period
    of one call, the minimum time between two calls, and how many of the last days it may not have yet."""

    provider: str
    span_days: int
    pause_seconds: int
    lag_days: int


@dataclass(frozen=True, slots=True)
class PublicDataset:
    """One public dataset: one document per day in Paris, the same for every account, stored in clear and permanently.

    ``api``: the provider's, by the name of the pacer's slots. ``nothing``: the document of a day for which the provider
    has no data. ``essential``: the field that is null in it, and never elsewhere. ``least_pause_seconds``: the minimum
    pause between two calls, for all callers and across restarts. ``span_days``: the longest period of one call;
    ``None``: a call takes no days and returns all available data. ``ahead_days``: how many days after today a call may
    return. ``oldest_day``: the first available day, from the provider or from an ``archive``.

    Polling: every ``every_seconds``; or at the Paris times ``read_at``, and also ``sought_at`` as long as tomorrow is
    not known.
    """

    name: str
    title: str
    provider: str
    api: str
    essential: str
    nothing: Mapping[str, Any]
    least_pause_seconds: int
    oldest_day: date
    ahead_days: int
    span_days: int | None = None
    archive: Archive | None = None
    every_seconds: int | None = None
    read_at: tuple[time, ...] = ()
    sought_at: tuple[time, ...] = ()


TEMPO = PublicDataset(
    name="tempo",
    title="The colour of each day of the Tempo tariff",
    provider="rte",
    api="tempo_like_supply_contract",
    essential="colour",
    nothing={"colour": None, "updated_at": None},
    # RTE publishes no limit; clients that poll more often fear being blocked.
    least_pause_seconds=30 * 60,
    oldest_day=date(2014, 9, 1),
    ahead_days=1,
    span_days=366,
    # Only RTE's publication at 10:30 is binding, and it has been changed until 11:15.
    read_at=(time(10, 45), time(11, 20)),
    # The colour is often published early in the morning; after the evening there are no more attempts.
    sought_at=(
        time(6, 30),
        *(time(hour, minute) for hour in (7, 8, 9) for minute in (0, 30)),
        time(10),
        *(time(hour, 20) for hour in range(12, 18)),
    ),
)


ECOWATT = PublicDataset(
    name="ecowatt",
    title="The tension of the French electricity system, by day and hour",
    provider="rte",
    api="ecowatt",
    essential="level",
    nothing={"level": None, "message": "", "hours": {}, "generated_at": None},
    least_pause_seconds=15 * 60,
    oldest_day=date(2022, 9, 1),
    ahead_days=3,
    archive=Archive("rte_open_data", span_days=100, pause_seconds=5 * 60, lag_days=2),
    every_seconds=30 * 60,
)


PUBLIC_DATASETS: dict[str, PublicDataset] = {dataset.name: dataset for dataset in (TEMPO, ECOWATT)}
