"""Everything goes wrong at Enedis, one call in twenty in each way that is known: the bench of faults, with few days."""

import pytest

from bench.faults import run_faults
from bench.truth import Verdict

pytestmark = pytest.mark.timeout(160)

DAYS = 14
# A refused quota without a date stops everybody for a minute; what is late depends on a short time-out, which a busy
# machine misses by itself. All of them are in `python -m bench faults`, for both generations.
SLOW = {"429", "late", "too_late"}
PATIENT = {"ENEDIS_TIMEOUT_SECONDS": "30"}


def test_every_day_asked_for_is_stored_as_the_meter_has_it_or_missing_for_a_reason() -> None:
    outcome = run_faults("2026", DAYS, PATIENT, without=SLOW)

    assert dict.fromkeys(outcome.violations, 0) == outcome.violations, outcome.unhandled
    # Enough went wrong, and enough went well, to say something.
    assert sum(group.curve_days for group in outcome.groups) > 200
    assert sum(group.hits.total() for group in outcome.groups) > 30
    assert all(group.verdicts[Verdict.WHOLE] for group in outcome.groups)
