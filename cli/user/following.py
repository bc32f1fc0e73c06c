"""Follows a job until it ends: by its events, or by polling where there are none."""

from collections.abc import Iterator

from cli.user.failures import Refused, Unreachable
from cli.user.gateway import Document, Gateway
from cli.user.listening import listen

ENDED = frozenset({"succeeded", "partial", "failed", "cancelled"})
# Error codes that prevent streaming: events are not available, or too many clients listen.
NO_EVENTS = (404, 405, 429, 503)
_LOOK_SECONDS = 1
# A restarted gateway is back within a minute.
_BREAKS = 60


def follow_job(gateway: Gateway, job: Document) -> Iterator[Document]:
    """The job's state each time that it may have changed; the last one is its final state. Raises `Failure`."""
    yield job
    if job["status"] not in ENDED:
        for wait_seconds in _occasions(gateway, job):
            job = _look(gateway, job, wait_seconds)
            yield job
            if job["status"] in ENDED:
                return


def _occasions(gateway: Gateway, job: Document) -> Iterator[int]:
    """Yields at each time to poll the job, with how long the gateway may then wait for its end."""
    try:
        for _ in listen(gateway, f"{job['links']['self']}/events"):
            yield 0
    except Refused as refusal:
        # If the job itself has a problem, the next poll reports it.
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
