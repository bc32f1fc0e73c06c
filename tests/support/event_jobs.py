"""Jobs whose events the tests of streams read."""

from datetime import timedelta

from shared.consents.models import UsagePoint
from shared.core.calendar import DayRange
from shared.core.datasets import Series
from shared.jobs.models import Job, Lane
from tests.support.api_gateway import NOON, Stage

CURVE = "consumption_load_curve"


DAYS = DayRange(NOON.date() - timedelta(days=5), NOON.date() - timedelta(days=1))


async def create_job(stage: Stage, point: UsagePoint, calls: int = 2) -> Job:
    """A job of ``calls`` calls."""
    series = Series(point.account_id, point.id, CURVE)
    return await stage.resources.jobs.create_job(series, DAYS, Lane.INTERACTIVE, [DAYS] * calls, {}, NOON)


async def tell(stage: Stage, job: Job, event_type: str) -> None:
    """Publish an event of the job."""
    await stage.resources.events.publish(job.account_id, event_type, {"job_id": job.id})
