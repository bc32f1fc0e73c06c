"""The chaos scenarios by name, with their injections and repetitions."""

import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from signal import SIGKILL, SIGTERM

from bench.chaos_gateway import ChaosGateway, until
from bench.chaos_injections import Chaos
from bench.chaos_load import Load
from shared.jobs.models import Lane

OUTAGE_SECONDS = 60.0
_LANES = (Lane.INTERACTIVE, Lane.BULK)
_REFRESH_SECONDS = 45.0


@dataclass
class Scene:
    """A gateway, its load, its injections, their number, and when beat sends the refresh."""

    gateway: ChaosGateway
    load: Load
    chaos: Chaos
    times: int
    refresh_at: datetime

    def sleep_until(self, moment: datetime) -> None:
        """Return at that time by the gateway's clock."""
        left = (moment - datetime.now(UTC)).total_seconds() - self.chaos.shift_seconds
        time.sleep(max(0.0, left))

    def await_refresh(self) -> None:
        """Return when the refresh has planned jobs for the sleepers."""
        until(self.load.is_refreshed, "the refresh is not planned", _REFRESH_SECONDS)


@dataclass(frozen=True)
class Scenario:
    """A scenario: ``play`` runs it, ``times`` is the default number of injections.

    ``sleepers``: points for the refresh, and thus for the bulk lane. ``refresh_in``: from the start to beat's refresh,
    which is awaited, or else triggered manually, before any injection. ``begins_at``: the gateway's time at the start.
    """

    name: str
    play: Callable[[Scene], None]
    times: int
    askers: int = 6
    sleepers: int = 12
    patient: bool = True
    refresh_is_awaited: bool = False
    refresh_in: timedelta = timedelta(hours=13)
    begins_at: datetime | None = None


def _kill_workers(scene: Scene) -> None:
    for number in range(scene.times):
        scene.chaos.end_worker(_LANES[number % 2], SIGKILL)
        scene.load.top_up()


def _end_workers(scene: Scene) -> None:
    for number in range(scene.times):
        scene.chaos.end_worker(_LANES[number % 2], SIGTERM)
        scene.load.top_up()


def _restart_broker(scene: Scene) -> None:
    for number in range(scene.times):
        scene.chaos.end_broker((SIGKILL, SIGTERM)[number % 2])
        scene.load.top_up()


def _take_broker_away(scene: Scene) -> None:
    for _ in range(scene.times):
        scene.chaos.end_broker(SIGKILL, OUTAGE_SECONDS)
        scene.load.top_up()
        scene.chaos.freeze_broker(OUTAGE_SECONDS)
        scene.load.top_up()


def _lose_messages(scene: Scene) -> None:
    for number in range(scene.times):
        scene.chaos.lose_messages(_LANES[number % 2])
        scene.load.top_up()


def _kill_beat(scene: Scene) -> None:
    """Kill a worker each time too, so that there are calls to sweep; once at the time of the refresh."""
    for _ in range(scene.times):
        scene.chaos.end_beat(SIGKILL)
        scene.chaos.end_worker(Lane.INTERACTIVE, SIGKILL)
        scene.load.top_up()
    scene.sleep_until(scene.refresh_at - timedelta(seconds=3))
    with scene.gateway.nobody_starts_again():
        scene.chaos.end_beat(SIGKILL, is_awaited=False)
        scene.sleep_until(scene.refresh_at + timedelta(seconds=3))
    scene.await_refresh()


def _run_more_beats(scene: Scene) -> None:
    """Several beats sweep and send the refresh at once; workers are killed, so that there are calls to sweep."""
    with ExitStack() as stack:
        for number in range(2):
            stack.enter_context(scene.gateway.another_beat(number))
        for _ in range(scene.times):
            scene.chaos.end_worker(Lane.INTERACTIVE, SIGKILL)
            scene.load.top_up()
        scene.sleep_until(scene.refresh_at)
        scene.await_refresh()
        for lane in _LANES * scene.times:
            scene.chaos.end_worker(lane, SIGKILL)


def _put_clock_forward(scene: Scene) -> None:
    """Beat sends the refresh in the first minute after the skipped hour."""
    _cross(scene, scene.await_refresh)


def _put_clock_back(scene: Scene) -> None:
    """The refresh runs in the repeated hour, manually each time: beat has already sent it the first time."""
    _cross(scene, scene.load.refresh)


def _cross(scene: Scene, refresh: Callable[[], None]) -> None:
    """Injections on both sides of the clock change, and during it with calls in flight."""
    scene.chaos.end_worker(Lane.INTERACTIVE, SIGKILL)
    scene.load.top_up()
    scene.sleep_until(scene.refresh_at)
    refresh()
    for lane in _LANES * scene.times:
        scene.chaos.end_worker(lane, SIGKILL)
        scene.load.top_up()
    scene.chaos.end_broker(SIGKILL)


_ALL = (
    Scenario("workers-killed", _kill_workers, times=50, askers=8, sleepers=35),
    Scenario("workers-ended", _end_workers, times=10),
    Scenario("broker-restarted", _restart_broker, times=20),
    # With the supervisor of `releve up`: an unavailable external broker is no reason to give up.
    Scenario("broker-away", _take_broker_away, times=1, patient=False),
    Scenario("messages-lost", _lose_messages, times=20),
    Scenario("beat-killed", _kill_beat, times=5, refresh_is_awaited=True, refresh_in=timedelta(seconds=75)),
    Scenario("three-beats", _run_more_beats, times=3, refresh_is_awaited=True, refresh_in=timedelta(seconds=60)),
    Scenario(
        "clock-put-forward",
        _put_clock_forward,
        times=2,
        refresh_is_awaited=True,
        refresh_in=timedelta(seconds=45),
        begins_at=datetime(2026, 3, 29, 0, 59, 15, tzinfo=UTC),
    ),
    Scenario(
        "clock-put-back",
        _put_clock_back,
        times=2,
        refresh_in=timedelta(seconds=45),
        begins_at=datetime(2026, 10, 25, 0, 59, 15, tzinfo=UTC),
    ),
)
SCENARIOS = {scenario.name: scenario for scenario in _ALL}
