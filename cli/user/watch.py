"""Follows events: one job until it ends, or all jobs and all other events until Ctrl-C."""

from collections.abc import Iterator
from dataclasses import asdict
from datetime import UTC, datetime

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID

from cli.user.failures import Refused
from cli.user.fetch import ENDS, see_through
from cli.user.following import ENDED, NO_EVENTS
from cli.user.gateway import Document, Gateway
from cli.user.listening import Event, listen
from cli.user.points import point_name
from cli.user.screen import Screen
from cli.user.session import logged_in
from cli.user.words import counted, masked
from shared.core.calendar import PARIS

_LOOK_SECONDS = 1.0
_JOBS = "20"
_SNAPSHOT = "account.snapshot"


def watch(screen: Screen, job_id: str | None) -> int:
    """Show the events. The exit status is that of the job; 0 after Ctrl-C when none was given."""
    with logged_in(screen) as gateway:
        labels = {each["usage_point_id"]: each for each in gateway.get("/v1/usage-points")["usage_points"]}
        if job_id is not None:
            job = gateway.get(f"/v1/jobs/{job_id}")
            return see_through(screen, gateway, job, _title(job, labels, is_full=screen.is_full))
        screen.note(f"Watching {gateway.url}; Ctrl-C stops.")
        with screen.progress("{task.description}", BarColumn(), MofNCompleteColumn(), "calls") as progress:
            board = _Board(screen, progress, labels)
            try:
                for event in _happenings(gateway):
                    screen.give(asdict(event))
                    _tell(gateway, board, event)
            except KeyboardInterrupt:
                return 0
    return 0


def _tell(gateway: Gateway, board: "_Board", event: Event) -> None:
    # A snapshot covers all jobs in progress.
    about = event.data.get("jobs", ()) if event.type == _SNAPSHOT else [event.data]
    if event.type != _SNAPSHOT and not event.type.startswith("job."):
        board.tell(event)
        return
    for job_id in (each["job_id"] for each in about if "job_id" in each):
        try:
            board.tell_job(event, gateway.get(f"/v1/jobs/{job_id}"))
        except Refused as refusal:
            # Erased since then: there is nothing to show.
            if refusal.http_status not in (404, 410):
                raise


class _Board:
    """A line per event, and below them a progress bar per running job."""

    def __init__(self, screen: Screen, progress: Progress, labels: dict[str, Document]) -> None:
        self._screen = screen
        self._progress = progress
        self._labels = labels
        self._bars: dict[str, TaskID] = {}

    def tell(self, event: Event) -> None:
        """Show an event that concerns no job."""
        ids = " ".join(str(value) for name, value in sorted(event.data.items()) if name.endswith("_id"))
        self._say(event, f"{event.type} {ids if self._screen.is_full else masked(ids)}")

    def tell_job(self, event: Event, job: Document) -> None:
        """Show an event of a job."""
        done, total = job["progress"]["calls_done"], job["progress"]["calls_total"]
        title = _title(job, self._labels, is_full=self._screen.is_full)
        if job["status"] not in ENDED:
            if job["id"] not in self._bars:
                self._bars[job["id"]] = self._progress.add_task(title)
                self._say(event, f"{title}: {counted(total, 'call')}, {job['id']}")
            self._progress.update(self._bars[job["id"]], completed=done, total=total or None)
        elif event.type != "job.progress":
            if job["id"] in self._bars:
                self._progress.remove_task(self._bars.pop(job["id"]))
            mark, style = ENDS[job["status"]]
            self._say(event, f"{mark} {title}: {job['status']}", style)

    def _say(self, event: Event, what: str, style: str | None = None) -> None:
        moment = datetime.fromisoformat(event.timestamp) if event.timestamp else datetime.now(UTC)
        # With bars on the screen, output is printed above them.
        console = self._progress.console if self._screen.err.is_terminal else self._screen.out
        if not self._screen.as_json:
            console.print(f"{moment.astimezone(PARIS):%H:%M:%S} {what}", style=style, soft_wrap=True)


def _title(job: Document, labels: dict[str, Document], *, is_full: bool) -> str:
    return f"{job['dataset']} of {point_name(labels.get(job['usage_point_id'], job), is_full=is_full)}"


def _happenings(gateway: Gateway) -> Iterator[Event]:
    """The events; from a gateway without events, the changes found by polling its jobs."""
    try:
        yield from listen(gateway, "/v1/events")
    except Refused as refusal:
        if refusal.http_status not in NO_EVENTS:
            raise
        yield from _seen_happenings(gateway)


def _seen_happenings(gateway: Gateway) -> Iterator[Event]:
    before = _newest_jobs(gateway)
    under_way = [{"job_id": job_id} for job_id, job in before.items() if job["status"] not in ENDED]
    yield Event("", _SNAPSHOT, {"jobs": under_way})
    while True:
        gateway.sleep(_LOOK_SECONDS)
        jobs = _newest_jobs(gateway)
        for job_id in reversed(jobs):
            job = jobs[job_id]
            was = before.get(job_id, {})
            if (was.get("status"), was.get("progress")) != (job["status"], job["progress"]):
                yield Event("", f"job.{job['status'] if job['status'] in ENDED else 'progress'}", {"job_id": job_id})
        before = jobs


def _newest_jobs(gateway: Gateway) -> dict[str, Document]:
    return {each["id"]: each for each in gateway.get("/v1/jobs", limit=_JOBS)["jobs"]}
