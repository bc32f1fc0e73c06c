"""The job resource: tags, expired jobs, and the list of all jobs."""

from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import pytest

from shared.consents.models import UsagePoint
from shared.core.calendar import DayRange
from shared.core.datasets import Direction, Series
from shared.jobs.models import Job, Lane
from tests.support.api_gateway import NOON, OTHER_PRM, PRM, Person, Stage

pytestmark = pytest.mark.anyio

CURVE, DAILY = "consumption_load_curve", "daily_consumption"
DAYS = DayRange(NOON.date() - timedelta(days=5), NOON.date() - timedelta(days=1))


async def create_job(stage: Stage, point: UsagePoint, *, calls: int = 2, dataset: str = CURVE, minutes: int = 0) -> Job:
    """A job, ``minutes`` after noon."""
    series = Series(point.account_id, point.id, dataset)
    moment = NOON + timedelta(minutes=minutes)
    return await stage.resources.jobs.create_job(series, DAYS, Lane.INTERACTIVE, [DAYS] * calls, {}, moment)


async def test_a_job_that_has_not_gone_on_is_not_sent_again(
    stage: Stage, person: Person, usage_point: UsagePoint
) -> None:
    job = await create_job(stage, usage_point)
    path = f"/v1/jobs/{job.id}"
    first = await stage.client.get(path, headers=person.headers)
    tag = first.headers["ETag"]
    known = {
        text: await stage.client.get(path, headers={**person.headers, "If-None-Match": text})
        for text in (tag, tag.removeprefix("W/"), f'"other", {tag} , W/"third"', "*")
    }
    unknown = {
        text: (await stage.client.get(path, headers={**person.headers, "If-None-Match": text})).status_code
        for text in ('"other"', "", tag[3:-1], "W/", '"', "," * 1000)
    }
    await stage.resources.ledger.cancel(job.id, NOON)
    later = await stage.client.get(path, headers={**person.headers, "If-None-Match": tag})

    assert tag.startswith('W/"')
    assert dict.fromkeys(known, (304, b"", tag, first.headers["Retry-After"])) == {
        text: (answer.status_code, answer.content, answer.headers["ETag"], answer.headers["Retry-After"])
        for text, answer in known.items()
    }
    assert dict.fromkeys(unknown, 200) == unknown
    assert (200, "cancelled") == (later.status_code, later.json()["status"])
    assert tag != later.headers["ETag"]
    assert "Retry-After" not in later.headers
    assert "private, no-cache" == first.headers["Cache-Control"] == known[tag].headers["Cache-Control"]
    assert "Authorization" in first.headers["Vary"]


async def test_the_same_question_without_a_body(stage: Stage, person: Person, usage_point: UsagePoint) -> None:
    job = await create_job(stage, usage_point)

    full = await stage.client.get(f"/v1/jobs/{job.id}", headers=person.headers)
    head = await stage.client.head(f"/v1/jobs/{job.id}", headers=person.headers)

    assert (200, full.headers["ETag"], full.headers["Content-Length"]) == (
        head.status_code,
        head.headers["ETag"],
        head.headers["Content-Length"],
    )


async def test_a_job_that_is_kept_no_longer_is_gone_and_for_others_it_never_was(
    stage: Stage, person: Person, usage_point: UsagePoint
) -> None:
    job, stranger = await create_job(stage, usage_point), await stage.create_person()
    await stage.resources.redis.delete(f"job:{job.id}")

    paths = [("GET", f"/v1/jobs/{job.id}"), ("DELETE", f"/v1/jobs/{job.id}"), ("GET", f"/v1/jobs/{job.id}/events")]
    own = [await stage.client.request(method, path, headers=person.headers) for method, path in paths]
    foreign = [await stage.client.request(method, path, headers=stranger.headers) for method, path in paths]

    assert [(410, "job_gone")] * 3 == [(answer.status_code, answer.json()["code"]) for answer in own]
    assert [(404, "not_found")] * 3 == [(answer.status_code, answer.json()["code"]) for answer in foreign]


async def test_jobs_are_listed_newest_first_page_by_page(stage: Stage, person: Person, usage_point: UsagePoint) -> None:
    made = [(await create_job(stage, usage_point, minutes=n)).id for n in range(5)]
    stranger = await stage.create_person()
    await create_job(stage, await stage.grant(stranger, OTHER_PRM))

    pages = [await stage.client.get("/v1/jobs?limit=2", headers=person.headers)]
    await create_job(stage, usage_point, minutes=60)
    while following := pages[-1].json()["links"]["next"]:
        pages.append(await stage.client.get(following, headers=person.headers))

    assert [made[::-1][:2], made[::-1][2:4], made[::-1][4:]] == [
        [job["id"] for job in page.json()["jobs"]] for page in pages
    ]
    shown = pages[0].json()["jobs"][0]
    full = (await stage.client.get(shown["links"]["self"], headers=person.headers)).json()
    assert {name: value for name, value in full.items() if name != "missing"} == shown


async def test_the_list_can_be_cut_by_what_is_wanted_and_goes_on_with_it(stage: Stage, person: Person) -> None:
    first = await stage.grant(person, PRM, list(Direction))
    second = await stage.grant(person, OTHER_PRM)
    curve = await create_job(stage, first)
    daily = await create_job(stage, first, dataset=DAILY, minutes=1)
    ended = await create_job(stage, second, calls=0, minutes=2)
    cancelled = await create_job(stage, second, minutes=3)
    await stage.resources.ledger.cancel(cancelled.id, NOON)
    at = "2026-10-20T10:0"
    wanted = {
        "status=queued": [daily, curve],
        "status=succeeded&status=cancelled": [cancelled, ended],
        f"dataset={DAILY}": [daily],
        f"usage_point_id={OTHER_PRM}": [cancelled, ended],
        f"created_after={at}1:00Z&created_before={at}3:00Z": [ended, daily],
        "created_after=2026-10-20T12:03:00%2B02:00": [cancelled],
        f"status=failed&dataset={CURVE}": [],
    }

    found = {}
    for query in wanted:
        answer = await stage.client.get(f"/v1/jobs?limit=1&{query}", headers=person.headers)
        found[query] = [job["id"] for job in answer.json()["jobs"]]
        while following := answer.json()["links"]["next"]:
            assert parse_qs(query).items() <= {**parse_qs(urlsplit(following).query)}.items() or "created" in query
            answer = await stage.client.get(following, headers=person.headers)
            found[query] += [job["id"] for job in answer.json()["jobs"]]

    assert {query: [job.id for job in jobs] for query, jobs in wanted.items()} == found


async def test_a_list_that_makes_no_sense_is_refused(stage: Stage, person: Person) -> None:
    refused = [
        "limit=0",
        "limit=101",
        "limit=x",
        "status=done",
        "dataset=weather",
        "usage_point_id=123",
        "created_after=2026-10-20",
        "created_after=2026-10-20T10:00:00",
        "created_before=9999-12-31T23:59:59Z",
        "created_after=1",
        "cursor=",
        "cursor=x",
        "cursor=%00",
        "cursor=" + "A" * 5000,
        "cursor=w6nDqcOpw6nDqQ",
    ]

    answers = [await stage.client.get(f"/v1/jobs?{query}", headers=person.headers) for query in refused]

    assert [(422, "validation_failed")] * len(refused) == [
        (answer.status_code, answer.json()["code"]) for answer in answers
    ]


async def test_a_cursor_is_good_for_its_account_and_as_it_was_given(
    stage: Stage, person: Person, usage_point: UsagePoint
) -> None:
    for n in range(2):
        await create_job(stage, usage_point, minutes=n)
    following = (await stage.client.get("/v1/jobs?limit=1", headers=person.headers)).json()["links"]["next"]
    stranger = await stage.create_person()

    theirs = await stage.client.get(following, headers=stranger.headers)
    # Not the last character: some of its bits may be unused.
    other = "A" if following[-9] != "A" else "B"
    changed = await stage.client.get(following[:-9] + other + following[-8:], headers=person.headers)

    assert [422, 422] == [theirs.status_code, changed.status_code]


async def test_a_usage_point_of_somebody_else_is_none_to_look_for(stage: Stage, person: Person) -> None:
    await stage.grant(await stage.create_person(), OTHER_PRM)

    answer = await stage.client.get(f"/v1/jobs?usage_point_id={OTHER_PRM}", headers=person.headers)

    assert (404, "not_found") == (answer.status_code, answer.json()["code"])
