"""The datasets that Relève supports, each declared once. Pure data, without behaviour.

Limits come from the provider's own documents; where those contradict each other by a day, the stricter one is used.
"""

from dataclasses import dataclass
from enum import StrEnum


class Direction(StrEnum):
    """The direction of the energy flow, seen from the usage point."""

    CONSUMPTION = "consumption"
    PRODUCTION = "production"


class Quantity(StrEnum):
    """The quantity of the values of a series: the mean power over the interval, the energy in it, the highest power in
    it, or the meter index at its start. It determines which aggregations are possible."""

    POWER = "power"
    ENERGY = "energy"
    PEAK = "peak"
    INDEX = "index"


class WindowKind(StrEnum):
    """The content of one encrypted blob: a day, a calendar month, or the current state."""

    DAY = "day"
    MONTH = "month"
    CURRENT = "current"


@dataclass(frozen=True, slots=True)
class Dataset:
    """One kind of data.

    ``quantity``: of its values, ``None`` for a record.
    ``unit``: of its values, ``None`` for a record. ``step``: ISO 8601 length of one reading (the usual one where the
    provider may vary it), ``None`` for a record. ``span_days``: the longest period of one provider call.
    ``history_months`` and ``history_days``: how far back the provider keeps it, added together.
    ``freshness_seconds``: how long a stored response that may still change is valid. ``fetched_unasked``: the nightly
    refresh starts it automatically; otherwise it is refreshed only after the first request for it.
    ``available``: can be requested. ``derived_from``: the curve from whose complete days this dataset is derived
    without a call. ``apis``: the provider's APIs that its calls use, by the names of the pacer's slots.
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
        """Whether it is a time series of readings, and not a single current record."""
        return self.window is not WindowKind.CURRENT


# Enedis keeps 24 (curves) or 36 (daily) months and 15 days, or 16 by another page of its own: one day less is safe.
_HISTORY_DAYS = 14
# A load curve is limited to 7 days per call. No limit is published for daily values; 365 days are known to work.
_CURVE_SPAN_DAYS = 7
_DAILY_SPAN_DAYS = 365
_MONTH_SECONDS = 30 * 24 * 3600
# The APIs of each generation of Enedis; v5 has one quota for all.
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
    # Enedis publishes no limits for registers, neither of the period nor of the history: those of daily values are
    # used. They are rarely needed, so no quota is spent on them before a request.
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
        "Highest power of each day, with its time",
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
    # Personal data of the contract holder: not fetched before an authorised request.
    _record("address", "The address of the usage point", _GENERAL, fetched_unasked=False),
    _record("identity", "The holder of the contract", _SITUATION, fetched_unasked=False),
    _record("contact", "The contact details of the holder", _SITUATION, fetched_unasked=False),
)

DATASETS: dict[str, Dataset] = {dataset.name: dataset for dataset in _ALL}


@dataclass(frozen=True, slots=True)
class Series:
    """The identifier of one series: account, usage point and dataset. Ids are internal ones, never a PRM."""

    account_id: str
    usage_point_id: str
    dataset: str
