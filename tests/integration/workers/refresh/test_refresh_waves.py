"""The waves of the refresh: none is planned twice, an interrupted one resumes where it was, and no backlog grows."""

import asyncio
from datetime import datetime, time, timedelta
from typing import Any

import pytest
import time_machine

from shared.consents.models import UsagePoint
from shared.core.calendar import PARIS, DayRange
from shared.jobs.ledger import job_key
from shared.jobs.models import JobStatus, Lane
from shared.jobs.task_queue import Cause
from shared.readings.models import Reason
from shared.refresh.waves import RefreshStore, Wave
from tests.support.simulated_enedis import HEATED_HOUSE
from tests.support.worker import Person, Stage, days_ago
from workers import refresh as planning
from workers.refresh import refresh
from workers.sweeper import sweep

pytestmark = pytest.mark.anyio

CURVE = "consumption_load_curve"
PLANNER = "refresh:planner"


def at(hour: int, minute: int = 0) -> Any:
    """Set the clock to that time of yesterday in Paris."""
    return time_machine.travel(datetime.combine(days_ago(1), time(hour, minute), PARIS), tick=False)


async def newest(stage: Stage) -> Wave:
    found = await stage.resources.refreshes.load_newest()
    assert found is not None
    return found


async def village(stage: Stage, person: Person, houses: int = 5) -> list[UsagePoint]:
    """Some usage points."""
    return [await stage.grant(person, f"9900000000{2000 + number}") for number in range(houses)]


class Killed(BaseException):
    """An exception that no handler of the planner catches, like kill -9."""


async def plan_until_killed(stage: Stage, monkeypatch: pytest.MonkeyPatch, points: int, cause: Cause) -> None:
    """Run a planner that dies after ``points`` usage points: it releases nothing."""
    note_point, left = RefreshStore.note_point, points

    async def note(store: RefreshStore, *arguments: Any) -> bool:
        nonlocal left
        if not left:
            raise Killed
        left -= 1
        return await note_point(store, *arguments)

    async def nothing(*_: object) -> None:
        """Release nothing, as a dead process."""

    with monkeypatch.context() as patched:
        patched.setattr(RefreshStore, "note_point", note)
        patched.setattr(RefreshStore, "release_plan", nothing)
        with pytest.raises(Killed):
            await refresh(stage.resources, cause)


async def curve_jobs(stage: Stage, person: Person) -> list[str]:
    """The usage points of the jobs for the curve, in order of creation."""
    ids = await stage.resources.jobs.list_job_ids(person.account_id)
    jobs = [await stage.resources.jobs.load_job(each) for each in ids]
    return [job.usage_point_id for job in jobs if job and job.dataset == CURVE]


async def test_a_wave_that_two_beats_send_is_planned_once(stage: Stage, house: UsagePoint) -> None:
    with at(9):
        made = [await refresh(stage.resources, Cause.SCHEDULE) for _ in range(2)]

    waves = await stage.resources.refreshes.load_waves()
    assert [f"{days_ago(1)}/1"] == [wave.id for wave in waves]
    assert made[0] > 0
    assert 0 == made[1]


async def test_a_message_that_comes_when_no_wave_is_due_plans_none(stage: Stage, house: UsagePoint) -> None:
    with at(4):
        assert 0 == await refresh(stage.resources, Cause.SCHEDULE)

    assert [] == await stage.resources.refreshes.load_waves()


async def test_a_plan_that_was_killed_is_taken_up_by_the_sweeper_from_its_place(
    stage: Stage, person: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    points = await village(stage, person)
    await plan_until_killed(stage, monkeypatch, 2, Cause.BY_HAND)
    before = await newest(stage)
    stage.redis.delete("system")

    # Its death is not detected yet.
    await sweep(stage.resources)
    assert [] == stage.queued("system")
    assert 0 == await refresh(stage.resources, Cause.RESUME)
    stage.redis.delete(PLANNER)  # as after its expiry
    for _ in range(3):
        await sweep(stage.resources)
    assert [["resume"]] == stage.queued("system")
    await refresh(stage.resources, Cause.RESUME)

    after, planned = await newest(stage), await curve_jobs(stage, person)
    assert ("planning", 2) == (before.state, before.points)
    assert (before.id, 5) == (after.id, after.points)
    assert {point.id for point in points} == set(planned)
    # The usage point during which it was killed has at most two jobs; calls find what the first has stored.
    assert len(planned) <= 6
    assert after.planned_at is not None
    assert "" == after.cursor
    stage.redis.delete("system", "refresh:resumed")
    await sweep(stage.resources)
    assert [] == stage.queued("system")


async def test_a_plan_that_was_killed_is_taken_up_by_the_next_one_that_an_operator_begins(
    stage: Stage, person: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    await village(stage, person)
    await plan_until_killed(stage, monkeypatch, 3, Cause.BY_HAND)
    stage.redis.delete(PLANNER)

    await refresh(stage.resources, Cause.BY_HAND)

    (wave,) = await stage.resources.refreshes.load_waves()
    assert 5 == wave.points


async def test_a_wave_that_comes_before_a_broken_one_was_taken_up_begins_at_its_own_beginning(
    stage: Stage, person: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    await village(stage, person)
    with at(9):
        await plan_until_killed(stage, monkeypatch, 3, Cause.SCHEDULE)
    stage.redis.delete(PLANNER)

    with at(12):
        await refresh(stage.resources, Cause.SCHEDULE)

    second, first = await stage.resources.refreshes.load_waves()
    assert (f"{days_ago(1)}/2", 5, "broken_off", 3) == (second.id, second.points, first.state, first.points)


async def test_a_planner_that_was_taken_for_dead_stops(
    stage: Stage, person: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    await village(stage, person)
    plan_point = planning._plan_point

    async def slow(*arguments: Any) -> Any:
        stage.redis.set(PLANNER, "somebody else")
        return await plan_point(*arguments)

    monkeypatch.setattr(planning, "_plan_point", slow)

    await refresh(stage.resources)

    assert (0, None) == ((await newest(stage)).points, (await newest(stage)).planned_at)
    assert b"somebody else" == stage.redis.get(PLANNER)


async def test_a_series_whose_job_is_still_under_way_is_not_planned_again(
    stage: Stage, person: Person, house: UsagePoint
) -> None:
    with at(9):
        first = await refresh(stage.resources, Cause.SCHEDULE)
    queued = len(stage.queued("bulk"))

    with at(12):
        again = await refresh(stage.resources, Cause.SCHEDULE)

    second, _ = await stage.resources.refreshes.load_waves()
    assert (0, queued) == (again, len(stage.queued("bulk")))
    assert (first, first) == (second.waiting, second.left_by_earlier)


async def test_a_series_whose_job_was_cancelled_is_planned_again(
    stage: Stage, person: Person, house: UsagePoint
) -> None:
    await refresh(stage.resources)
    for job_id in await stage.resources.jobs.list_job_ids(person.account_id):
        await stage.resources.ledger.cancel(job_id, datetime.now(PARIS))

    assert await refresh(stage.resources) > 0


async def test_a_wave_tells_what_is_done_failed_and_left_and_when_it_ended(
    stage: Stage, person: Person, house: UsagePoint
) -> None:
    stage.enedis.break_calls(code="900908", path="puissance", count=None)
    with at(9):
        made = await refresh(stage.resources)
        begun = await newest(stage)
        ticket = stage.next_ticket(Lane.BULK)
        assert ticket is not None
        await stage.fetcher.do_call(ticket)
        halfway = await newest(stage)
        await stage.work_off(Lane.BULK)
        ended = await newest(stage)

    assert ("running", 0, made) == (begun.state, begun.calls_done, begun.calls_left)
    assert ("running", 1, made - 1) == (halfway.state, halfway.calls_done, halfway.calls_left)
    assert ("ended", made, 1, 0) == (ended.state, ended.calls_done, ended.calls_failed, ended.calls_left)
    assert ended.ended_at is not None
    settled = await stage.resources.job_metrics.load_settled()
    assert {("bulk", "ok"): made - 1, ("bulk", "provider_not_subscribed"): 1} == settled.calls
    assert {("bulk", "succeeded"): made - 1, ("bulk", "failed"): 1} == settled.jobs
    # Only its figures are kept.
    assert 0 == stage.redis.hlen("refresh:jobs")


async def test_what_is_kept_of_a_wave_names_no_account_and_no_usage_point(
    stage: Stage, person: Person, house: UsagePoint
) -> None:
    await refresh(stage.resources)

    kept: list[Any] = [stage.redis.dump(key) for key in stage.redis.scan_iter("refresh:*")]
    assert len(kept) >= 3
    for secret in (house.prm, house.id, person.account_id):
        assert secret.encode() not in b"".join(kept)


async def test_jobs_that_were_erased_are_no_backlog(stage: Stage, person: Person, house: UsagePoint) -> None:
    await refresh(stage.resources)
    for job_id in await stage.resources.jobs.list_job_ids(person.account_id):
        stage.redis.delete(job_key(job_id))

    assert "ended" == (await newest(stage)).state


async def test_nobody_is_always_the_last_one(stage: Stage, person: Person) -> None:
    await village(stage, person, 6)
    orders = []

    # A wave begins at a place that its id gives, among ids that are random: of few waves all may begin at the same.
    for number in range(100):
        wave_id = f"{days_ago(number)}/1"
        await stage.resources.refreshes.begin_wave(
            wave_id, datetime.now(PARIS) + timedelta(seconds=number), by_hand=False
        )
        wave = await newest(stage)
        pages = [page async for page in planning._usage_points_in_turn(stage.resources, wave)]
        orders.append([each for page in pages for each in page])

    assert 1 == len({tuple(sorted(order)) for order in orders})
    assert {6} == {len(set(order)) for order in orders}
    assert len({order[-1] for order in orders}) > 1


async def test_many_planners_at_once_are_one(stage: Stage, person: Person) -> None:
    await village(stage, person)

    await asyncio.gather(*(refresh(stage.resources) for _ in range(4)))

    (wave,) = await stage.resources.refreshes.load_waves()
    planned = await curve_jobs(stage, person)
    assert (5, 5) == (wave.points, len(planned))
    jobs = [
        await stage.resources.jobs.load_job(each) for each in await stage.resources.jobs.list_job_ids(person.account_id)
    ]
    assert {JobStatus.QUEUED} == {job.status for job in jobs if job}


def curve_calls(stage: Stage) -> int:
    return len([call for call in stage.enedis.calls() if "courbe" in call["path"]])


async def test_a_day_that_is_not_published_is_asked_for_by_each_wave_until_it_is_there(
    stage: Stage, house: UsagePoint
) -> None:
    stage.enedis.set(publication_hour=14)
    calls = []
    try:
        for hour in (9, 12, 15, 18):
            with at(hour):
                await refresh(stage.resources, Cause.SCHEDULE)
                await stage.work_off(Lane.BULK)
            calls.append(curve_calls(stage))
    finally:
        stage.enedis.set(publication_hour=8)

    assert [1, 2, 3, 3] == calls


async def test_what_a_point_does_not_have_is_asked_for_once_and_by_no_later_wave(stage: Stage) -> None:
    for code in ("ADAM-ERR0075", "ADAM-ERR0069"):
        stage.redis.flushall()
        await stage.move_in(HEATED_HOUSE)
        stage.enedis.break_calls(code=code, path="courbe_de_charge", count=None)

        for hour in (9, 12, 15, 18):
            with at(hour):
                await refresh(stage.resources, Cause.SCHEDULE)
                await stage.work_off(Lane.BULK)

        assert 1 == curve_calls(stage), code


async def test_days_without_a_measure_are_asked_for_while_they_are_young_and_then_never(
    stage: Stage, house: UsagePoint
) -> None:
    """As in v5, and perhaps in 2026: not an empty response, but a refusal."""
    await stage.run(house, CURVE, DayRange(days_ago(20), days_ago(2)))
    before = curve_calls(stage)
    stage.enedis.break_calls(code="STM-ERR-0000014", path="courbe_de_charge", count=None)
    job = await stage.run(house, CURVE, DayRange(days_ago(40), days_ago(33)))
    gaps = [gap for known in (await stage.coverage(job)).values() for gap in known.gaps]
    assert {(Reason.NO_MEASURE, None)} == {(gap.reason, gap.ask_again_at) for gap in gaps}

    for hour in (9, 12):
        with time_machine.travel(datetime.combine(days_ago(0), time(hour), PARIS), tick=False):
            await refresh(stage.resources, Cause.SCHEDULE)
            await stage.work_off(Lane.BULK)

    # Yesterday's data may just be late.
    last = (str(days_ago(2)), str(days_ago(0)))
    assert [last, last] == [(call["start"], call["end"]) for call in stage.enedis.calls() if "courbe" in call["path"]][
        before + 1 :
    ]
