"""Everything goes wrong at Enedis, one call in twenty in each way that is known: the bench of faults, with few days."""

import time

from redis import Redis

from bench.faults import befall
from bench.truth import Verdict
from cli.demo.gateway import Gateway
from cli.up.embedded_valkey import place_socket
from tests.support.patience import PATIENCE_SECONDS

DAYS = 8
# A refused quota without a date stops everybody for a minute; what is late depends on a short time-out, which a busy
# machine misses by itself. All of them are in `python -m bench faults`, for both generations.
SLOW = {"429", "late", "too_late"}


def wait_until_idle(gateway: Gateway) -> None:
    """What was asked for by others has come."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    with Redis.from_url(place_socket(gateway.data_dir / "valkey").redis_url) as redis:
        while redis.zcard("leases"):
            assert time.monotonic() < deadline, "calls are left in the ledger"
            time.sleep(0.05)


def test_every_day_asked_for_is_stored_as_the_meter_has_it_or_missing_for_a_reason(befallen_gateway: Gateway) -> None:
    wait_until_idle(befallen_gateway)

    outcome = befall(befallen_gateway, "2026", DAYS, without=SLOW)

    assert dict.fromkeys(outcome.violations, 0) == outcome.violations, outcome.unhandled
    # Enough went wrong, and enough went well, to say something.
    assert sum(group.curve_days for group in outcome.groups) > 200
    assert sum(group.hits.total() for group in outcome.groups) > 30
    assert all(group.verdicts[Verdict.WHOLE] for group in outcome.groups)
