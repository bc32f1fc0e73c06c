"""Whose call is next: the lines in which planned calls wait, and the places that let them into the queue.

For each lane there are two lines, one for series and one for records, which have quotas of their own at a provider:
when the hour of one is used up, the other goes on. A line has a bounded number of *places*; a call has one while it is
in the queue, being worked on, or laid aside because no slot of the quota is near. Everything else waits here, as data:
the accounts take turns, the jobs of an account take turns, the calls of a job go in their order. Of the places an
account has a few only, so nobody's backfill makes others wait. `lua/places.lua` gives them out.

| Key | Holds |
| --- | --- |
| ``line:{line}`` | sorted set: the accounts that have calls waiting, by turn |
| ``line:{line}:{account}`` | sorted set: the jobs of one that have calls waiting, by turn |
| ``again:{job}`` | sorted set: numbers of calls that came back and wait for their turn, before the job's unsent ones |
| ``places:{line}`` | sorted set: ``account/job/number`` by the moment at which the place was given |
| ``places:{line}:{account}`` | set: ``job/number`` of these |

No counter is kept: how many places are taken is the size of a set, so nothing can leak that is not seen. Keys are named
inside the scripts: this is for one Redis, not for a cluster.
"""

from shared.core.datasets import DATASETS
from shared.jobs.models import Lane

_OF_RECORDS = "_records"

LINES = tuple(f"{lane}{kind}" for lane in Lane for kind in ("", _OF_RECORDS))
"""The names of all lines."""


def line_of(lane: Lane, dataset: str) -> str:
    """The line in which the calls of a job wait."""
    return str(lane) if DATASETS[dataset].is_series else f"{lane}{_OF_RECORDS}"
