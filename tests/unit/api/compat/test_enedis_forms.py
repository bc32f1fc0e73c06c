"""Both formats of Enedis: its responses, parsed by our adapters and serialized again, are unchanged."""

import json
from collections.abc import AsyncIterator, Callable, Sequence
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from api.compat.enedis_formats.v5 import meter_reading
from api.compat.enedis_formats.v2026 import measures
from shared.core.calendar import DayRange, day_start
from shared.core.datasets import DATASETS
from shared.jobs.models import Lane
from shared.readings.column_batch import Columns
from shared.readings.models import Reading
from tests.support.cases import case
from workers.providers.enedis.adapter_2026 import parse_measure
from workers.providers.enedis.adapter_v5 import parse_meter_reading
from workers.upstream.port import FetchRequest

pytestmark = pytest.mark.anyio

ANSWERS = Path(__file__).parents[3] / "fixtures" / "enedis"
CURVES = ("", "_jour_de_23_heures", "_jour_de_25_heures", "_jour_incomplet", "_pas_de_60_minutes", "_pas_variable")
NAMES_OF_2026 = {
    "consumption_load_curve": "courbe_de_charge_consommation",
    "production_load_curve": "courbe_de_charge_production",
    "daily_consumption": "consommation_quotidienne",
    "daily_production": "production_quotidienne",
    "daily_consumption_max_power": "puissance_conso_max_quotidienne",
}
CASES = [("consumption_load_curve", suffix) for suffix in CURVES] + [
    (dataset, "") for dataset in NAMES_OF_2026 if dataset != "consumption_load_curve"
]
Parse = Callable[[Any, FetchRequest], list[Reading]]


def recorded(generation: str, name: str) -> Any:
    return json.loads((ANSWERS / generation / f"{name}.json").read_text(encoding="utf-8"))


def parsed(parse: Parse, body: Any, dataset: str, prm: str, days: DayRange) -> list[Reading]:
    return parse(body, FetchRequest(prm, DATASETS[dataset], days, Lane.INTERACTIVE))


async def in_batches(readings: Sequence[Reading]) -> AsyncIterator[Columns]:
    """The readings as the store returns them: some batches, one of them empty."""
    yield Columns()
    for some in (readings[:1], readings[1:]):
        columns = Columns()
        for each in some:
            peak = None if each.at is None else int(each.at.timestamp())
            columns.add(each.step, [int(each.start.timestamp())], [each.value], [peak])
        yield columns


async def test_a_body_of_v5_is_written_as_enedis_writes_it() -> None:
    for dataset, suffix in CASES:
        with case(dataset, suffix):
            body = recorded("v5", dataset + suffix)
            said = body["meter_reading"]
            days = DayRange(date.fromisoformat(said["start"]), date.fromisoformat(said["end"]))
            readings = parsed(parse_meter_reading, body, dataset, said["usage_point_id"], days)

            written = json.loads(
                await meter_reading(said["usage_point_id"], DATASETS[dataset], days, in_batches(readings))
            )

            assert said == written


async def test_a_body_of_2026_is_written_as_enedis_writes_it_but_for_what_is_not_kept() -> None:
    for dataset, suffix in CASES:
        with case(dataset, suffix):
            body = recorded("2026", NAMES_OF_2026[dataset] + suffix)
            days = DayRange(*(date.fromisoformat(body["periode"][name]) for name in ("dateDebut", "dateFin")))
            readings = parsed(parse_measure, body, dataset, body["idPrm"], days)

            written = json.loads(await measures(body["idPrm"], DATASETS[dataset], days, in_batches(readings)))

            for point in body["grandeur"][0]["points"]:
                point.pop("iv", None)
                point.pop("ec", None)
            assert body == written


async def test_a_peak_of_which_only_the_day_is_known_is_labelled_with_its_first_moment() -> None:
    day = date(2026, 10, 25)
    peak = Reading(day_start(day), "P1D", 4680)
    days = DayRange(day, date(2026, 10, 26))

    body = json.loads(
        await measures("99000000009101", DATASETS["daily_consumption_max_power"], days, in_batches([peak]))
    )

    assert [{"v": "4680", "d": "2026-10-25 00:00:00"}] == body["grandeur"][0]["points"]


async def test_what_has_no_such_form_is_not_written_in_it() -> None:
    forms: list[Any] = [meter_reading, measures]

    for form in forms:
        for dataset in ["consumption_index", "contract"]:
            with case(form, dataset), pytest.raises(ValueError, match="has no form"):
                await form(
                    "99000000009101",
                    DATASETS[dataset],
                    DayRange(date(2026, 10, 25), date(2026, 10, 26)),
                    in_batches([]),
                )
