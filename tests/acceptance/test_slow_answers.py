"""Clients of other gateways against one that never waits: the data they request is stored by the next attempt."""

from contextlib import suppress
from datetime import datetime, timedelta

import pytest

from tests.acceptance.clients.myelectricaldata import MOMENT, Importer, Reading, Refused
from tests.support.running_gateway import Person, Stage, settled_days

CURVE = "consumption_load_curve"
# Longer than an immediate response takes.
SLOW_SECONDS = 3.0


@pytest.fixture
def stage(everyday_stage: Stage) -> Stage:
    """A gateway that does not wait for fetches."""
    return everyday_stage


def until_it_is_there(importer: Importer) -> list[Reading]:
    """Run the importer again until it gets data, as a scheduled importer does."""
    while True:
        with suppress(Refused):
            return importer.series(CURVE, *settled_days(7), "/cache")


def test_what_is_not_there_in_time_is_there_for_the_next_try(stage: Stage, person: Person, household: str) -> None:
    importer = Importer(stage.client, person.api_key, household)
    stage.enedis.fail(household, kind="delay", delay_seconds=SLOW_SECONDS)

    found = until_it_is_there(importer)

    # No second call for the second attempt.
    assert 1 == len(stage.enedis.calls(household))
    *tries, last = importer.statuses
    assert ({503}, 200) == (set(tries), last)
    expected = []
    for point in stage.enedis.measure(CURVE, household, *settled_days(7)):
        minutes = int(point["p"].strip("PTM"))
        end = datetime.strptime(point["d"], MOMENT)  # noqa: DTZ007  # as the clients do
        expected.append(Reading(end - timedelta(minutes=minutes), int(point["v"]), minutes))
    assert expected == found
