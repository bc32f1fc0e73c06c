"""Fetches data: the job, its progress, and the missing data at the end."""

import uuid
from datetime import UTC, datetime

from rich.progress import BarColumn, MofNCompleteColumn, TimeElapsedColumn

from cli.user.following import follow_job
from cli.user.gateway import Document, Gateway
from cli.user.periods import PeriodWords, parse_days_of
from cli.user.points import point_name
from cli.user.screen import Screen
from cli.user.session import find_dataset, find_point, logged_in
from cli.user.words import counted, missing_lines, reason_words
from shared.core.calendar import day_of

_DEFAULT_DAYS = {"": 30}
# Symbols for a job's final status.
ENDS = {"succeeded": ("✓", "green"), "partial": ("!", "yellow"), "failed": ("✗", "red"), "cancelled": ("✗", "red")}


def fetch(screen: Screen, dataset: str, wanted_point: str | None, words: PeriodWords, *, waits: bool) -> int:
    """Submit a job and follow it. Exit status: 1 for a job that failed or was cancelled, 130 after Ctrl-C."""
    with logged_in(screen) as gateway:
        described = find_dataset(gateway, dataset)
        days = parse_days_of(described, words, day_of(datetime.now(UTC)), _DEFAULT_DAYS)
        point = find_point(gateway, wanted_point)
        body = {"usage_point_id": point["usage_point_id"], "dataset": described["name"]}
        if days:
            body |= {"start": str(days.start), "end": str(days.end)}
        # So that a retry of the same request creates no second job.
        job = gateway.ask("POST", "/v1/jobs", body=body, headers={"Idempotency-Key": str(uuid.uuid4())})
        title = f"{described['name']} of {point_name(point, is_full=screen.is_full)}"
        if not waits:
            screen.give(job)
            screen.say(f"{title}: {job['id']}, {job['status']}. `releve watch {job['id']}` follows it")
            return 0
        return see_through(screen, gateway, job, title)


def see_through(screen: Screen, gateway: Gateway, job: Document, title: str) -> int:
    """Show a job's progress until it ends, and its result; returns the exit status."""
    columns = ("{task.description}", BarColumn(), MofNCompleteColumn(), "calls", TimeElapsedColumn())
    try:
        with screen.progress(*columns) as progress:
            bar = progress.add_task(title, total=None)
            for seen in follow_job(gateway, job):
                job = seen
                done, total = job["progress"]["calls_done"], job["progress"]["calls_total"]
                progress.update(bar, completed=done, total=total or None)
    except KeyboardInterrupt:
        screen.note(f"The job continues: `releve watch {job['id']}` follows it, `releve cancel {job['id']}` ends it.")
        return 130
    screen.give(job)
    _tell_end(screen, job, title)
    return 1 if job["status"] in ("failed", "cancelled") else 0


def cancel(screen: Screen, job_id: str) -> None:
    """Cancel a job; data that it has stored is kept."""
    with logged_in(screen) as gateway:
        job = gateway.ask("DELETE", f"/v1/jobs/{job_id}")
    screen.give(job)
    screen.say(f"{job['id']} is {job['status']}")


def _tell_end(screen: Screen, job: Document, title: str) -> None:
    mark, style = ENDS[job["status"]]
    calls = job["progress"]["calls_total"]
    cost = f"with {counted(calls, 'call')} to Enedis" if calls else "everything was already stored"
    screen.say(f"{mark} {title}: {job['status']}, {cost}", style)
    if job["error"]:
        screen.say(f"  {job['error']['title']} [{job['error']['code']}]")
    if job["start"] is None:
        lines = [reason_words(gap["reason"]) for gap in job["missing"]]
    else:
        lines = missing_lines(job["missing"])
    for line in lines:
        screen.say(f"  missing {line}", "yellow")
