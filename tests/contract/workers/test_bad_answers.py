"""For any response, or none, an adapter raises leaves of `ProviderError`, which repeat nothing of the response."""

import gzip
import logging
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from shared.core.errors import (
    AppError,
    ProviderApiMissing,
    ProviderGarbage,
    ProviderMisconfigured,
    ProviderTimeout,
    ProviderUnavailable,
)
from tests.contract.workers.conftest import Bench
from tests.support.cases import case
from tests.support.loopback import Reply
from workers.registry import ADAPTERS
from workers.upstream.http_client import open_http

pytestmark = pytest.mark.anyio

HTML = {"content-type": "text/html; charset=utf-8"}
PAGE = b"<html><head><title>Error</title></head><body><h1>Something is wrong</h1></body></html>"


@dataclass(frozen=True)
class Bad:
    """An invalid response, and the error that it must raise."""

    reply: Reply
    taken_for: type[AppError]


BAD = {
    "a page with status 500": Bad(Reply(content=PAGE, status=500, headers=HTML), ProviderUnavailable),
    "a page with status 502": Bad(Reply(content=PAGE, status=502, headers=HTML), ProviderUnavailable),
    "a page with status 404": Bad(Reply(content=PAGE, status=404, headers=HTML), ProviderApiMissing),
    "a page with status 200": Bad(Reply(content=PAGE, headers=HTML), ProviderGarbage),
    "a redirection": Bad(Reply(content=b"", status=302, headers={"location": "/elsewhere"}), ProviderGarbage),
    "nothing": Bad(Reply(content=b""), ProviderGarbage),
    "no content": Bad(Reply(content=b"", status=204), ProviderGarbage),
    "a JSON text": Bad(Reply("text"), ProviderGarbage),
    "a JSON list": Bad(Reply([]), ProviderGarbage),
    "JSON that does not end": Bad(Reply(content=b'{"grandeur": [{"points"'), ProviderGarbage),
    "bytes that are no text": Bad(Reply(content=b"\xff\xfe\x00\x81"), ProviderGarbage),
    "lists in lists in lists": Bad(Reply(content=b"[" * 200_000), ProviderGarbage),
    "more than eight megabytes": Bad(Reply(content=b'{"grandeur": "' + b"x" * 8_400_000 + b'"}'), ProviderGarbage),
    "a large page with status 500": Bad(Reply(content=b"x" * 8_400_000, status=500, headers=HTML), ProviderGarbage),
    "a small answer that unfolds to a large one": Bad(
        Reply(content=gzip.compress(b"x" * 80_000_000, 1), headers={"content-encoding": "gzip"}), ProviderGarbage
    ),
    "bytes that do not unfold": Bad(Reply(content=b"{}", headers={"content-encoding": "gzip"}), ProviderUnavailable),
    "an answer that is cut": Bad(Reply({"grandeur": []}, cut=True), ProviderUnavailable),
}


def secrets_of(bench: Bench) -> list[str]:
    """The secrets that no text may repeat."""
    asked = bench.request()
    return [asked.prm, "token-of-the-test", bench.resources.settings.enedis_client_secret.get_secret_value()]


async def test_an_answer_that_is_not_what_it_should_be_is_no_reading(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    for kind, bad in BAD.items():
        with case(kind):
            await bench.start_again()
            bench.will_answer(bad.reply)
            caplog.clear()

            with caplog.at_level(logging.DEBUG, "workers"), pytest.raises(AppError) as refusal:
                await bench.adapter.fetch_readings(bench.request())

            assert bad.taken_for is type(refusal.value)
            assert refusal.value.retryable
            texts = f"{refusal.value!s} {refusal.value!r} {[record.getMessage() for record in caplog.records]}"
            assert [] == [secret for secret in secrets_of(bench) if secret in texts]


async def test_an_answer_that_is_not_what_it_should_be_opens_no_point(bench: Bench) -> None:
    for kind, bad in BAD.items():
        with case(kind):
            await bench.start_again()
            bench.will_answer(bad.reply)

            with pytest.raises(AppError) as refusal:
                await bench.adapter.fetch_granted_points(bench.case.authorisation_id or 4101)

            expected = bad.taken_for if bench.case.authorisation_id else ProviderApiMissing
            assert expected is type(refusal.value)


async def test_an_answer_about_another_point_is_no_reading(bench: Bench) -> None:
    bench.will_answer(Reply(bench.case.other_point))

    with pytest.raises(ProviderGarbage):
        await bench.adapter.fetch_readings(bench.request())


async def test_a_provider_that_says_nothing_is_given_up_in_time(bench: Bench) -> None:
    released = threading.Event()
    bench.will_answer(Reply(bench.recorded().body), Reply(bench.recorded().body, after=released))
    # A token is cached: the call itself times out.
    await bench.adapter.fetch_readings(bench.request())
    impatient = await bench.another(enedis_timeout_seconds=0.2)

    try:
        with pytest.raises(ProviderTimeout):
            await impatient.fetch_readings(bench.request())
    finally:
        released.set()


async def test_a_provider_that_speaks_in_drops_is_given_up_in_time_too(bench: Bench) -> None:
    """Each piece arrives in time; the response does not. A call that never ends would block its worker indefinitely."""
    # More pieces than any timeout allows, whatever one takes; after the last it would be a normal response.
    drops = Reply(content=b'{"grandeur": []}' + b" " * 1000, drop_seconds=0.05)
    bench.will_answer(Reply(bench.recorded().body), drops)
    await bench.adapter.fetch_readings(bench.request())
    impatient = await bench.another(enedis_timeout_seconds=0.3)

    with pytest.raises(ProviderTimeout):
        await impatient.fetch_readings(bench.request())


@pytest.fixture
def deaf() -> Iterator[str]:
    """A URL that refuses connections: the port is bound but not listening."""
    taken = socket.socket()
    taken.bind(("127.0.0.1", 0))
    yield f"http://127.0.0.1:{taken.getsockname()[1]}"
    taken.close()


async def test_a_provider_that_is_not_there_is_unavailable(bench: Bench, deaf: str) -> None:
    bench.will_answer(Reply(bench.recorded().body))
    # A token is cached: the call itself finds no server.
    await bench.adapter.fetch_readings(bench.request())
    elsewhere = await bench.another(**{bench.case.base_url_setting: deaf})

    with pytest.raises(ProviderUnavailable) as refusal:
        await elsewhere.fetch_readings(bench.request())

    assert ProviderUnavailable is type(refusal.value)
    assert [] == [secret for secret in secrets_of(bench) if secret in str(refusal.value)]


TOKENS: dict[str, tuple[Any, type[AppError]]] = {
    "wrong credentials": (Reply({"error": "invalid_client"}, status=401), ProviderMisconfigured),
    "a malformed request": (Reply({"error": "invalid_request"}, status=400), ProviderMisconfigured),
    "a refusal": (Reply({"error": "access_denied"}, status=403), ProviderMisconfigured),
    "an outage": (Reply(content=PAGE, status=503, headers=HTML), ProviderUnavailable),
    "a page": (Reply(content=PAGE, headers=HTML), ProviderUnavailable),
    "no life": (Reply({"access_token": "token-of-the-test"}), ProviderGarbage),
    "no token": (Reply({"expires_in": 12600}), ProviderGarbage),
    "a token that is null": (Reply({"access_token": None, "expires_in": 12600}), ProviderGarbage),
    "an empty token": (Reply({"access_token": "", "expires_in": 12600}), ProviderGarbage),
    "a token that no header can hold": (Reply({"access_token": "clé", "expires_in": 12600}), ProviderGarbage),
    "a token of two lines": (Reply({"access_token": "a\r\nX-Header: b", "expires_in": 12600}), ProviderGarbage),
    "a life without end": (
        Reply(content=b'{"access_token": "token-of-the-test", "expires_in": Infinity}'),
        ProviderGarbage,
    ),
    "a life in words": (Reply({"access_token": "token-of-the-test", "expires_in": "long"}), ProviderGarbage),
}


async def test_without_a_token_nothing_is_asked(bench: Bench) -> None:
    for kind, (token, taken_for) in TOKENS.items():
        with case(kind):
            await bench.start_again()
            bench.provider.token = token
            bench.will_answer(Reply(bench.recorded().body))

            with pytest.raises(AppError) as refusal:
                await bench.adapter.fetch_readings(bench.request())

            assert taken_for is type(refusal.value)
            assert [] == bench.provider.received
            assert [] == [secret for secret in secrets_of(bench) if secret in f"{refusal.value!s} {refusal.value!r}"]


async def test_the_life_of_a_token_is_a_number_however_it_is_written(bench: Bench) -> None:
    lives: list[object] = ["12600", 12600, 12600.0]

    for life in lives:
        with case(life):
            await bench.start_again()
            bench.provider.token = Reply({"access_token": "token-of-the-test", "expires_in": life})
            bench.will_answer(Reply(bench.recorded().body))

            assert bench.recorded().readings == len(await bench.adapter.fetch_readings(bench.request()))


async def test_nothing_is_sent_when_an_adapter_is_built(bench: Bench) -> None:
    async with open_http(1.0) as http:
        ADAPTERS[bench.name](bench.resources, http)

    assert [] == [*bench.provider.received, *bench.provider.token_requests]
