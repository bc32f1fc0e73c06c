"""Following a job until it ends: by its events, or by looking again where there are none."""

from collections.abc import Iterator

from cli.user.failures import Refused, Unreachable
from cli.user.gateway import Document, Gateway
from cli.user.listening import listen

ENDED = frozenset({"succeeded", "partial", "failed", "cancelled"})
# What is answered to who can't listen: there are no events, or too many listen.
NO_EVENTS = (404, 405, 429, 503)
_LOOK_SECONDS = 1
# A gateway that is started again is back within a minute.
_BREAKS = 60


def follow_job(gateway: Gateway, job: Document) -> Iterator[Document]:
    """The job as it is, each time that something may have happened; last as it has ended. Raises `Failure`."""
    yield job
    if job["status"] not in ENDED:
        for wait_seconds in _occasions(gateway, job):
            job = _look(gateway, job, wait_seconds)
            yield job
            if job["status"] in ENDED:
                return


def _occasions(gateway: Gateway, job: Document) -> Iterator[int]:
    """Each moment at which it is worth looking, and how long the gateway may then wait for the job's end."""
    try:
        for _ in listen(gateway, f"{job['links']['self']}/events"):
            yield 0
    except Refused as refusal:
        # Should something be wrong with the job itself, the next look says so.
        if refusal.http_status not in NO_EVENTS:
            raise
    while True:
        yield _LOOK_SECONDS


def _look(gateway: Gateway, job: Document, wait_seconds: int) -> Document:
    headers = {"Prefer": f"wait={wait_seconds}"} if wait_seconds else {}
    for _ in range(_BREAKS):
        try:
            return gateway.ask("GET", job["links"]["self"], headers=headers)
        except Unreachable:
            gateway.sleep(_LOOK_SECONDS)
    return gateway.ask("GET", job["links"]["self"], headers=headers)
