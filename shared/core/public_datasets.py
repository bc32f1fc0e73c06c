"""The datasets that are about nobody, each declared once. Pure data."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, time
from typing import Any


@dataclass(frozen=True, slots=True)
class Archive:
    """Where the past of a public dataset is, when its provider keeps none: another ``provider``, the longest period of
    one call, the least time between two calls, and how many days of the past it may not have yet."""

    provider: str
    span_days: int
    pause_seconds: int
    lag_days: int


@dataclass(frozen=True, slots=True)
class PublicDataset:
    """One kind of data that is about nobody: one document a day of Paris, the same for every account, kept in clear
    and for good.

    ``api``: the provider's, by the name of the pacer's slots. ``nothing``: the document of a day of which its provider
    is known to say nothing. ``essential``: the field that is null there, and never elsewhere.
    ``least_pause_seconds``: the provider is never asked for it more often, whoever asks and however often a process
    begins anew. ``span_days``: the longest period of one call; ``None``: a call takes no days and brings what there is.
    ``ahead_days``: how many days after today a call may bring. ``oldest_day``: the first day that can be had, from the
    provider or from an ``archive``.

    When it is read: every ``every_seconds``; or at the times of Paris ``read_at``, and ``sought_at`` too as long as
    tomorrow is not known.
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
    # RTE publishes no limit; those who ask more often fear to be shut out.
    least_pause_seconds=30 * 60,
    oldest_day=date(2014, 9, 1),
    ahead_days=1,
    span_days=366,
    # Only what RTE says at 10:30 binds, and it has been changed until a quarter past eleven.
    read_at=(time(10, 45), time(11, 20)),
    # Often it is there early in the morning; nobody waits for what was not said by the evening.
    sought_at=(
        time(6, 30),
        *(time(hour, minute) for hour in (7, 8, 9) for minute in (0, 30)),
        time(10),
        *(time(hour, 20) for hour in range(12, 18)),
    ),
)


ECOWATT = PublicDataset(
    name="ecowatt",
    title="How tense the French electricity system is, each day and hour",
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
