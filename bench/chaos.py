"""Chaos: job integrity when processes are killed, the broker is unavailable or loses data, or the clock changes.

Each scenario has its own gateway, broker and households, more work in both lanes than their capacity, and random
injections that a seed reproduces. At the end every job has ended, every call was settled once, every day is stored, and
Enedis got duplicate requests only for calls that a killed process had in progress.
"""

import tempfile
import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

from redis import Redis

from bench import clock
from bench.chaos_gateway import ChaosGateway, running_chaos_gateway
from bench.chaos_injections import Chaos
from bench.chaos_judge import Outcome, judge_arrivals, judge_days, judge_jobs, judge_recoveries, judge_waves
from bench.chaos_ledger import LedgerView
from bench.chaos_load import Load
from bench.chaos_scenarios import Scenario, Scene
from shared.core.calendar import PARIS

SEED = 20261025
PER_SECOND = 12
LATENCY_SECONDS = 1.0
# After the last injection, for all work in progress.
_DONE_SECONDS = 240.0


def run_scenario(
    scenario: Scenario, times: int | None = None, seed: int = SEED, extra: Mapping[str, str] | None = None
) -> Outcome:
    """Run one scenario on its own gateway, and evaluate it.

    ``times``: number of injections, if not the default. ``extra``: settings.
    """
    begun = time.monotonic()
    now = scenario.begins_at or datetime.now(UTC)
    shift_seconds = (now - datetime.now(UTC)).total_seconds() if scenario.begins_at else 0.0
    refresh_at = _next_minute(now + scenario.refresh_in)
    settings = {
        "ENEDIS_PER_SECOND": str(PER_SECOND),
        "RELEVE_REFRESH_AT": refresh_at.astimezone(PARIS).strftime("%H:%M"),
        "RELEVE_REFRESH_JITTER_MINUTES": "0",
    }
    with tempfile.TemporaryDirectory(prefix="releve-chaos-") as directory:
        place = Path(directory)
        if shift_seconds:
            settings |= clock.later(shift_seconds)
        with (
            running_chaos_gateway(place, settings | dict(extra or {}), patient=scenario.patient) as gateway,
            Redis.from_url(gateway.broker.url) as redis,
        ):
            chance = Random(f"{seed}/{scenario.name}")  # noqa: S311  # chance that can be had again, and guards nothing
            ledger = LedgerView(redis)
            load = Load(gateway, ledger, chance, now)
            chaos = Chaos(gateway, ledger, load, chance, shift_seconds)
            scene = Scene(gateway, load, chaos, times or scenario.times, refresh_at)
            outcome = _play(scenario, scene, ledger, now)
    outcome.seconds = time.monotonic() - begun
    return outcome


def _play(scenario: Scenario, scene: Scene, ledger: LedgerView, now: datetime) -> Outcome:
    gateway, load, chaos = scene.gateway, scene.load, scene.chaos
    load.move_in(scenario.askers, scenario.sleepers)
    gateway.set_latency(LATENCY_SECONDS)
    if not scenario.refresh_is_awaited:
        load.refresh()
    load.top_up()
    with chaos.watching():
        scenario.play(scene)
        gateway.set_latency(0.0)
        load.wait_until_done(_DONE_SECONDS)
    return judge_all(scenario.name, gateway, ledger, load, chaos, now)


def judge_all(name: str, gateway: ChaosGateway, ledger: LedgerView, load: Load, chaos: Chaos, now: datetime) -> Outcome:
    """Evaluate everything that can be observed about the finished scenario."""
    outcome = Outcome(name)
    jobs = ledger.jobs()
    judge_jobs(outcome, jobs, ledger.left_over())
    judge_waves(outcome, jobs)
    judge_recoveries(outcome, chaos.injections)
    judge_arrivals(
        outcome,
        gateway.calls(),
        chaos.injections,
        load.residents(),
        LATENCY_SECONDS,
        start_seconds=gateway.slowest_start_seconds,
    )
    judge_days(outcome, load.households, jobs, now)
    outcome.notes += [f"ended by itself: {name}" for name in gateway.ended_by_themselves()]
    outcome.ended_by_themselves = len(gateway.ended_by_themselves())
    if not outcome.stuck:
        known = max((call["number"] for call in gateway.calls()), default=0)
        load.ask_again()
        again = gateway.calls(known)
        outcome.asked_again = len(again)
        outcome.notes += [f"asked again: {call}" for call in again]
    return outcome


def _next_minute(moment: datetime) -> datetime:
    whole = moment.replace(second=0, microsecond=0)
    return whole if whole == moment else whole + timedelta(minutes=1)
