"""Running gateways for acceptance tests, each started once in a test process and shared by tests that leave it whole.

Tests keep apart by using accounts and households of their own. What changes the simulated Enedis gives it back.
"""

from collections.abc import Iterator

import pytest

from bench.faults import GENERATIONS, SETTINGS, unhandled
from bench.fuzz import WIDE
from cli.demo.gateway import Gateway, GatewayFailed, running_gateway
from tests.support.gateways import FAST, IMPATIENT, Unanswered, running_stage
from tests.support.running_gateway import (
    Document,
    Person,
    Stage,
    settled_days,
)

# Later than the gateway waits for an answer, whatever else the machine has to do.
_TOO_LATE_SECONDS = 45.0
# What these wait for comes by itself, or is the end of what others use.
_LAST = {"unanswered_job", "everyday_stage_to_kill"}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Have the tests that had better come last come last."""
    items.sort(key=lambda item: not _LAST.isdisjoint(getattr(item, "fixturenames", ())))


@pytest.fixture(scope="package")
def session_stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """The shared gateway; take `stage`."""
    with running_stage(tmp_path_factory.mktemp("gateway"), FAST, is_traced=True) as stage:
        yield stage
    # Also what the processes sent while they ended.
    assert 0 == stage.secrets_in_spans()


@pytest.fixture(scope="package")
def unanswered(session_stage: Stage) -> Unanswered:
    """Begun with the first test, so that nobody has to wait for its end."""
    person, usage_point_id = session_stage.new_person(), session_stage.new_household()
    person.give_consent(usage_point_id)
    session_stage.enedis.fail(usage_point_id, kind="technical_error")
    session_stage.enedis.fail(usage_point_id, kind="delay", delay_seconds=_TOO_LATE_SECONDS, count=None)
    return Unanswered(person, usage_point_id, person.submit(usage_point_id, "consumption_load_curve", *settled_days(7)))


@pytest.fixture
def unanswered_job(unanswered: Unanswered) -> Document:
    """As it ended."""
    return unanswered.person.wait_for(unanswered.job)


@pytest.fixture
def stage(session_stage: Stage, unanswered: Unanswered) -> Iterator[Stage]:
    """A gateway with wide limits, shared; the Enedis behind it is as it was when the test ends."""
    conditions = session_stage.enedis.conditions()
    yield session_stage
    enedis = session_stage.enedis
    enedis.client.delete("/control/limits").raise_for_status()
    enedis.set_clock(None)
    enedis.set(**conditions)


@pytest.fixture(scope="package")
def everyday_stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """A gateway with nearly the default settings, for tests of whole jobs and of killed processes."""
    stage: Stage | None = None
    try:
        with running_stage(tmp_path_factory.mktemp("everyday"), IMPATIENT) as stage:
            yield stage
    except GatewayFailed:
        if stage is None or not stage.is_killed:
            raise


@pytest.fixture
def everyday_stage_to_kill(everyday_stage: Stage) -> Stage:
    """The same, for the test that kills it: the last one that uses it."""
    return everyday_stage


@pytest.fixture(scope="package")
def befallen_gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """A gateway for the benches of faults and of what anybody sends."""
    data_dir = tmp_path_factory.mktemp("befallen")
    # A short wait for an answer is missed by a busy machine by itself.
    settings = {**SETTINGS, **GENERATIONS["2026"], **WIDE, "ENEDIS_TIMEOUT_SECONDS": "30"}
    with running_gateway(data_dir, settings) as gateway:
        yield gateway
    # Also what the processes logged while they ended.
    assert [] == unhandled(data_dir / "logs")


@pytest.fixture
def person(stage: Stage) -> Person:
    """Somebody new."""
    return stage.new_person()


@pytest.fixture
def household(stage: Stage, person: Person) -> str:
    """The usage point, consumption only, that this person has shared."""
    usage_point_id = stage.new_household()
    person.give_consent(usage_point_id)
    return usage_point_id
