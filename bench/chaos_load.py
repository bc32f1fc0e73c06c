"""The load of a gateway during chaos: askers that request years of curves, and sleepers, whose points the nightly
refresh covers. Both lanes stay overloaded for as long as needed.
"""

import subprocess
import time
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import count
from random import Random

from bench.chaos_gateway import WAIT_SECONDS, ChaosGateway, until
from bench.chaos_ledger import LedgerView
from bench.household import ENDED, BenchFailed, Document, Household
from shared.core.calendar import DayRange, day_of
from shared.jobs.models import Lane
from simulator.households import household_of
from simulator.known_points import Profile

CURVES = ("consumption_load_curve", "production_load_curve")
# Days this old are no longer affected by late publication.
_SETTLED = timedelta(days=12)
# Within Enedis's curve history.
_HISTORY = timedelta(days=715)
# Older than the span that a refresh continues by itself: from here it fetches its maximum number of days.
_LAST_SEEN = timedelta(days=110)
_WEEK = timedelta(days=7)
# This many jobs in progress, of a few calls each, exceed a lane's capacity.
_OPEN_JOBS = 14
# The share of duplicate jobs, submitted in succession: the second waits for the first one's fetches.
_ASKED_TWICE = 0.25


@dataclass(frozen=True, slots=True)
class Resident:
    """The household of a usage point, and the lane of its calls."""

    account_id: str
    lane: Lane


class Load:
    """The households of one gateway, and their requests."""

    def __init__(self, gateway: ChaosGateway, ledger: LedgerView, chance: Random, now: datetime) -> None:
        """Starts empty. ``now``: by the gateway's clock; ``chance`` determines the size of each request."""
        self.askers: list[Household] = []
        self.sleepers: list[Household] = []
        self._gateway = gateway
        self._ledger = ledger
        self._chance = chance
        self._until = day_of(now) - _SETTLED
        self._oldest = day_of(now) - _HISTORY
        self._numbers = _solar_houses()
        self._wishes: deque[tuple[Household, str, DayRange]] = deque()
        self._open: list[tuple[Household, Document]] = []

    @property
    def households(self) -> Sequence[Household]:
        """Everybody."""
        return (*self.askers, *self.sleepers)

    def residents(self) -> dict[str, Resident]:
        """All residents, by usage point."""
        return {each.usage_point_id: Resident(each.account_id, lane) for lane in Lane for each in self.people_of(lane)}

    def people_of(self, lane: Lane) -> Sequence[Household]:
        """The households whose calls use a lane, after `move_in`."""
        return self.askers if lane is Lane.INTERACTIVE else self.sleepers

    def move_in(self, askers: int, sleepers: int, calls_a_job: int = 10) -> None:
        """Add askers and sleepers; each sleeper has one old week stored, from which a refresh continues."""
        new = [self._gateway.new_household(next(self._numbers)) for _ in range(askers + sleepers)]
        for household in new[:askers]:
            self._gateway.leave_to_its_owner(household)
        start = self._until - _LAST_SEEN
        seeds = [(each, each.submit(dataset, start, start + _WEEK)) for each in new[askers:] for dataset in CURVES]
        for household, job in seeds:
            if household.wait_for(job, WAIT_SECONDS)["status"] != "succeeded":
                raise BenchFailed("a job failed before any injection")
        self.askers += new[:askers]
        self.sleepers += new[askers:]
        wishes = [list(self._wishes_of(each, calls_a_job)) for each in new[:askers]]
        # Interleaved, so that several accounts have jobs in progress at any time.
        self._wishes.extend(wish for turn in zip(*wishes, strict=False) for wish in turn)

    def top_up(self) -> None:
        """Ensure that enough jobs of askers are in progress."""
        self._open = [(each, job) for each, job in self._open if each.look_at(job)["status"] not in ENDED]
        while self._wishes and len(self._open) < _OPEN_JOBS:
            household, dataset, days = self._wishes.popleft()
            self._open.append((household, household.submit(dataset, days.start, days.end)))

    def refresh(self) -> None:
        """Plan the nightly refresh now, as an administrator would."""
        argv = self._gateway.command("admin", "refresh", "--now")
        subprocess.run(argv, env=self._gateway.environ(), check=True, stdout=subprocess.DEVNULL, timeout=WAIT_SECONDS)

    def is_refreshed(self) -> bool:
        """Whether the refresh has planned jobs for every sleeper."""
        planned = {job.account_id for job in self._ledger.jobs() if job.lane == Lane.BULK}
        return planned >= {each.account_id for each in self.sleepers}

    def wait_until_done(self, seconds: float) -> None:
        """Return when every job has ended and its end was published, or on timeout."""
        deadline, ledger = time.monotonic() + seconds, self._ledger
        while ledger.leases() or ledger.untold() or not all(job.has_ended for job in ledger.jobs()):
            if time.monotonic() > deadline:
                return
            time.sleep(0.25)

    def ask_again(self) -> None:
        """Request everything again, and wait; nothing must be left to fetch."""
        asked: dict[tuple[str, str], DayRange] = {}
        for job in self._ledger.jobs():
            if job.dataset in CURVES:
                known = asked.get((job.account_id, job.dataset), DayRange(job.start, job.end))
                asked[job.account_id, job.dataset] = DayRange(min(known.start, job.start), max(known.end, job.end))
        for household in self.askers:
            for dataset in CURVES:
                if days := asked.get((household.account_id, dataset)):
                    household.wait_for(household.submit(dataset, days.start, days.end), WAIT_SECONDS)
        if self.sleepers:
            self.refresh()
            until(lambda: not self._ledger.leases(), "a refresh without work does not end")

    def _wishes_of(self, household: Household, calls_a_job: int) -> Iterator[tuple[Household, str, DayRange]]:
        """Jobs back through the years, to the end of Enedis's history."""
        for dataset in CURVES:
            end: date = self._until
            while end - (calls_a_job * _WEEK) > self._oldest:
                start = end - self._chance.randint(calls_a_job // 2 * 7, calls_a_job * 7) * timedelta(days=1)
                yield household, dataset, DayRange(start, end)
                if self._chance.random() < _ASKED_TWICE:
                    yield household, dataset, DayRange(start, end)
                end = start


def _solar_houses() -> Iterator[str]:
    numbers = (str(number) for number in count(99_000_010_000_000))
    return (each for each in numbers if household_of(each).profile is Profile.SOLAR)
