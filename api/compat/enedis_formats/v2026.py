"""A time series in the format of Enedis's APIs of 2026 (measures v2), which newer compatible APIs pass on. Pure.

The labels are those of v5. The plausibility of a point (``iv``, ``ec``), which Enedis also returns, is not stored by
the gateway, and is not invented.
"""

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any

import orjson
from pydantic import Field

from api.compat.enedis_formats.v5 import RAW, in_minutes, json_list, labels
from api.http.fields import Document, ShownPrm
from shared.core.calendar import DayRange
from shared.core.datasets import Dataset, Direction, Quantity
from shared.readings.column_batch import Columns
from shared.readings.encoding import DAY_STEP


@dataclass(frozen=True, slots=True)
class _Terms:
    """The terms of the APIs of 2026 for a quantity: its name, its computation, and additional members of the root."""

    physical: str
    computed: str
    root: dict[str, str]


_TERMS = {
    Quantity.POWER: _Terms("PA", "MESURE", {}),
    Quantity.ENERGY: _Terms("EA", "DIFF.INDEX", {"typeValeur": "GLOBALE", "pas": DAY_STEP}),
    Quantity.PEAK: _Terms("PMA", "MESURE", {"pas": DAY_STEP}),
}
_DIRECTIONS = {Direction.CONSUMPTION: "CONS", Direction.PRODUCTION: "PROD"}


class MeasuredPeriod(Document):
    """The period of a response."""

    first: str = Field(alias="dateDebut", description="First day.", examples=["2026-09-29"])
    end: str = Field(alias="dateFin", description="Day after the last day.", examples=["2026-10-01"])


class MeasuredPoint(Document):
    """One value."""

    value: str = Field(alias="v", description="A whole number.", examples=["540"])
    label: str = Field(
        alias="d",
        description="The day; for a load curve, the end of the step in Paris time; for a maximum power, its time.",
        examples=["2026-09-29 00:30:00"],
    )
    step: str | None = Field(
        None, alias="p", description="Load curves only: length of the step, in minutes.", examples=["PT30M"]
    )
    nature: str | None = Field(None, alias="n", description="Load curves only: always `B`, raw.", examples=["B"])


class MeasuredQuantity(Document):
    """A quantity and its values."""

    direction: str = Field(alias="grandeurMetier", description="`CONS` or `PROD`.", examples=["CONS"])
    physical: str = Field(
        alias="grandeurPhysique", description="`EA` energy, `PA` power, `PMA` maximum power.", examples=["PA"]
    )
    unit: str = Field(alias="unite", description="`Wh`, `W` or `VA`.", examples=["W"])
    points: list[MeasuredPoint] = Field(description="Oldest first; missing values are omitted.")
    calendar: list[str] = Field(alias="calendrier", description="Always empty.", examples=[[]])


class Measures(Document):
    """A time series in a period, in the format of Enedis's APIs of 2026."""

    usage_point_id: ShownPrm = Field(alias="idPrm")
    stage: str = Field(alias="etapeMetier", description="Always `BRUT`: as measured.", examples=[RAW])
    period: MeasuredPeriod = Field(alias="periode")
    kind_of_value: str | None = Field(
        None, alias="typeValeur", description="Energy only: `GLOBALE`.", examples=["GLOBALE"]
    )
    computed: str = Field(alias="modeCalcul", description="`MESURE`; for energy `DIFF.INDEX`.", examples=["MESURE"])
    step: str | None = Field(None, alias="pas", description="Daily values only: `P1D`.", examples=["P1D"])
    quantities: list[MeasuredQuantity] = Field(alias="grandeur", description="Always one element.")
    context: list[str] = Field(alias="contexte", description="Always empty.", examples=[[]])


async def measures(prm: str, dataset: Dataset, days: DayRange, batches: AsyncIterator[Columns]) -> bytes:
    """`Measures` as JSON; ``batches``: the readings of these days, oldest first."""
    if dataset.quantity not in _TERMS or dataset.direction is None:
        raise ValueError(f"{dataset.name} has no form of 2026.")
    terms = _TERMS[dataset.quantity]
    quantity: dict[str, Any] = {
        "grandeurMetier": _DIRECTIONS[dataset.direction],
        "grandeurPhysique": terms.physical,
        "unite": dataset.unit,
        "points": await json_list(batches, _points_of(dataset)),
        "calendrier": [],
    }
    return orjson.dumps(
        {
            "idPrm": prm,
            "etapeMetier": RAW,
            "periode": {"dateDebut": days.start, "dateFin": days.end},
            "modeCalcul": terms.computed,
            **terms.root,
            "grandeur": [quantity],
            "contexte": [],
        }
    )


def _points_of(dataset: Dataset) -> Callable[[Columns], list[dict[str, Any]]]:
    def points(columns: Columns) -> list[dict[str, Any]]:
        dated = zip(columns.values, labels(columns, dataset), columns.steps, strict=True)
        if dataset.quantity is not Quantity.POWER:
            return [{"v": str(value), "d": label} for value, label, _ in dated]
        lengths = in_minutes(columns)
        return [{"v": str(value), "d": label, "p": lengths[step], "n": "B"} for value, label, step in dated]

    return points
