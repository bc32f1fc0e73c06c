"""A series in the form of Enedis's APIs of 2026 (measures v2), which newer contracts hand on. Pure.

The labels are those of v5. What an answer of Enedis also says of a point (``iv``, ``ec``: how plausible it is) the
gateway does not keep, and does not make up.
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
    """What the APIs of 2026 call a quantity, how it comes about, and what else they say at the root."""

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
    """The days of an answer."""

    first: str = Field(alias="dateDebut", description="The first day.", examples=["2026-09-29"])
    end: str = Field(alias="dateFin", description="The day after the last one.", examples=["2026-10-01"])


class MeasuredPoint(Document):
    """One value."""

    value: str = Field(alias="v", description="A whole number.", examples=["540"])
    label: str = Field(
        alias="d",
        description="The day; of a curve, the end of the step in Paris time; of a highest power, its moment.",
        examples=["2026-09-29 00:30:00"],
    )
    step: str | None = Field(None, alias="p", description="Of a curve: in minutes.", examples=["PT30M"])
    nature: str | None = Field(None, alias="n", description="Of a curve: always `B`, raw.", examples=["B"])


class MeasuredQuantity(Document):
    """A quantity and its values."""

    direction: str = Field(alias="grandeurMetier", description="`CONS` or `PROD`.", examples=["CONS"])
    physical: str = Field(
        alias="grandeurPhysique", description="`EA` energy, `PA` power, `PMA` highest power.", examples=["PA"]
    )
    unit: str = Field(alias="unite", description="`Wh`, `W` or `VA`.", examples=["W"])
    points: list[MeasuredPoint] = Field(description="Oldest first; what lacks is not there.")
    calendar: list[str] = Field(alias="calendrier", description="Always empty.", examples=[[]])


class Measures(Document):
    """A series over some days, in the form of Enedis's APIs of 2026."""

    usage_point_id: ShownPrm = Field(alias="idPrm")
    stage: str = Field(alias="etapeMetier", description="Always `BRUT`: as measured.", examples=[RAW])
    period: MeasuredPeriod = Field(alias="periode")
    kind_of_value: str | None = Field(
        None, alias="typeValeur", description="Of energies: `GLOBALE`.", examples=["GLOBALE"]
    )
    computed: str = Field(alias="modeCalcul", description="`MESURE`, or of energies `DIFF.INDEX`.", examples=["MESURE"])
    step: str | None = Field(None, alias="pas", description="Of daily values: `P1D`.", examples=["P1D"])
    quantities: list[MeasuredQuantity] = Field(alias="grandeur", description="Always one.")
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
