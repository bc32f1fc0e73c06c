"""Fair scheduling: the lines in which planned calls wait, and the places that admit them to the queue.

Each lane has two lines, one for series and one for records, because these have separate quotas at a provider: when the
hourly quota of one is exhausted, the other continues. A line has a bounded number of *places*; a call has one while it
is queued, running, or parked because no quota slot is near. All other calls wait here, as data: round-robin over the
accounts, round-robin over the jobs of an account, and in order within a job. An account may use only a few of the
places, so the backfill of one account does not delay the others. `lua/places.lua` assigns the places.

| Key | Holds |
| --- | --- |
| ``line:{line}`` | sorted set: the accounts with waiting calls, by turn |
| ``line:{line}:{account}`` | sorted set: the jobs of an account with waiting calls, by turn |
| ``again:{job}`` | sorted set: numbers of requeued calls, which precede the job's unsent ones |
| ``places:{line}`` | sorted set: ``account/job/number`` by the time at which the place was given |
| ``places:{line}:{account}`` | set: ``job/number`` of these |

There are no counters: the number of used places is the size of a set, so a leak is always visible. The scripts compute
key names themselves: this requires a single Redis, not a cluster.
"""

from shared.core.datasets import DATASETS
from shared.jobs.models import Lane

_OF_RECORDS = "_records"

LINES = tuple(f"{lane}{kind}" for lane in Lane for kind in ("", _OF_RECORDS))
"""The names of all lines."""


def line_of(lane: Lane, dataset: str) -> str:
    """The line for the calls of a job."""
    return str(lane) if DATASETS[dataset].is_series else f"{lane}{_OF_RECORDS}"
