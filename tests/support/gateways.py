"""The settings of the gateways that acceptance tests run, and a function that starts one."""

import secrets
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from bench.household import UNPOOLED
from cli.demo.gateway import running_gateway
from cli.demo.otlp_receiver import OtlpReceiver
from tests.support.patience import PATIENCE_SECONDS
from tests.support.running_gateway import (
    ADMIN_KEY,
    SIMULATOR_SECRET,
    Document,
    Enedis,
    Person,
    Stage,
    Told,
    today_in_paris,
)

# Generated: a gateway rejects published secrets.
SECRET_KEY = secrets.token_hex(32)
# All clients of the tests have one IP address.
ONE_ADDRESS = {
    "RELEVE_REGISTRATIONS_PER_HOUR": "100000",
    "RELEVE_FAILED_LOGINS_PER_MINUTE": "100000",
    "RELEVE_CONSENTS_PER_HOUR": "100000",
    "RELEVE_CONSENT_RETURNS_PER_HOUR": "100000",
}
COMMON = {"RELEVE_SECRET_KEY": SECRET_KEY, "SIMULATOR_CLIENT_SECRET": SIMULATOR_SECRET, **ONE_ADDRESS}
# Quotas on both sides are so high that no test waits for a slot, and attempts so few that a failing call ends soon.
FAST = {
    "ENEDIS_PER_SECOND": "100",
    "ENEDIS_PER_HOUR": "100000",
    "SIMULATOR_PER_SECOND": "1000",
    "SIMULATOR_PER_HOUR": "1000000",
    # Reached only by responses that a test delays.
    "ENEDIS_TIMEOUT_SECONDS": "30",
    "RELEVE_CALL_ATTEMPTS": "2",
    # A failure of one household must not pause the calls of the others.
    "ENEDIS_FAILURES_BEFORE_PAUSE": "1000000",
    "RELEVE_SWEEP_SECONDS": "0.5",
    # The tests' webhook receivers are on this machine.
    "RELEVE_WEBHOOK_PRIVATE_TARGETS": "true",
    # Longer than any fetch takes.
    "RELEVE_COMPAT_WAIT_SECONDS": "60",
    "RELEVE_PUBLIC_DATA_SECONDS": "1",
    "ADMIN_API_KEY": ADMIN_KEY,
}
# Four times Enedis's quota, and a shorter lease for lost calls: otherwise most of the time would be spent waiting.
IMPATIENT = {
    "ENEDIS_PER_SECOND": "20",
    "SIMULATOR_PER_SECOND": "20",
    "RELEVE_QUEUED_LEASE_SECONDS": "6",
    # Requests of other gateways' clients never wait: the data to fetch is stored by the next attempt.
    "RELEVE_COMPAT_WAIT_SECONDS": "0",
}


@dataclass(frozen=True)
class Unanswered:
    """A job of one call, which Enedis rejects once and then does not answer."""

    person: Person
    usage_point_id: str
    job: Document


@contextmanager
def running_stage(data_dir: Path, extra: Mapping[str, str], *, is_traced: bool = False) -> Iterator[Stage]:
    """Run a gateway in that directory; on exit every process has ended and every span has arrived."""
    begun_on = today_in_paris()
    with ExitStack() as stack:
        receiver = stack.enter_context(OtlpReceiver())
        tracing = {"OTEL_EXPORTER_OTLP_ENDPOINT": receiver.endpoint} if is_traced else {}
        gateway = stack.enter_context(running_gateway(data_dir, {**COMMON, **tracing, **extra}))
        client = stack.enter_context(httpx.Client(base_url=gateway.api, timeout=PATIENCE_SECONDS, limits=UNPOOLED))
        enedis = Enedis(
            stack.enter_context(httpx.Client(base_url=gateway.simulator, timeout=PATIENCE_SECONDS, limits=UNPOOLED))
        )
        yield Stage(gateway, receiver, enedis, client, Told(gateway), begun_on)
