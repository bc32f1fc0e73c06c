"""Failures of Enedis: a job always ends, with a status, and with a reason for each missing day."""

import time
from datetime import UTC, datetime, timedelta
from typing import Any

from simulator.known_points import Profile
from tests.support.gateways import Unanswered
from tests.support.running_gateway import ADMIN_KEY, Document, Person, Stage, settled_days

CURVE = "consumption_load_curve"

UNAVAILABLE = ("failed", "provider_unavailable", "provider_error", True, 2)
GARBAGE = ("failed", "provider_garbage", "provider_error", True, 2)
FOREVER: dict[str, tuple[dict[str, Any], tuple[str, str, str, bool, int]]] = {
    "an error of its own": ({"kind": "technical_error"}, UNAVAILABLE),
    "a page of HTML": ({"kind": "html"}, UNAVAILABLE),
    "a page of HTML as if it were fine": ({"kind": "html", "status": 200}, GARBAGE),
    "plain text": ({"kind": "plain_text"}, UNAVAILABLE),
    "nothing at all": ({"kind": "empty"}, GARBAGE),
    "half of the answer": ({"kind": "truncated"}, GARBAGE),
    "a connection that ends in the middle": ({"kind": "cut"}, UNAVAILABLE),
    "somebody else's readings": ({"kind": "wrong_point"}, GARBAGE),
    "no right any more": ({"code": "ADAM-DC-0008"}, ("failed", "consent_lost", "consent_lost", True, 1)),
    "no subscription": (
        {"code": "900908"},
        ("failed", "provider_not_subscribed", "provider_error", True, 1),
    ),
}


def test_whatever_enedis_answers_for_ever_the_job_ends_with_a_reason(stage: Stage, person: Person) -> None:
    start, end = settled_days(7)
    jobs, households = {}, {}
    for name, (fault, _) in FOREVER.items():
        households[name] = stage.new_household()
        person.give_consent(households[name])
        stage.enedis.fail(households[name], **fault, count=None)
        jobs[name] = person.submit(households[name], CURVE, start, end)

    ended = {name: person.wait_for(job) for name, job in jobs.items()}

    found = {}
    for name, job in ended.items():
        (gap,) = job["missing"]
        assert (str(start), str(end)) == (gap["start"], gap["end"])
        calls = len(stage.enedis.calls(households[name]))
        found[name] = (job["status"], job["error"]["code"], gap["reason"], gap["retryable"], calls)
    assert {name: outcome for name, (_, outcome) in FOREVER.items()} == found


def test_an_answer_that_comes_too_late_is_none_and_the_job_ends_with_that_reason(
    stage: Stage, unanswered: Unanswered, unanswered_job: Document
) -> None:
    (gap,) = unanswered_job["missing"]

    assert ("failed", "provider_timeout") == (unanswered_job["status"], unanswered_job["error"]["code"])
    assert (*map(str, settled_days(7)), "provider_error", True) == (
        gap["start"],
        gap["end"],
        gap["reason"],
        gap["retryable"],
    )
    # Refused once, attempted as often as any other call, and not waited for again.
    assert ["technical_error", "delay"] == [call["fault"] for call in stage.enedis.calls(unanswered.usage_point_id)]


def test_a_failure_that_passes_leaves_no_trace_in_the_data(stage: Stage, person: Person) -> None:
    start, end = settled_days(14)
    households = {kind: stage.new_household() for kind in ("html", "truncated", "empty", "cut", "technical_error")}
    for kind, usage_point_id in households.items():
        person.give_consent(usage_point_id)
        stage.enedis.fail(usage_point_id, kind=kind)

    jobs = {kind: person.submit(usage_point_id, CURVE, start, end) for kind, usage_point_id in households.items()}
    ended = {kind: person.wait_for(job) for kind, job in jobs.items()}

    for kind, job in ended.items():
        assert ("succeeded", [], None) == (job["status"], job["missing"], job["error"]), kind
        calls = stage.enedis.calls(households[kind])
        assert [kind] == [call["fault"] for call in calls if call["fault"]]
        assert 3 == len(calls), kind


def test_when_one_of_two_calls_fails_for_good_the_job_is_partial_and_says_which_days(
    stage: Stage, person: Person, household: str
) -> None:
    start, end = settled_days(14)
    # Both calls have two attempts at most: three failures are two of one call, and one of the other.
    stage.enedis.fail(household, kind="technical_error", count=3)

    job = person.fetch(household, CURVE, start, end)

    assert ("partial", 2, 1) == (job["status"], job["progress"]["calls_done"], job["progress"]["calls_failed"])
    (gap,) = job["missing"]
    assert ("provider_error", True) == (gap["reason"], gap["retryable"])
    answer = person.read(household, CURVE, start, end)
    assert 7 == len({reading["start"][:10] for reading in answer.json()["readings"]})
    assert not any(gap["start"] <= each["start"][:10] < gap["end"] for each in answer.json()["readings"])


def test_a_curve_that_is_not_collected_ends_well_with_the_reason(stage: Stage, person: Person) -> None:
    usage_point_id = stage.new_household(Profile.NO_CURVE)
    person.give_consent(usage_point_id)
    start, end = settled_days(14)

    curve = person.fetch(usage_point_id, CURVE, start, end)
    daily = person.fetch(usage_point_id, "daily_consumption", start, end)

    assert ("succeeded", ["no_measure"]) == (curve["status"], [gap["reason"] for gap in curve["missing"]])
    assert ("succeeded", []) == (daily["status"], daily["missing"])


def test_calls_refused_because_they_came_too_fast_are_made_again(stage: Stage, person: Person, household: str) -> None:
    start, end = settled_days(42)
    stage.enedis.fail(household, code="900807", count=2)

    job = person.fetch(household, CURVE, start, end)

    statuses = [call["status"] for call in stage.enedis.calls(household)]
    assert ("succeeded", [], 6) == (job["status"], job["missing"], job["progress"]["calls_done"])
    assert [200] * 6 + [429] * 2 == sorted(statuses)


def is_closed(stage: Stage) -> bool:
    """Whether the gateway has paused its calls to Enedis's measures API."""
    headers = {"Authorization": f"Bearer {ADMIN_KEY}"}
    apis = stage.client.get("/v1/admin/pacer", headers=headers).raise_for_status().json()["apis"]
    return any(each["api"] == "measures" and each["closed_until"] for each in apis)


def time_of_a_call(stage: Stage, person: Person) -> timedelta:
    """The current duration of a job of one call."""
    usage_point_id = stage.new_household()
    person.give_consent(usage_point_id)
    begun = time.monotonic()
    person.fetch(usage_point_id, CURVE, *settled_days(7))
    return timedelta(seconds=time.monotonic() - begun)


def test_when_the_hour_is_used_up_in_the_middle_of_a_job_nobody_calls_until_enedis_says_so_and_the_job_ends_complete(
    stage: Stage, person: Person, household: str, unanswered: Unanswered
) -> None:
    left = 10 * time_of_a_call(stage, person) + timedelta(seconds=5)
    start, end = settled_days(70)
    other_household = stage.new_household()
    person.give_consent(other_household)
    # Calls of another test would be counted with these.
    while len(stage.enedis.calls(unanswered.usage_point_id)) < 2:
        time.sleep(0.05)
    conditions = stage.enedis.conditions()
    stage.enedis.client.delete("/control/limits").raise_for_status()
    stage.enedis.set(per_hour=5, hour_window="sliding")
    # An hour is too long for a test: Enedis's clock is set back so that the hour ends within seconds.
    stage.enedis.set_clock(datetime.now(UTC) - timedelta(hours=1) + left)

    job = person.submit(household, CURVE, start, end)
    # Wait for the gateway's state: Enedis's last response may still be in transit.
    while not is_closed(stage):
        status = person.get(job["links"]["self"], headers={"Prefer": "wait=1"})["status"]
        assert status in ("queued", "running")
    stage.enedis.set(**conditions)
    other_job = person.submit(other_household, CURVE, start, end)
    ended = [person.wait_for(each) for each in (job, other_job)]

    calls, other_calls = stage.enedis.calls(household), stage.enedis.calls(other_household)
    refused = [call for call in calls if call["status"] == 429]
    assert [("succeeded", [], 10)] * 2 == [
        (each["status"], each["missing"], each["progress"]["calls_done"]) for each in ended
    ]
    assert {"900804"} == {call["error"] for call in refused}
    assert [200] * 10 == [call["status"] for call in calls if call not in refused]
    assert [200] * 10 == [call["status"] for call in other_calls]
    # Enedis returned the time at which the first call is an hour old, in whole seconds.
    reopened = calls[0]["epoch_seconds"] + left.total_seconds()
    early = [call for call in [*calls[5:], *other_calls] if call["epoch_seconds"] < reopened]
    # These were in transit at the first refusal; one that arrived late was accepted in Enedis's next hour.
    assert 0 < len(refused) <= len(early) <= 4
    assert {call["usage_point_id"] for call in early} == {household}
