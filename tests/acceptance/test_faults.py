"""Every known failure of Enedis, each on one call in twenty: the fault bench, with few days."""

import time

from redis import Redis

from bench.faults import befall
from bench.truth import Verdict
from cli.demo.gateway import Gateway
from cli.up.embedded_valkey import place_socket
from tests.support.patience import PATIENCE_SECONDS

DAYS = 8
# A quota refusal without a date pauses all calls for a minute; late responses depend on a short timeout, which a busy
# machine exceeds even without faults. `python -m bench faults` runs all of them, for both generations.
SLOW = {"429", "late", "too_late"}


def wait_until_idle(gateway: Gateway) -> None:
    """Wait until the jobs of other tests have ended."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    with Redis.from_url(place_socket(gateway.data_dir / "valkey").redis_url) as redis:
        while redis.zcard("leases"):
            assert time.monotonic() < deadline, "calls are left in the ledger"
            time.sleep(0.05)


def test_every_day_asked_for_is_stored_as_the_meter_has_it_or_missing_for_a_reason(befallen_gateway: Gateway) -> None:
    wait_until_idle(befallen_gateway)

    outcome = befall(befallen_gateway, "2026", DAYS, without=SLOW)

    assert dict.fromkeys(outcome.violations, 0) == outcome.violations, outcome.unhandled
    # Enough failures and enough successes for a meaningful result.
    assert sum(group.curve_days for group in outcome.groups) > 200
    assert sum(group.hits.total() for group in outcome.groups) > 30
    assert all(group.verdicts[Verdict.WHOLE] for group in outcome.groups)
