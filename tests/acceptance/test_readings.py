"""From a consent to readings: an account reads Enedis's values, each at the correct instant."""

from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, time, timedelta

import pytest

from simulator.known_points import Profile
from tests.support.running_gateway import ONE_DAY, PARIS, Document, Person, Stage, hours_of, settled_days

DAYS = 20


def clock_changes(hours: int) -> Sequence[date]:
    """The days of that length within the two years of which Enedis keeps curves."""
    start, end = settled_days(730)
    days = (start + number * ONE_DAY for number in range((end - start).days))
    found = [day for day in days if hours_of(day) == hours]
    assert found, "there is one every year"
    return found


def half_hours(start: date, end: date) -> Iterator[datetime]:
    """The starts of half-hours, counted from the first midnight, unaffected by clock changes."""
    moment, last = (datetime.combine(day, time(), PARIS).astimezone(UTC) for day in (start, end))
    while moment < last:
        yield moment
        moment += timedelta(minutes=30)


def shown(instant: datetime) -> str:
    """An instant in the format of a response."""
    return instant.astimezone(PARIS).isoformat()


@pytest.mark.parametrize("dataset", ["consumption_load_curve", "production_load_curve"])
def test_a_curve_is_what_enedis_says_with_the_start_of_each_half_hour(
    stage: Stage, person: Person, dataset: str
) -> None:
    usage_point_id = stage.new_household(Profile.SOLAR)
    person.give_consent(usage_point_id)
    start, end = settled_days(DAYS)

    job = person.fetch(usage_point_id, dataset, start, end)
    document = person.read(usage_point_id, dataset, start, end).json()

    expected = []
    starts = half_hours(start, end)
    for day in range(0, DAYS, 7):
        first = start + day * ONE_DAY
        for point in stage.enedis.measure(dataset, usage_point_id, first, min(first + 7 * ONE_DAY, end)):
            moment = next(starts)
            # Enedis dates a half-hour by its end, in local time.
            assert point["d"].replace(" ", "T") == shown(moment + timedelta(minutes=30))[:19]
            expected.append({"start": shown(moment), "step": "PT30M", "value": int(point["v"]), "quality": "raw"})
    assert ("succeeded", []) == (job["status"], job["missing"])
    assert sum(2 * hours_of(start + day * ONE_DAY) for day in range(DAYS)) == len(expected)
    assert expected == document["readings"]
    assert ("W", "Europe/Paris", []) == (document["unit"], document["timezone"], document["missing"])


@pytest.mark.parametrize("dataset", ["daily_consumption", "daily_production"])
def test_daily_energy_is_what_enedis_says(stage: Stage, person: Person, dataset: str) -> None:
    usage_point_id = stage.new_household(Profile.SOLAR)
    person.give_consent(usage_point_id)
    start, end = settled_days(400)

    job = person.fetch(usage_point_id, dataset, start, end)
    document = person.read(usage_point_id, dataset, start, end).json()

    expected = [
        {"start": midnight(point["d"]), "step": "P1D", "value": int(point["v"]), "quality": "raw"}
        for point in stage.enedis.measure(dataset, usage_point_id, start, end)
    ]
    assert ("succeeded", []) == (job["status"], job["missing"])
    assert 400 == len(expected)
    assert expected == document["readings"]
    assert "Wh" == document["unit"]


def test_peak_power_is_what_enedis_says_with_its_instant(stage: Stage, person: Person, household: str) -> None:
    start, end = settled_days(60)

    job = person.fetch(household, "daily_consumption_max_power", start, end)
    document = person.read(household, "daily_consumption_max_power", start, end).json()

    expected = []
    for point in stage.enedis.measure("daily_consumption_max_power", household, start, end):
        at = datetime.fromisoformat(point["d"]).replace(tzinfo=PARIS).isoformat()
        day = {"start": midnight(point["d"]), "step": "P1D", "value": int(point["v"]), "quality": "raw", "at": at}
        expected.append(day)
    assert ("succeeded", []) == (job["status"], job["missing"])
    assert 60 == len(expected)
    assert expected == document["readings"]
    assert "VA" == document["unit"]


def test_the_day_of_the_spring_change_has_46_half_hours_and_skips_an_hour(person: Person, household: str) -> None:
    days = clock_changes(23)

    readings = {day: read_day(person, household, day) for day in days}

    for day in days:
        assert ["+01:00"] * 4 + ["+02:00"] * 42 == [reading["start"][-6:] for reading in readings[day]]
        assert [f"{day}T01:30:00+01:00", f"{day}T03:00:00+02:00"] == [each["start"] for each in readings[day][3:5]]


def test_the_day_of_the_autumn_change_has_50_half_hours_and_tells_the_hour_that_comes_twice_apart(
    person: Person, household: str
) -> None:
    days = clock_changes(25)

    readings = {day: read_day(person, household, day) for day in days}

    for day in days:
        assert ["+02:00"] * 6 + ["+01:00"] * 44 == [reading["start"][-6:] for reading in readings[day]]
        assert [f"{day}T02:00:00+02:00", f"{day}T02:30:00+02:00", f"{day}T02:00:00+01:00"] == [
            each["start"] for each in readings[day][4:7]
        ]


def test_a_curve_adds_up_to_the_daily_energy_also_on_days_of_23_and_25_hours(person: Person, household: str) -> None:
    days = [*clock_changes(23), *clock_changes(25)]
    person.fetch(household, "daily_consumption", min(days), max(days) + ONE_DAY)
    daily = person.read(household, "daily_consumption", min(days), max(days) + ONE_DAY).json()["readings"]
    energies = {each["start"][:10]: each["value"] for each in daily}

    sums = {str(day): sum(each["value"] for each in read_day(person, household, day)) / 2 for day in days}

    assert {str(day): energies[str(day)] for day in days} == sums


def test_what_enedis_does_not_have_stays_a_gap_with_its_reason(stage: Stage, person: Person) -> None:
    usage_point_id = stage.new_household(Profile.GAPS)
    person.give_consent(usage_point_id)
    start, end = settled_days(28)

    job = person.fetch(usage_point_id, "consumption_load_curve", start, end)
    document = person.read(usage_point_id, "consumption_load_curve", start, end).json()

    points = [
        point
        for week in range(4)
        for point in stage.enedis.measure(
            "consumption_load_curve", usage_point_id, start + week * 7 * ONE_DAY, start + (week + 1) * 7 * ONE_DAY
        )
    ]
    assert "succeeded" == job["status"]
    had = [(datetime.fromisoformat(point["d"]), int(point["v"])) for point in points]
    stored = [(wall_clock_end(reading), reading["value"]) for reading in document["readings"]]
    assert [each for each in had if not comes_twice(each[0])] == [each for each in stored if not comes_twice(each[0])]
    # Of the hour that October has twice a point may be left out, where others of that night are missing.
    assert set(stored) <= set(had)
    assert len(points) < sum(2 * hours_of(start + day * ONE_DAY) for day in range(28))
    assert {"no_measure", "incomplete"} >= {gap["reason"] for gap in document["missing"]} != set()
    assert job["missing"] == document["missing"]


def wall_clock_end(reading: Document) -> datetime:
    """When a half-hour ends, as a clock in Paris shows it."""
    start = datetime.fromisoformat(reading["start"]).astimezone(UTC)
    return (start + timedelta(minutes=30)).astimezone(PARIS).replace(tzinfo=None)


def comes_twice(wall_clock: datetime) -> bool:
    """Whether clocks in Paris show this time twice, in the night that ends the summer."""
    return len({wall_clock.replace(tzinfo=PARIS, fold=fold).utcoffset() for fold in (0, 1)}) > 1


def midnight(label: str) -> str:
    """The first instant of the day of an Enedis label, in the format of a response."""
    return datetime.combine(date.fromisoformat(label[:10]), time(), PARIS).isoformat()


def read_day(person: Person, usage_point_id: str, day: date) -> list[Document]:
    """The half-hours of one day, fetched first if necessary."""
    job = person.fetch(usage_point_id, "consumption_load_curve", day, day + ONE_DAY)
    assert ("succeeded", []) == (job["status"], job["missing"])
    readings: list[Document] = person.read(usage_point_id, "consumption_load_curve", day, day + ONE_DAY).json()[
        "readings"
    ]
    return readings
