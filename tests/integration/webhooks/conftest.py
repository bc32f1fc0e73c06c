"""A courier with real stores, and a receiver over real HTTP."""

from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime

import pytest

from bench.bad_receivers import receiving
from shared.config.settings import Settings
from shared.resources import open_resources
from tests.support.loopback import one_authority
from tests.support.patience import PATIENCE_SECONDS
from tests.support.webhook_receiver import ACTOR, Receiver, Stage
from workers.webhooks import http_sender as receivers
from workers.webhooks.courier import Courier
from workers.webhooks.http_sender import open_receivers


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Raise the connect timeout for slow machines."""
    monkeypatch.setattr(receivers, "_CONNECT_SECONDS", PATIENCE_SECONDS)


@pytest.fixture(scope="session", autouse=True)
def quick_clients(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """HTTP clients that are fast to create."""
    with one_authority(tmp_path_factory.mktemp("tls")):
        yield


@pytest.fixture
async def stage(settings: Settings) -> AsyncIterator[Stage]:
    """A gateway whose webhooks may target this machine."""
    settings = settings.model_copy(update={"webhook_private_targets": True, "public_url": "https://gateway.example"})
    receiver = Receiver()
    async with (
        receiving(receiver) as url,
        open_resources(settings) as resources,
        open_receivers(resources.webhook_targets, 100, PATIENCE_SECONDS) as opened,
    ):
        now = datetime.now(UTC)
        account, _ = await resources.accounts.create_account(now)
        webhook, secret = await resources.webhooks.create_webhook(account.id, url, None, "Synthetic name", ACTOR, now)
        stage = Stage(resources, Courier(resources, opened), receiver, account, url, webhook, secret)
        await stage.note(webhook)
        yield stage
