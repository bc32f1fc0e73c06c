"""Clients of other gateways against one that makes nobody wait: what is fetched for them is there for the next try."""

from contextlib import suppress
from datetime import datetime, timedelta

import pytest

from tests.acceptance.clients.myelectricaldata import MOMENT, Importer, Reading, Refused
from tests.support.running_gateway import Person, Stage, settled_days

CURVE = "consumption_load_curve"
# Longer than it takes to say so.
SLOW_SECONDS = 3.0


@pytest.fixture
def stage(everyday_stage: Stage) -> Stage:
    """A gateway that does not wait for what is fetched."""
    return everyday_stage


def until_it_is_there(importer: Importer) -> list[Reading]:
    """As patient as somebody whose importer runs again and again."""
    while True:
        with suppress(Refused):
            return importer.series(CURVE, *settled_days(7), "/cache")


def test_what_is_not_there_in_time_is_there_for_the_next_try(stage: Stage, person: Person, household: str) -> None:
    importer = Importer(stage.client, person.api_key, household)
    stage.enedis.fail(household, kind="delay", delay_seconds=SLOW_SECONDS)

    found = until_it_is_there(importer)

    # Not a second time for the second try.
    assert 1 == len(stage.enedis.calls(household))
    *tries, last = importer.statuses
    assert ({503}, 200) == (set(tries), last)
    expected = []
    for point in stage.enedis.measure(CURVE, household, *settled_days(7)):
        minutes = int(point["p"].strip("PTM"))
        end = datetime.strptime(point["d"], MOMENT)  # noqa: DTZ007  # as the clients do
        expected.append(Reading(end - timedelta(minutes=minutes), int(point["v"]), minutes))
    assert expected == found
