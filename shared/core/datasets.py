"""The datasets that Relève knows, each declared once. Pure data: what reads it decides, nothing here acts.

Limits come from the provider's own documents; where those contradict each other by a day the stricter one is kept.
"""

from dataclasses import dataclass
from enum import StrEnum


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
class Series:
    """Whose readings of what: the name of one sealed series. Ids are internal ones, never a PRM."""

    account_id: str
    usage_point_id: str
    dataset: str
