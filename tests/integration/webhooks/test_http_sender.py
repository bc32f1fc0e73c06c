"""Malicious or faulty receivers: the outcome of a delivery, and the targets it must never reach."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from bench.bad_receivers import BAD, answers, receiving
from shared.events.deliveries import Attempt, DeliveryError
from shared.events.webhook_urls import WebhookTargets
from tests.support.patience import PATIENCE_SECONDS
from tests.support.webhook_receiver import Receiver, Stage
from workers.webhooks.courier import Courier
from workers.webhooks.http_sender import Receivers, open_receivers

pytestmark = pytest.mark.anyio

HEADERS = {"content-type": "application/json"}
EXPECTED = {
    "slow (2 s)": (DeliveryError.TIMEOUT, None),
    "never answers": (DeliveryError.TIMEOUT, None),
    "answers in drops": (DeliveryError.TIMEOUT, None),
    # The receiver has accepted the message; the rest of its response is not awaited.
    "body without end": (None, 200),
    "body of 1 TiB": (None, 200),
    "head without end": (DeliveryError.GARBAGE, None),
    "not HTTP": (DeliveryError.GARBAGE, None),
    "closes early": (DeliveryError.GARBAGE, None),
    "breaks off": (DeliveryError.GARBAGE, None),
    "resets": (DeliveryError.UNREACHABLE, None),
    "redirects": (DeliveryError.REDIRECT, 302),
    "500": (DeliveryError.BAD_STATUS, 500),
    "410": (DeliveryError.GONE, 410),
}


class Names:
    """A name server that returns its answers in order, repeating the last one."""

    def __init__(self, *answers: Sequence[str]) -> None:
        self.answers = list(answers)
        self.asked = 0

    async def __call__(self, host: str, port: int) -> Sequence[str]:
        self.asked += 1
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


def port_of(url: str) -> int:
    port = urlsplit(url).port
    assert port is not None
    return port


async def post(url: str, targets: WebhookTargets | None = None, timeout_seconds: float = PATIENCE_SECONDS) -> Attempt:
    targets = targets or WebhookTargets(private_allowed=True)
    async with open_receivers(targets, 10, timeout_seconds) as receivers:
        return await receivers.post(url, HEADERS, b"{}")


def test_every_bad_receiver_is_expected_to_do_something() -> None:
    assert set(BAD) == set(EXPECTED)


async def test_whatever_a_receiver_does_is_an_outcome(stage: Stage) -> None:
    """All receivers concurrently: a short form of `python -m bench webhooks`."""

    async def outcome(name: str) -> tuple[DeliveryError | None, int | None]:
        async with receiving(BAD[name]) as url:
            # A short timeout where it must expire, and a long one elsewhere.
            is_awaited = DeliveryError.TIMEOUT in EXPECTED[name]
            attempt = await post(url, timeout_seconds=0.2 if is_awaited else PATIENCE_SECONDS)
        return attempt.error, attempt.status_code

    found = await asyncio.gather(*map(outcome, BAD))

    assert EXPECTED == dict(zip(BAD, found, strict=True))


async def test_nobody_listens_there() -> None:
    async with receiving(answers("204 No Content")) as url:
        pass

    assert DeliveryError.UNREACHABLE == (await post(url)).error


async def test_a_redirect_leads_nowhere() -> None:
    inside = Receiver()
    async with (
        receiving(inside) as inner,
        receiving(answers("307 Temporary Redirect", f"Location: {inner}")) as url,
    ):
        attempt = await post(url)

    assert (DeliveryError.REDIRECT, []) == (attempt.error, inside.messages)


async def test_a_name_that_leads_inside_when_it_is_used_is_refused_then() -> None:
    inside = Receiver()
    async with receiving(inside) as url:
        port = port_of(url)
        names = Names(["8.8.8.8"], ["127.0.0.1"])
        targets = WebhookTargets(private_allowed=False, lookup=names)
        await targets.find(f"https://receiver.example:{port}/")

        attempt = await post(f"https://receiver.example:{port}/", targets)

    assert (DeliveryError.TARGET_REFUSED, []) == (attempt.error, inside.messages)


async def test_what_was_checked_is_what_is_connected_to() -> None:
    """The name is resolved once: a different later answer is not used."""
    receiver, inside = Receiver(), Receiver()
    async with receiving(receiver) as url, receiving(inside):
        port = port_of(url)
        names = Names(["127.0.0.1"], ["127.0.0.99"])

        attempt = await post(f"http://receiver.example:{port}/", WebhookTargets(private_allowed=True, lookup=names))

    assert (None, 1) == (attempt.error, names.asked)
    assert f"receiver.example:{port}" == receiver.messages[0].headers["host"]


async def test_an_address_that_leads_nowhere_is_not_the_end() -> None:
    receiver = Receiver()
    async with receiving(receiver) as url:
        port = port_of(url)
        names = Names(["127.0.0.77", "127.0.0.1"])

        attempt = await post(f"http://receiver.example:{port}/", WebhookTargets(private_allowed=True, lookup=names))

    assert (None, 1) == (attempt.error, len(receiver.messages))


async def test_private_targets_are_refused_also_when_the_setting_was_changed_later() -> None:
    inside = Receiver()
    async with receiving(inside) as inner:
        for url in ("http://127.0.0.1:{}/", "https://127.0.0.1:{}/", "https://[::ffff:127.0.0.1]:{}/"):
            attempt = await post(url.format(port_of(inner)), WebhookTargets(private_allowed=False))

            assert (DeliveryError.TARGET_REFUSED, []) == (attempt.error, inside.messages), url


async def test_a_proxy_of_the_environment_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    proxy, receiver = Receiver(), Receiver()
    async with receiving(proxy) as proxy_url, receiving(receiver) as url:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
            monkeypatch.setenv(name, proxy_url)

        await post(url)

    assert ([], 1) == (proxy.messages, len(receiver.messages))


async def test_a_cookie_is_not_brought_back() -> None:
    receiver = Receiver(answer=answers("200 OK", "Set-Cookie: synthetic=1; Path=/"))
    async with (
        receiving(receiver) as url,
        open_receivers(WebhookTargets(private_allowed=True), 10, PATIENCE_SECONDS) as receivers,
    ):
        for _ in range(2):
            await receivers.post(url, HEADERS, b"{}")

    assert [None, None] == [each.headers.get("cookie") for each in receiver.messages]


def machine_time(directory: Path) -> float:
    """The machine's time: that of a new file."""
    (directory / "now").write_bytes(b"")
    return (directory / "now").stat().st_mtime


@asynccontextmanager
async def tls_receiver(directory: Path, name: str, receiver: Receiver) -> AsyncIterator[tuple[int, ssl.SSLContext]]:
    """A receiver with a certificate for ``name``; yields its port, and an SSL context that trusts it."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    # TLS uses the machine's time, not this process's.
    now = datetime.fromtimestamp(machine_time(directory), UTC)
    certificate = (
        x509.CertificateBuilder(subject, subject, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (directory / "both.pem").write_bytes(private + certificate.public_bytes(serialization.Encoding.PEM))
    serving = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    serving.load_cert_chain(directory / "both.pem")
    trusting = ssl.create_default_context(cadata=certificate.public_bytes(serialization.Encoding.PEM).decode())
    async with receiving(receiver, tls=serving) as url:
        yield port_of(url), trusting


async def test_tls_is_verified_against_the_name_and_not_the_address(tmp_path: Path) -> None:
    receiver = Receiver()
    targets = WebhookTargets(private_allowed=True, lookup=Names(["127.0.0.1"]))
    async with (
        tls_receiver(tmp_path, "receiver.example", receiver) as (port, trusting),
        httpx.AsyncHTTPTransport(verify=trusting, limits=httpx.Limits(max_keepalive_connections=0)) as transport,
    ):
        receivers = Receivers(transport, targets, PATIENCE_SECONDS)
        wrong, right = [
            await receivers.post(f"https://{name}:{port}/", HEADERS, b"{}")
            for name in ("another.example", "receiver.example")
        ]

    assert (DeliveryError.TLS_FAILED, None, 1) == (wrong.error, right.error, len(receiver.messages))
    assert f"receiver.example:{port}" == receiver.messages[0].headers["host"]


async def test_a_certificate_that_nobody_vouches_for_is_refused(tmp_path: Path) -> None:
    receiver = Receiver()
    async with tls_receiver(tmp_path, "receiver.example", receiver) as (port, _):
        attempt = await post(
            f"https://receiver.example:{port}/", WebhookTargets(private_allowed=True, lookup=Names(["127.0.0.1"]))
        )

    assert (DeliveryError.TLS_FAILED, []) == (attempt.error, receiver.messages)


async def test_ipv6_is_spoken_too() -> None:
    receiver = Receiver()
    async with receiving(receiver, "::1") as url:
        attempt = await post(url)

    assert (None, f"[::1]:{port_of(url)}") == (attempt.error, receiver.messages[0].headers["host"])


async def test_receivers_that_hang_keep_nobody_waiting(stage: Stage) -> None:
    async with (
        receiving(BAD["never answers"]) as hanging,
        open_receivers(stage.resources.webhook_targets, 100, 10 * PATIENCE_SECONDS) as patient,
    ):
        others = {(await stage.add_webhook(hanging)).id for _ in range(8)}
        courier = Courier(stage.resources, patient, 20)
        stop = asyncio.Event()
        running = asyncio.create_task(courier.run(stop))
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                for number in range(1, 4):
                    await stage.tell()
                    while len(stage.receiver.messages) < number:
                        stage.receiver.arrived.clear()
                        await stage.receiver.arrived.wait()
            # The other receivers are still hanging: none of their deliveries is settled.
            leased = set(map(bytes.decode, await stage.resources.redis.zrange("webhooks:leases", 0, -1)))  # type: ignore[arg-type]  # bytes, without decode_responses
            assert others <= leased
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
