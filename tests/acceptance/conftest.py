"""Running gateways for acceptance tests, each started once per test process and shared by tests that keep it intact.

Tests are isolated by separate accounts and households. A test that changes the simulated Enedis restores it.
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

# Longer than the gateway waits for a response, whatever the load of the machine.
_TOO_LATE_SECONDS = 45.0
# These tests wait for an event that needs no trigger, or end a gateway that others use.
_LAST = {"unanswered_job", "everyday_stage_to_kill"}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Order the tests that should run last at the end."""
    items.sort(key=lambda item: not _LAST.isdisjoint(getattr(item, "fixturenames", ())))


@pytest.fixture(scope="package")
def session_stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """The shared gateway; tests use `stage`."""
    with running_stage(tmp_path_factory.mktemp("gateway"), FAST, is_traced=True) as stage:
        yield stage
    # Includes what the processes sent during shutdown.
    assert 0 == stage.secrets_in_spans()


@pytest.fixture(scope="package")
def unanswered(session_stage: Stage) -> Unanswered:
    """Start the unanswered job with the first test, so that no test has to wait for its end."""
    person, usage_point_id = session_stage.new_person(), session_stage.new_household()
    person.give_consent(usage_point_id)
    session_stage.enedis.fail(usage_point_id, kind="technical_error")
    session_stage.enedis.fail(usage_point_id, kind="delay", delay_seconds=_TOO_LATE_SECONDS, count=None)
    return Unanswered(person, usage_point_id, person.submit(usage_point_id, "consumption_load_curve", *settled_days(7)))


@pytest.fixture
def unanswered_job(unanswered: Unanswered) -> Document:
    """The job after its end."""
    return unanswered.person.wait_for(unanswered.job)


@pytest.fixture
def stage(session_stage: Stage, unanswered: Unanswered) -> Iterator[Stage]:
    """A shared gateway with high limits; its simulated Enedis is restored when the test ends."""
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
    """The everyday gateway, for the test that kills it: the last one that uses it."""
    return everyday_stage


@pytest.fixture(scope="package")
def befallen_gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """A gateway for the fault bench and the fuzz tests."""
    data_dir = tmp_path_factory.mktemp("befallen")
    # A busy machine would exceed a short timeout even without faults.
    settings = {**SETTINGS, **GENERATIONS["2026"], **WIDE, "ENEDIS_TIMEOUT_SECONDS": "30"}
    with running_gateway(data_dir, settings) as gateway:
        yield gateway
    # Includes what the processes logged during shutdown.
    assert [] == unhandled(data_dir / "logs")


@pytest.fixture
def person(stage: Stage) -> Person:
    """A new account."""
    return stage.new_person()


@pytest.fixture
def household(stage: Stage, person: Person) -> str:
    """A usage point, consumption only, that this account has consent for."""
    usage_point_id = stage.new_household()
    person.give_consent(usage_point_id)
    return usage_point_id
