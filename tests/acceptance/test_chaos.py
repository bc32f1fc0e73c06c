"""Killed processes, broker outages, lost messages: the chaos bench, with few of each."""

from contextlib import ExitStack
from signal import SIGKILL, SIGTERM

from bench.chaos import run_scenario
from bench.chaos_scenarios import Scenario, Scene
from shared.jobs.models import Lane

# Short leases and no waiting for slots make the scenario shorter. The liveness limits are not shortened: on a busy
# machine a live process would be taken for dead.
QUICK = {
    "ENEDIS_PER_SECOND": "100",
    "RELEVE_QUEUED_LEASE_SECONDS": "4",
    "RELEVE_SWEEP_SECONDS": "0.5",
}
OUTAGE_SECONDS = 3.0


def everything(scene: Scene) -> None:
    """Inject a few failures of each kind, with two additional beats."""
    chaos, top_up = scene.chaos, scene.load.top_up
    with ExitStack() as stack:
        for number in range(2):
            stack.enter_context(scene.gateway.another_beat(number))
        chaos.end_worker(Lane.BULK, SIGKILL, is_awaited=False)
        chaos.end_beat(SIGKILL, is_awaited=False)
        for number in (SIGKILL, SIGTERM):
            chaos.end_worker(Lane.INTERACTIVE, number)
            top_up()
        chaos.lose_messages(Lane.INTERACTIVE)
        chaos.await_all()
        chaos.end_broker(SIGTERM)
        chaos.end_broker(SIGKILL, OUTAGE_SECONDS)
        chaos.freeze_broker(OUTAGE_SECONDS)


SHORT = Scenario("everything", everything, times=1, askers=4, sleepers=2)


def test_no_job_is_lost_or_stuck_nothing_is_settled_twice_and_nothing_that_is_stored_is_asked_for() -> None:
    outcome = run_scenario(SHORT, extra=QUICK)

    assert dict.fromkeys(outcome.violations, 0) == outcome.violations, "\n".join(outcome.notes)
    # Enough failures and enough work for a meaningful result.
    assert 8 == outcome.injections
    assert outcome.in_air > 10
    assert outcome.calls_planned > 100
    assert outcome.days > 500
