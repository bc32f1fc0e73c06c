"""Pairs of responses for the same days, a load curve and the daily values, in the shapes of both generations: daily
values derived from the curve equal the others, in both generations."""

from datetime import date, timedelta
from typing import Any, NamedTuple

from shared.core.calendar import day_of
from shared.readings.daily_from_curve import derive_daily
from shared.readings.models import Reading
from tests.support.cases import case
from tests.unit.workers.recorded import CONSUMER, SELF_CONSUMER, recorded, recorded_v5, request
from workers.providers.enedis.adapter_2026 import parse_measure
from workers.providers.enedis.adapter_v5 import parse_meter_reading

GENERATIONS = ["2026", "v5"]
MARCH, SEPTEMBER, OCTOBER = date(2026, 3, 29), date(2026, 9, 8), date(2026, 10, 25)


class Pair(NamedTuple):
    """The pair's name, its first day, the number of days, and the curve's steps with their numbers of points."""

    direction: str
    suffix: str
    first: date
    days: int
    steps: dict[str, int]

    def curve(self, generation: str) -> Any:
        """The response with the curve."""
        if generation == "2026":
            return recorded(f"courbe_de_charge_{self._french}{self.suffix}")
        return recorded_v5(f"{self.direction}_load_curve{self.suffix}")

    def daily(self, generation: str) -> Any:
        """The response with the daily values."""
        if generation == "2026":
            return recorded(f"{self._french}_quotidienne{self.suffix}")
        return recorded_v5(f"daily_{self.direction}{self.suffix}")

    def parse_curve(self, generation: str, body: Any) -> list[Reading]:
        """The readings that the adapter parses from a curve of these days."""
        return self._parse(generation, f"{self.direction}_load_curve", body)

    def parse_daily(self, generation: str) -> list[Reading]:
        """The readings that the adapter parses from the daily values of these days."""
        return self._parse(generation, f"daily_{self.direction}", self.daily(generation))

    def _parse(self, generation: str, dataset: str, body: Any) -> list[Reading]:
        prm = CONSUMER if self.direction == "consumption" else SELF_CONSUMER
        asked = request(dataset, self.first, self.first + timedelta(days=self.days), prm)
        return parse_measure(body, asked) if generation == "2026" else parse_meter_reading(body, asked)

    @property
    def _french(self) -> str:
        return {"consumption": "consommation", "production": "production"}[self.direction]


WHOLE = [
    Pair("consumption", "", SEPTEMBER, 2, {"PT30M": 96}),
    Pair("consumption", "_jour_de_23_heures", MARCH, 1, {"PT30M": 46}),
    Pair("consumption", "_jour_de_25_heures", OCTOBER, 1, {"PT30M": 50}),
    Pair("consumption", "_pas_de_60_minutes", MARCH, 1, {"PT60M": 23}),
    Pair("consumption", "_pas_de_15_minutes", OCTOBER, 1, {"PT15M": 100}),
    Pair("consumption", "_pas_de_10_minutes", date(2026, 9, 12), 1, {"PT10M": 144}),
    Pair("consumption", "_pas_variable", date(2026, 9, 15), 1, {"PT60M": 12, "PT10M": 72}),
    Pair("production", "", SEPTEMBER, 2, {"PT30M": 96}),
    Pair("production", "_jour_de_23_heures", MARCH, 1, {"PT30M": 46}),
    Pair("production", "_jour_de_25_heures", OCTOBER, 1, {"PT30M": 50}),
    Pair("production", "_pas_variable", date(2026, 9, 15), 1, {"PT60M": 9, "PT15M": 24, "PT30M": 18}),
]
# The second day lacks three half-hours, and its energy is that of the whole day, as a register shows it.
INCOMPLETE = Pair("consumption", "_jour_incomplet", SEPTEMBER, 2, {"PT30M": 93})


def points_of(body: Any) -> list[Any]:
    """The list of points of a response of either generation, to be changed in place."""
    points: list[Any] = (
        body["meter_reading"]["interval_reading"] if "meter_reading" in body else body["grandeur"][0]["points"]
    )
    return points


def test_the_derived_value_of_each_whole_day_is_the_daily_value_of_the_pair() -> None:
    for generation in GENERATIONS:
        for pair in WHOLE:
            with case(generation, pair):
                curve = pair.parse_curve(generation, pair.curve(generation))

                derived = list(derive_daily(curve))

                assert pair.parse_daily(generation) == derived
                assert pair.days == len(derived)


def test_every_point_of_the_pair_counts_and_none_is_like_the_next() -> None:
    for generation in GENERATIONS:
        for pair in WHOLE:
            with case(generation, pair):
                curve = pair.parse_curve(generation, pair.curve(generation))

                assert pair.steps == {step: sum(reading.step == step for reading in curve) for step in pair.steps}
                assert sum(pair.steps.values()) == len(curve)
                assert len({reading.value for reading in curve}) > len(curve) // 4


def test_nothing_is_derived_of_a_day_that_lacks_a_point_wherever_it_stood() -> None:
    for generation in GENERATIONS:
        for pair in WHOLE:
            with case(generation, pair):
                whole = pair.parse_daily(generation)
                for place in (0, 1, 5, 12, -1):
                    body = pair.curve(generation)
                    del points_of(body)[place]
                    hurt = pair.first if place >= 0 else pair.first + timedelta(days=pair.days - 1)

                    derived = list(derive_daily(pair.parse_curve(generation, body)))

                    assert [each for each in whole if day_of(each.start) != hurt] == derived


def test_an_incomplete_day_gives_nothing_beside_a_whole_one_although_its_energy_is_known() -> None:
    for generation in GENERATIONS:
        with case(generation):
            first, second = INCOMPLETE.parse_daily(generation)

            derived = list(derive_daily(INCOMPLETE.parse_curve(generation, INCOMPLETE.curve(generation))))

            assert [first] == derived
            assert day_of(second.start) == SEPTEMBER + timedelta(days=1)


def test_both_generations_give_the_same_readings_of_the_pair() -> None:
    cases: list[Pair] = [*WHOLE, INCOMPLETE]

    for pair in cases:
        with case(pair):
            newer, older = (pair.parse_curve(generation, pair.curve(generation)) for generation in GENERATIONS)

            assert newer == older
            assert sum(pair.steps.values()) == len(newer)
            assert pair.parse_daily("2026") == pair.parse_daily("v5")
