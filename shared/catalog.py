"""The datasets that Relève knows, each declared once. Pure data: what reads it decides, nothing here acts.

Limits come from the provider's own documents; where those contradict each other by a day the stricter one is kept.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, time
from enum import StrEnum
from typing import Any


class Direction(StrEnum):
    """Which way the energy flows, seen from the usage point."""

    CONSUMPTION = "consumption"
    PRODUCTION = "production"


class Quantity(StrEnum):
    """What a value of a series measures: the mean power over its interval, the energy in it, the highest power in it,
    or what a meter showed at its start. It decides what can be computed from several of them."""

    POWER = "power"
    ENERGY = "energy"
    PEAK = "peak"
    INDEX = "index"


class WindowKind(StrEnum):
    """What one sealed blob holds: a day, a calendar month, or the one current state."""

    DAY = "day"
    MONTH = "month"
    CURRENT = "current"


@dataclass(frozen=True, slots=True)
class Dataset:
    """One kind of data.

    ``quantity``: what a value measures, ``None`` for a record.
    ``unit``: of its values, ``None`` for a record. ``step``: ISO 8601 length of one reading (the usual one where the
    provider may vary it), ``None`` for a record. ``span_days``: the longest period of one provider call.
    ``history_months`` and ``history_days``: how far back the provider keeps it, added together.
    ``freshness_seconds``: how long a stored answer that may still change is good. ``fetched_unasked``: the nightly
    refresh begins it by itself; otherwise it is kept fresh from the day on which somebody asked for it.
    ``available``: can be asked for. ``derived_from``: the curve whose whole days give this dataset's without a call.
    ``apis``: the provider's APIs that its calls go to, by the names of the pacer's slots.
    """

    name: str
    title: str
    provider: str
    window: WindowKind
    quantity: Quantity | None = None
    unit: str | None = None
    step: str | None = None
    direction: Direction | None = None
    span_days: int = 1
    history_months: int = 0
    history_days: int = 0
    freshness_seconds: int = 3 * 3600
    fetched_unasked: bool = True
    available: bool = True
    derived_from: str | None = None
    apis: tuple[str, ...] = ()

    @property
    def is_series(self) -> bool:
        """Whether it is made of readings over days, and not one current record."""
        return self.window is not WindowKind.CURRENT


# Enedis keeps 24 (curves) or 36 (daily) months and 15 days, or 16 by another page of its own: one day inside is safe.
_HISTORY_DAYS = 14
# A load curve is limited to 7 days a call. For daily values no limit is published; 365 days is what is known to work.
_CURVE_SPAN_DAYS = 7
_DAILY_SPAN_DAYS = 365
_MONTH_SECONDS = 30 * 24 * 3600
# Of each generation of Enedis; v5 has one quota for all.
_MEASURES = ("measures", "v5")
_SITUATION = ("situation_contrat_auto", "v5")
_GENERAL = ("donnees_generales_auto", "v5")


def _daily(
    name: str,
    title: str,
    quantity: Quantity,
    unit: str,
    direction: Direction,
    *,
    fetched_unasked: bool = True,
    derived_from: str | None = None,
) -> Dataset:
    return Dataset(
        name=name,
        title=title,
        provider="enedis",
        window=WindowKind.MONTH,
        quantity=quantity,
        unit=unit,
        step="P1D",
        direction=direction,
        span_days=_DAILY_SPAN_DAYS,
        history_months=36,
        history_days=_HISTORY_DAYS,
        fetched_unasked=fetched_unasked,
        derived_from=derived_from,
        apis=_MEASURES,
    )


def _index(name: str, title: str, direction: Direction) -> Dataset:
    # Enedis publishes no limit for registers, neither of the period nor of the history: those of daily values are what
    # is tried. Few people need them, so nobody's quota is spent on them unasked.
    return _daily(name, title, Quantity.INDEX, "Wh", direction, fetched_unasked=False)


def _curve(name: str, title: str, direction: Direction) -> Dataset:
    return Dataset(
        name=name,
        title=title,
        provider="enedis",
        window=WindowKind.DAY,
        quantity=Quantity.POWER,
        unit="W",
        step="PT30M",
        direction=direction,
        span_days=_CURVE_SPAN_DAYS,
        history_months=24,
        history_days=_HISTORY_DAYS,
        apis=_MEASURES,
    )


def _record(name: str, title: str, apis: tuple[str, ...], *, fetched_unasked: bool) -> Dataset:
    return Dataset(
        name=name,
        title=title,
        provider="enedis",
        window=WindowKind.CURRENT,
        freshness_seconds=_MONTH_SECONDS,
        fetched_unasked=fetched_unasked,
        apis=apis,
    )


_ALL = (
    _daily(
        "daily_consumption",
        "Energy consumed each day",
        Quantity.ENERGY,
        "Wh",
        Direction.CONSUMPTION,
        derived_from="consumption_load_curve",
    ),
    _curve("consumption_load_curve", "Mean power consumed over each step", Direction.CONSUMPTION),
    _daily(
        "daily_consumption_max_power",
        "Highest power of each day, and when",
        Quantity.PEAK,
        "VA",
        Direction.CONSUMPTION,
    ),
    _daily(
        "daily_production",
        "Energy produced each day",
        Quantity.ENERGY,
        "Wh",
        Direction.PRODUCTION,
        derived_from="production_load_curve",
    ),
    _curve("production_load_curve", "Mean power produced over each step", Direction.PRODUCTION),
    _index("consumption_index", "The meter's consumption registers each day", Direction.CONSUMPTION),
    _index("production_index", "The meter's production registers each day", Direction.PRODUCTION),
    _record("contract", "The supply contract: power, tariff, segment", _SITUATION, fetched_unasked=True),
    # Who somebody is and where they live: nobody fetches that before somebody with a right to it wants it.
    _record("address", "The address of the usage point", _GENERAL, fetched_unasked=False),
    _record("identity", "The holder of the contract", _SITUATION, fetched_unasked=False),
    _record("contact", "How the holder can be reached", _SITUATION, fetched_unasked=False),
)

DATASETS: dict[str, Dataset] = {dataset.name: dataset for dataset in _ALL}


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
