"""The number of calls to Enedis: the minimum, and none for stored data."""

from tests.support.running_gateway import ONE_DAY, Person, Stage, settled_days


def test_two_years_of_curve_cost_105_calls_once_none_again_and_one_when_they_are_shifted_by_a_day(
    stage: Stage, person: Person, household: str
) -> None:
    start, end = settled_days(730)
    counts = []

    for shift in (0, 0, 1):
        before = stage.enedis.count()
        days = (start + shift * ONE_DAY, end + shift * ONE_DAY)
        job = person.fetch(household, "consumption_load_curve", *days)
        assert ("succeeded", []) == (job["status"], job["missing"])
        counts.append((stage.enedis.count() - before, job["progress"]["calls_total"]))

    assert [(105, 105), (0, 0), (1, 1)] == counts
    assert {200} == {call["status"] for call in stage.enedis.calls(household)}
    readings = person.read(household, "consumption_load_curve", start, end + ONE_DAY)
    assert "hit" == readings.headers["X-Cache-Status"]
    assert 731 == len({reading["start"][:10] for reading in readings.json()["readings"]})


def test_three_years_of_days_cost_four_calls_once_and_none_again(stage: Stage, person: Person, household: str) -> None:
    start, end = settled_days(1095)
    before = stage.enedis.count()

    first = person.fetch(household, "daily_consumption", start, end)
    calls_first = stage.enedis.count() - before
    again = person.fetch(household, "daily_consumption", start, end)

    assert (4, 4, 0) == (calls_first, first["progress"]["calls_total"], again["progress"]["calls_total"])
    assert 4 == stage.enedis.count() - before
    assert ["succeeded", "succeeded"] == [first["status"], again["status"]]


def test_days_asked_for_twice_at_the_same_time_are_stored_whole(stage: Stage, person: Person, household: str) -> None:
    start, end = settled_days(28)

    jobs = [person.submit(household, "consumption_load_curve", start, end) for _ in range(2)]
    ended = [person.wait_for(job) for job in jobs]

    assert [("succeeded", [])] * 2 == [(job["status"], job["missing"]) for job in ended]
    assert "hit" == person.read(household, "consumption_load_curve", start, end).headers["X-Cache-Status"]


def test_a_waiting_request_is_answered_with_the_ended_job(person: Person, household: str) -> None:
    start, end = settled_days(7)
    body = {"usage_point_id": household, "dataset": "consumption_load_curve", "start": str(start), "end": str(end)}

    answer = person.client.post("/v1/jobs", json=body, headers=person.headers | {"Prefer": "wait=30"})

    assert (200, "wait=30") == (answer.status_code, answer.headers["Preference-Applied"])
    assert ("succeeded", 1) == (answer.json()["status"], answer.json()["progress"]["calls_done"])
    assert answer.json()["id"] in answer.headers["Location"]
