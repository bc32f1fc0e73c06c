"""`/v1/webhooks`: creation, changes, refusals, the list of deliveries, and erasure."""

import asyncio
import io
import json
import zipfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from standardwebhooks import Webhook as Signature

from bench.bad_receivers import answers, receiving
from shared.accounts.api_keys import Scope
from shared.config.settings import Settings
from shared.consents.models import UsagePoint
from shared.events.deliveries import Attempt, DeliveryError
from shared.events.webhook_urls import WebhookTargets
from shared.events.webhooks import MOST_WEBHOOKS
from tests.support.api_gateway import Person, Stage
from tests.support.dumps import redis_dump, sql_dump
from tests.support.loopback import one_authority
from tests.support.patience import PATIENCE_SECONDS
from tests.support.webhook_receiver import Receiver
from workers.webhooks.courier import Courier
from workers.webhooks.http_sender import open_receivers

pytestmark = pytest.mark.anyio

# A public address, to which these tests never connect.
URL = "https://[2606:4700::1111]/hook?token=synthetic"
WEBHOOKS = "/v1/webhooks"
UNUSABLE: list[dict[str, Any]] = [
    {},
    {"url": ""},
    {"url": None},
    {"url": "http://receiver.example/"},
    {"url": "https://127.0.0.1/"},
    {"url": "https://[::1]/"},
    {"url": "https://169.254.169.254/latest/meta-data"},
    {"url": "https://localhost/"},
    {"url": f"https://receiver.example/{'a' * 2000}"},
    {"url": URL, "events": []},
    {"url": URL, "events": ["job.unknown"]},
    {"url": URL, "events": ["account.erased"]},
    {"url": URL, "description": ""},
    {"url": URL, "description": "a" * 101},
    {"url": URL, "secret": "whsec_synthetic"},
]


@pytest.fixture(scope="module", autouse=True)
def quick_clients(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """HTTP clients that are fast to create."""
    with one_authority(tmp_path_factory.mktemp("tls")):
        yield


async def ask(stage: Stage, person: Person, method: str, path: str, **options: Any) -> httpx.Response:
    headers = person.headers | options.pop("headers", {})
    return await stage.client.request(method, path, headers=headers, **options)


async def create(stage: Stage, person: Person, url: str = URL, **body: Any) -> dict[str, Any]:
    answer = await ask(stage, person, "POST", WEBHOOKS, json={"url": url, **body})
    assert 201 == answer.status_code, answer.text
    created: dict[str, Any] = answer.json()
    return created


@asynccontextmanager
async def courier(stage: Stage) -> AsyncIterator[None]:
    """A running courier, whose receivers may be on this machine."""
    stop = asyncio.Event()
    async with open_receivers(WebhookTargets(private_allowed=True), int(PATIENCE_SECONDS)) as receivers:
        running = asyncio.create_task(Courier(stage.resources, receivers).run(stop))
        try:
            yield
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)


async def test_a_webhook_is_made_and_its_secret_shown_once(stage: Stage, person: Person) -> None:
    answer = await ask(
        stage, person, "POST", WEBHOOKS, json={"url": URL, "events": ["job.failed"], "description": " Mine "}
    )

    created = answer.json()
    path = f"{WEBHOOKS}/{created['id']}"
    assert (201, path, "no-store") == (answer.status_code, answer.headers["location"], answer.headers["cache-control"])
    Signature(created.pop("secret"))
    shown = await ask(stage, person, "GET", path)
    listed = await ask(stage, person, "GET", WEBHOOKS)
    assert created == shown.json() == listed.json()["webhooks"][0]
    assert {"url": URL, "events": ["job.failed"], "description": "Mine", "enabled": True} == {
        name: created[name] for name in ("url", "events", "description", "enabled")
    }
    assert {"self": path, "deliveries": f"{path}/deliveries"} == created["links"]


async def test_what_can_t_be_a_webhook_is_refused(stage: Stage, person: Person) -> None:
    for body in UNUSABLE:
        answer = await ask(stage, person, "POST", WEBHOOKS, json=body)

        assert (422, "validation_failed") == (answer.status_code, answer.json()["code"]), body
        assert answer.json()["errors"], body
    assert [] == (await ask(stage, person, "GET", WEBHOOKS)).json()["webhooks"]


async def test_a_webhook_is_changed_where_the_change_is_good(stage: Stage, person: Person) -> None:
    path = (await create(stage, person))["links"]["self"]

    bad = await ask(stage, person, "PATCH", path, json={"url": "https://10.0.0.1/"})
    nothing = await ask(stage, person, "PATCH", path, json={})
    good = await ask(stage, person, "PATCH", path, json={"events": ["job.failed"], "description": "Mine"})
    all_again = await ask(stage, person, "PATCH", path, json={"events": None})

    assert (422, "/url") == (bad.status_code, bad.json()["errors"][0]["pointer"])
    assert (URL, None) == (nothing.json()["url"], nothing.json()["description"])
    assert (["job.failed"], "Mine", URL) == tuple(good.json()[name] for name in ("events", "description", "url"))
    assert (None, "Mine") == (all_again.json()["events"], all_again.json()["description"])


async def test_a_disabled_webhook_is_told_nothing_and_replays_nothing(stage: Stage, person: Person) -> None:
    created = await create(stage, person)
    path = created["links"]["self"]
    await stage.resources.events.publish(person.account.id, "job.failed", {"job_id": "job_1"})

    await ask(stage, person, "PATCH", path, json={"enabled": False})
    await stage.resources.events.publish(person.account.id, "job.failed", {"job_id": "job_2"})

    page = (await ask(stage, person, "GET", f"{path}/deliveries")).json()
    (delivery,) = page["deliveries"]
    assert ("failed", "webhook_disabled", None) == tuple(
        delivery[name] for name in ("status", "error", "next_attempt_at")
    )
    refused = await ask(stage, person, "POST", delivery["links"]["replay"])
    assert (409, "webhook_disabled") == (refused.status_code, refused.json()["code"])
    await ask(stage, person, "PATCH", path, json={"enabled": True})
    replayed = await ask(stage, person, "POST", delivery["links"]["replay"])
    assert (202, "pending") == (replayed.status_code, replayed.json()["status"])


async def test_a_deleted_webhook_is_gone_with_its_deliveries(stage: Stage, person: Person) -> None:
    created = await create(stage, person)
    await stage.resources.events.publish(person.account.id, "job.failed", {"job_id": "job_1"})

    answer = await ask(stage, person, "DELETE", created["links"]["self"])

    assert 204 == answer.status_code
    assert 404 == (await ask(stage, person, "GET", created["links"]["self"])).status_code
    assert created["id"] not in await redis_dump(stage.resources.redis)


async def test_a_rotated_secret_is_shown_once_and_the_overlap_is_told(stage: Stage, person: Person) -> None:
    created = await create(stage, person)

    rotated = await ask(stage, person, "POST", f"{created['links']['self']}/secret")

    assert (200, "no-store") == (rotated.status_code, rotated.headers["cache-control"])
    assert rotated.json()["secret"] not in ("", created["secret"])
    assert stage.clock.now + timedelta(hours=24) == datetime.fromisoformat(rotated.json()["previous_secret_until"])
    stage.clock.now += timedelta(hours=24)
    assert (await ask(stage, person, "GET", created["links"]["self"])).json()["previous_secret_until"] is None


async def test_an_answer_with_a_secret_is_never_repeated(stage: Stage, person: Person) -> None:
    created = await create(stage, person)
    headers = {"Idempotency-Key": "synthetic-1"}

    made = await ask(stage, person, "POST", WEBHOOKS, json={"url": URL}, headers=headers)
    rotated = await ask(stage, person, "POST", f"{created['links']['self']}/secret", headers=headers)

    assert ["idempotency_not_offered"] * 2 == [each.json()["code"] for each in (made, rotated)]
    assert 1 == len((await ask(stage, person, "GET", WEBHOOKS)).json()["webhooks"])


async def test_there_are_so_many_for_an_account(stage: Stage, person: Person) -> None:
    for _ in range(MOST_WEBHOOKS):
        await create(stage, person)

    answer = await ask(stage, person, "POST", WEBHOOKS, json={"url": URL})

    assert (409, "limit_reached") == (answer.status_code, answer.json()["code"])


async def test_it_takes_a_key_that_may_manage(stage: Stage, person: Person) -> None:
    caller = await stage.resources.accounts.authenticate(person.api_key, stage.clock.now)
    _, text = await stage.resources.accounts.keys.create_key(
        caller.key, caller.opened, stage.clock.now, scopes=[Scope.READ, Scope.FETCH]
    )
    reader = Person(person.account, text)

    statuses = {
        (await ask(stage, reader, method, path)).status_code
        for method, path in (("GET", WEBHOOKS), ("POST", f"{WEBHOOKS}/hook_0123456789abcdef/test"))
    }

    assert {403} == statuses


async def test_a_test_that_is_waited_for_says_how_it_went(stage: Stage, person: Person, patient: None) -> None:
    receiver = Receiver(answer=answers("418 I'm a teapot", body=b"what the receiver says"))
    async with receiving(receiver) as url, courier(stage):
        # Bypasses the check, which rejects receivers on this machine.
        webhook, secret = await stage.resources.webhooks.create_webhook(
            person.account.id, url, None, None, "key_1", stage.clock.now
        )
        path = f"{WEBHOOKS}/{webhook.id}/test"

        answer = await ask(stage, person, "POST", path, headers={"Prefer": "wait=120"})

    assert (200, "wait=120") == (answer.status_code, answer.headers["preference-applied"])
    tried = answer.json()
    assert ("webhook.test", "failed", "bad_status", 418, 1, None) == tuple(
        tried[name] for name in ("type", "status", "error", "status_code", "attempts", "next_attempt_at")
    )
    assert "what the receiver says" not in answer.text
    (message,) = receiver.messages
    assert "webhook.test" == message.verify(secret)["type"]


async def test_a_test_that_nobody_waits_for_is_on_its_way(stage: Stage, person: Person) -> None:
    created = await create(stage, person)

    answer = await ask(stage, person, "POST", f"{created['links']['self']}/test")

    assert (202, "pending") == (answer.status_code, answer.json()["status"])


async def test_messages_on_request_are_slowed_down(stage: Stage, person: Person) -> None:
    path = (await create(stage, person))["links"]["self"]

    answers = [await ask(stage, person, "POST", f"{path}/test") for _ in range(31)]

    assert ({202}, 429) == ({each.status_code for each in answers[:30]}, answers[30].status_code)
    assert int(answers[30].headers["retry-after"]) > 0


async def test_deliveries_are_listed_newest_first_page_by_page(stage: Stage, person: Person) -> None:
    created = await create(stage, person)
    for number in range(5):
        await stage.resources.events.publish(person.account.id, "job.failed", {"job_id": f"job_{number}"})
    (claimed,) = await stage.resources.deliveries.claim(datetime.now(UTC), 10)
    attempt = Attempt(stage.clock.now, DeliveryError.BAD_STATUS, 500, 12)
    again = stage.clock.now + timedelta(minutes=5)
    await stage.resources.deliveries.settle(claimed, attempt, again, stage.clock.now)

    listed, path = [], f"{created['links']['deliveries']}?limit=2"
    while path:
        page = (await ask(stage, person, "GET", path)).json()
        assert len(page["deliveries"]) <= 2
        listed += page["deliveries"]
        path = page["links"]["next"]

    stored = await stage.resources.deliveries.list_deliveries(created["id"])
    assert ["job_4", "job_3", "job_2", "job_1", "job_0"] == [each.data["job_id"] for each in stored]
    assert [each.id for each in stored] == [each["id"] for each in listed]
    assert ("pending", 1, 500, "bad_status", 12, again) == (
        *(listed[-1][name] for name in ("status", "attempts", "status_code", "error", "duration_ms")),
        datetime.fromisoformat(listed[-1]["next_attempt_at"]),
    )
    foreign = await ask(stage, person, "GET", f"{created['links']['deliveries']}?cursor=dlv_0123")
    assert [] == foreign.json()["deliveries"]


async def test_an_erased_account_takes_its_webhooks_along(stage: Stage, person: Person) -> None:
    created = await create(stage, person)
    await stage.resources.events.publish(person.account.id, "job.failed", {"job_id": "job_1"})

    answer = await ask(stage, person, "DELETE", "/v1/account")
    await stage.resources.events.publish(person.account.id, "job.failed", {"job_id": "job_2"})

    assert 1 == answer.json()["erased"]["webhooks"]
    assert [] == await stage.resources.deliveries.claim(datetime.now(UTC), 10)
    dumps = await redis_dump(stage.resources.redis) + await sql_dump(stage.resources.database)
    assert created["id"] not in dumps


async def test_an_erased_usage_point_is_told_of_no_more(stage: Stage, person: Person, usage_point: UsagePoint) -> None:
    created = await create(stage, person)
    await stage.resources.events.publish(person.account.id, "readings.updated", {"usage_point": usage_point.id})
    await stage.resources.events.publish(person.account.id, "consent.granted", {"consent_id": usage_point.consent.id})

    await stage.resources.erasure.erase_usage_point(usage_point, "key_1", stage.clock.now)

    left = await stage.resources.deliveries.list_deliveries(created["id"])
    assert ["consent.granted"] == [each.type for each in left]


async def test_the_export_has_the_webhooks_without_their_secrets(stage: Stage, person: Person) -> None:
    created = await create(stage, person)
    await stage.resources.events.publish(person.account.id, "job.failed", {"job_id": "job_1"})

    answer = await ask(stage, person, "GET", "/v1/account/export")

    archive = zipfile.ZipFile(io.BytesIO(answer.content))
    (exported,) = json.loads(archive.read("webhooks.json"))
    assert (created["id"], URL, ["job.failed"]) == (
        exported["id"],
        exported["url"],
        [each["type"] for each in exported["deliveries"]],
    )
    assert created["secret"].encode() not in b"".join(archive.read(name) for name in archive.namelist())


async def test_every_change_is_in_the_audit_without_the_url(stage: Stage, person: Person) -> None:
    path = (await create(stage, person))["links"]["self"]
    await ask(stage, person, "PATCH", path, json={"url": URL + "&more"})
    await ask(stage, person, "POST", f"{path}/secret")
    await ask(stage, person, "DELETE", path)

    answer = await ask(stage, person, "GET", "/v1/account/audit")

    assert ["webhook.created", "webhook.changed", "webhook.secret_rotated", "webhook.deleted"] == [
        each["action"] for each in reversed(answer.json()["events"]) if each["action"].startswith("webhook.")
    ]
    assert "token=" not in answer.text


def test_private_targets_are_not_allowed_unless_somebody_says_so(settings: Settings) -> None:
    assert settings.webhook_private_targets is False
