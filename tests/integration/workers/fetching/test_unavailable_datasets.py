"""One call detects a dataset that a usage point can't measure; no other call is made before a new consent."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import update

from shared.consents.loss_policy import NOT_COLLECTED_PAUSE, WRONG_DIRECTION_PAUSE
from shared.consents.models import UsagePoint
from shared.core.calendar import DayRange
from shared.core.datasets import DATASETS
from shared.jobs.models import JobStatus
from shared.readings.models import Reason
from shared.storage.tables import usage_points
from tests.support.simulated_enedis import HEATED_HOUSE
from tests.support.storing import save_window
from tests.support.worker import Person, Stage, days_ago
from workers.refresh import refresh

pytestmark = pytest.mark.anyio

CURVE = "consumption_load_curve"
SOME_DAYS = DayRange(days_ago(40), days_ago(35))
OTHER_DAYS = DayRange(days_ago(30), days_ago(2))
FINAL = {"ADAM-ERR0069": Reason.WRONG_DIRECTION, "ADAM-ERR0075": Reason.CURVE_NOT_COLLECTED}


async def reasons_of(stage: Stage, usage_point: UsagePoint, days: DayRange) -> set[tuple[Reason, datetime | None]]:
    """The reasons for the missing days of a curve, as a client reads them."""
    job = await stage.run(usage_point, CURVE, days)
    assert JobStatus.SUCCEEDED is job.status
    known = (await stage.coverage(job)).values()
    return {(gap.reason, gap.ask_again_at) for each in known for gap in each.gaps if each.since >= days.start}


async def test_other_days_of_it_cost_no_call_and_the_refresh_leaves_it_out(stage: Stage) -> None:
    for code, reason in FINAL.items():
        house = await stage.move_in(HEATED_HOUSE)
        stage.redis.delete("bulk")
        stage.enedis.break_calls(code=code, count=None)
        await stage.run(house, CURVE, SOME_DAYS)
        calls = len(stage.enedis.calls())

        reasons = await reasons_of(stage, house, OTHER_DAYS)

        assert {(reason, None)} == reasons, code
        assert calls == len(stage.enedis.calls()), code

        await refresh(stage.resources)

        planned = [await stage.resources.jobs.load_job(arguments[0]) for arguments in stage.queued("bulk")]
        assert CURVE not in {job.dataset for job in planned if job}, code
        # Daily values that the curve would have provided are requested directly.
        assert "daily_consumption" in {job.dataset for job in planned if job}, code


async def test_what_one_dataset_lacks_says_nothing_about_another(stage: Stage, house: UsagePoint) -> None:
    stage.enedis.break_calls(code="ADAM-ERR0075", path="courbe_de_charge", count=None)
    await stage.run(house, CURVE, SOME_DAYS)

    daily = await stage.run(house, "daily_consumption", SOME_DAYS)

    assert {"complete"} == {known.state for known in (await stage.coverage(daily)).values()}


async def test_what_may_change_is_looked_at_again_after_a_while(stage: Stage, house: UsagePoint) -> None:
    noted_at = datetime.now(UTC)
    await stage.resources.usage_points.note_unavailable(house.id, CURVE, Reason.CURVE_NOT_COLLECTED, noted_at)
    await stage.resources.usage_points.note_unavailable(
        house.id, "daily_consumption_max_power", Reason.WRONG_DIRECTION, noted_at
    )

    point = await stage.resources.usage_points.load(house.id)

    moment = timedelta(seconds=1)
    for name, reason, pause in (
        (CURVE, Reason.CURVE_NOT_COLLECTED, NOT_COLLECTED_PAUSE),
        ("daily_consumption_max_power", Reason.WRONG_DIRECTION, WRONG_DIRECTION_PAUSE),
    ):
        assert reason is point.reason_against(DATASETS[name], noted_at + pause - moment)
        assert point.reason_against(DATASETS[name], noted_at + pause) is None


async def test_a_direction_of_which_readings_are_stored_exists_whatever_one_answer_says(
    stage: Stage, house: UsagePoint
) -> None:
    await stage.run(house, CURVE, SOME_DAYS)
    stage.enedis.break_calls(code="ADAM-ERR0069")
    refused = await stage.run(house, CURVE, DayRange(days_ago(30), days_ago(28)))

    job = await stage.run(house, CURVE, DayRange(days_ago(20), days_ago(15)))

    known = await stage.coverage(job)
    assert {Reason.WRONG_DIRECTION} == {gap.reason for gap in known[str(refused.start)].gaps}
    assert "complete" == known[str(days_ago(20))].state


async def test_a_record_has_no_direction_and_no_curve(stage: Stage, house: UsagePoint) -> None:
    for code, dataset in zip(FINAL, ("address", "identity"), strict=True):
        stage.enedis.break_calls(code=code)

        await stage.run(house, dataset, DayRange(days_ago(0), days_ago(-1)))

        assert {} == (await stage.resources.usage_points.load(house.id)).unavailable, code


async def test_a_new_consent_makes_the_same_days_worth_a_call_at_once(
    stage: Stage, person: Person, house: UsagePoint
) -> None:
    # Separate days for each.
    for number, code in enumerate((*FINAL, "ADAM-DC-0008")):
        days = DayRange(days_ago(60 - 10 * number), days_ago(55 - 10 * number))
        stage.enedis.break_calls(code=code, count=None)
        await stage.run(house, CURVE, days)
        stage.enedis.mend()

        renewed = await stage.renew(person, house)
        job = await stage.run(renewed, CURVE, days)

        assert (house.id, JobStatus.SUCCEEDED) == (renewed.id, job.status), code
        states = {known.state for known in (await stage.coverage(job)).values() if known.since >= days.start}
        assert {"complete"} == states, code


async def test_a_new_consent_keeps_what_is_absent_for_other_reasons(
    stage: Stage, person: Person, house: UsagePoint
) -> None:
    stage.enedis.break_calls(code="ADAM-ERR0125", count=None)
    job = await stage.run(house, CURVE, SOME_DAYS)
    before = await stage.coverage(job)

    await stage.renew(person, house)

    assert {Reason.BEYOND_HISTORY} == {gap.reason for known in before.values() for gap in known.gaps}
    assert before == await stage.coverage(job)


async def test_a_stored_record_that_was_refused_is_renewed_under_a_new_consent(
    stage: Stage, person: Person, house: UsagePoint
) -> None:
    today = DayRange(days_ago(0), days_ago(-1))
    job = await stage.run(house, "contract", today)
    known = (await stage.coverage(job))["current"]
    # As if the last fetch were so long ago that it is due, with access lost since then.
    long_ago = datetime.now(UTC) - timedelta(days=60)
    await save_window(stage.resources.readings, job.series, replace(known, fetched_at=long_ago), [], b"")
    stage.enedis.break_calls(code="ADAM-DC-0008", count=None)
    await stage.run(house, "contract", today)
    refused = (await stage.coverage(job))["current"]
    stage.enedis.mend()

    await stage.run(await stage.renew(person, house), "contract", today)

    renewed = (await stage.coverage(job))["current"]
    assert [Reason.CONSENT_LOST] == [gap.reason for gap in refused.gaps]
    assert ("complete", True) == (renewed.state, renewed.fetched_at > long_ago)


async def test_points_that_were_known_before_this_was_remembered_lack_nothing(stage: Stage, house: UsagePoint) -> None:
    async with stage.resources.database.transaction() as connection:
        await connection.execute(update(usage_points).values(unavailable=None))

    point = await stage.resources.usage_points.load(house.id)

    assert {} == point.unavailable
