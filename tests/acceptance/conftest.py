"""Running gateways for acceptance tests, each started once in a test process and shared by tests that leave it whole.

Tests keep apart by using accounts and households of their own. What changes the simulated Enedis gives it back.
"""

import secrets
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx
import pytest

from cli.demo.gateway import running_gateway
from cli.otlp import OtlpReceiver
from tests.acceptance.stage import ADMIN_KEY, SIMULATOR_SECRET, Enedis, Person, Stage, Told

# Not one that stands here: a gateway refuses what others may know.
SECRET_KEY = secrets.token_hex(32)
# Everybody comes from one address here.
ONE_ADDRESS = {
    "RELEVE_REGISTRATIONS_PER_HOUR": "100000",
    "RELEVE_FAILED_LOGINS_PER_MINUTE": "100000",
    "RELEVE_CONSENTS_PER_HOUR": "100000",
    "RELEVE_CONSENT_RETURNS_PER_HOUR": "100000",
}
COMMON = {"RELEVE_SECRET_KEY": SECRET_KEY, "SIMULATOR_CLIENT_SECRET": SIMULATOR_SECRET, **ONE_ADDRESS}
# So wide on both sides that no test waits for a slot, and so few attempts that a call that always fails ends soon.
FAST = {
    "ENEDIS_PER_SECOND": "100",
    "ENEDIS_PER_HOUR": "100000",
    "SIMULATOR_PER_SECOND": "1000",
    "SIMULATOR_PER_HOUR": "1000000",
    "ENEDIS_TIMEOUT_SECONDS": "4",
    "RELEVE_CALL_ATTEMPTS": "2",
    # What fails here fails for one household, and not for the others.
    "ENEDIS_FAILURES_BEFORE_PAUSE": "1000000",
    "RELEVE_SWEEP_SECONDS": "0.5",
    # The receivers of tests are on this machine.
    "RELEVE_WEBHOOK_PRIVATE_TARGETS": "true",
    # Longer than all takes but what a test makes last.
    "RELEVE_COMPAT_WAIT_SECONDS": "3",
    "RELEVE_PUBLIC_DATA_SECONDS": "1",
    "ADMIN_API_KEY": ADMIN_KEY,
}


@contextmanager
def running_stage(data_dir: Path, extra: Mapping[str, str], *, is_traced: bool = False) -> Iterator[Stage]:
    """A gateway in that directory; everything has ended, and every span arrived, when the block is left."""
    with ExitStack() as stack:
        receiver = stack.enter_context(OtlpReceiver())
        tracing = {"OTEL_EXPORTER_OTLP_ENDPOINT": receiver.endpoint} if is_traced else {}
        gateway = stack.enter_context(running_gateway(data_dir, {**COMMON, **tracing, **extra}))
        client = stack.enter_context(httpx.Client(base_url=gateway.api, timeout=40))
        enedis = Enedis(stack.enter_context(httpx.Client(base_url=gateway.simulator, timeout=40)))
        yield Stage(gateway, receiver, enedis, client, Told(gateway))


@pytest.fixture(scope="session")
def session_stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """The shared gateway; take `stage`."""
    with running_stage(tmp_path_factory.mktemp("gateway"), FAST, is_traced=True) as stage:
        yield stage
    # Also what the processes sent while they ended.
    assert 0 == stage.secrets_in_spans()


@pytest.fixture
def stage(session_stage: Stage) -> Iterator[Stage]:
    """A gateway with wide limits, shared; the Enedis behind it is as it was when the test ends."""
    conditions = session_stage.enedis.conditions()
    yield session_stage
    enedis = session_stage.enedis
    enedis.client.delete("/control/faults").raise_for_status()
    enedis.client.delete("/control/limits").raise_for_status()
    enedis.set_clock(None)
    enedis.set(**conditions)


@pytest.fixture(scope="session")
def everyday_stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """A gateway with the default settings, for tests of whole jobs and of killed processes; but four times Enedis's
    quota, and what is taken for dead is looked for sooner: else most of the time would be spent waiting."""
    impatient = {
        "ENEDIS_PER_SECOND": "20",
        "SIMULATOR_PER_SECOND": "20",
        "RELEVE_CALL_LEASE_SECONDS": "5",
        "RELEVE_QUEUED_LEASE_SECONDS": "6",
    }
    with running_stage(tmp_path_factory.mktemp("everyday"), impatient) as stage:
        yield stage


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
