"""A gateway with its API and a worker's exchange, the simulated Enedis, and account holders with browsers.

Queued exchanges run when a test calls `work`. Enedis numbers its authorisations, as the real one does.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
from fastapi import FastAPI
from sqlalchemy import select

from shared.accounts.store import Account
from shared.consents.models import ConsentStatus
from shared.core.errors import NotFound
from shared.resources import Resources
from shared.storage.tables import consents
from simulator.holders import holder_of
from simulator.households import household_of
from workers.consents.exchange import ConsentExchange
from workers.upstream.port import Provider

HOUSE, SOLAR, FLAT = "99000000000011", "99000000000033", "99000000000044"
PAGE = {"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}

PAGE_V1 = "http://enedis.test/dataconnect/v1/oauth2/authorize"

Document = dict[str, Any]


@dataclass
class Clock:
    """The current time of the API and of the worker."""

    now: datetime = field(default_factory=lambda: datetime.now(UTC))


@dataclass
class Person:
    """An account holder with a browser."""

    account: Account
    api_key: str = field(repr=False)
    browser: httpx.AsyncClient

    @property
    def headers(self) -> dict[str, str]:
        """The headers of every API request of this account."""
        return {"Authorization": f"Bearer {self.api_key}"}


@dataclass
class Town:
    """The gateway, the worker's exchange, the simulated Enedis and the accounts."""

    app: FastAPI
    resources: Resources
    enedis: httpx.AsyncClient
    provider: Provider
    clock: Clock

    def set(self, **settings: object) -> None:
        """Change settings of the gateway; a worker keeps its settings."""
        changed = self.resources.settings.model_copy(update=settings)
        self.app.state.resources = replace(self.resources, settings=changed)

    def new_browser(self) -> httpx.AsyncClient:
        """A browser without cookies."""
        return httpx.AsyncClient(transport=httpx.ASGITransport(self.app), base_url="http://gateway.test")

    async def new_person(self) -> Person:
        """Create an account."""
        account, api_key = await self.resources.accounts.create_account(self.clock.now)
        return Person(account, api_key, self.new_browser())

    async def ask(self, person: Person, **body: object) -> Document:
        """Request a consent."""
        answer = await self.try_to_ask(person, **body)
        assert 201 == answer.status_code, answer.text
        document: Document = answer.json()
        return document

    async def try_to_ask(self, person: Person, **body: object) -> httpx.Response:
        """The response to a consent request."""
        return await person.browser.post("/v1/consents", headers=person.headers, json=body)

    async def open_link(self, started: Mapping[str, Any], browser: httpx.AsyncClient) -> httpx.Response:
        """Follow the link, as a program does."""
        return await browser.post(path_of(started["authorize_url"]))

    async def agree(self, provider_url: str, point: str = HOUSE) -> dict[str, str]:
        """Accept on Enedis's page; returns the query parameters of Enedis's redirect."""
        answer = await self.enedis.get(f"{path_of(provider_url)}&auto=approve&usage_point_id={point}")
        assert 302 == answer.status_code, answer.text
        return {name: values[0] for name, values in parse_qs(urlsplit(answer.headers["Location"]).query).items()}

    async def come_back(self, browser: httpx.AsyncClient, back: Mapping[str, str], **changed: object) -> httpx.Response:
        """Request the callback."""
        return await browser.get("/oauth/callback", params={**back, **{name: str(v) for name, v in changed.items()}})

    async def begin(self, person: Person, point: str = HOUSE, **body: object) -> tuple[str, dict[str, str]]:
        """Request, open, accept: the consent's id, and the query parameters of Enedis's redirect."""
        started = await self.ask(person, **body)
        opened = await self.open_link(started, person.browser)
        return started["id"], await self.agree(opened.json()["provider_url"], point)

    async def consent(self, person: Person, point: str = HOUSE, **body: object) -> Document:
        """Complete a consent; returns its final state."""
        consent_id, back = await self.begin(person, point, **body)
        await self.come_back(person.browser, back)
        await self.work()
        return await self.look(person, consent_id)

    async def claim(self, person: Person, number: int, **body: object) -> Document:
        """Return with an arbitrary authorisation number; the consent after a worker has verified it."""
        started = await self.ask(person, **body)
        await self.open_link(started, person.browser)
        await self.come_back(person.browser, {"state": started["state"], "autorisation_id": str(number)})
        await self.work()
        return await self.look(person, started["id"])

    async def look(self, person: Person, consent_id: str) -> Document:
        """A consent, as its account reads it."""
        document: Document = (await person.browser.get(f"/v1/consents/{consent_id}", headers=person.headers)).json()
        return document

    async def work(self, waited: timedelta = timedelta(0)) -> None:
        """Run every queued exchange."""
        exchange = ConsentExchange(self.resources, self.provider)
        for consent_id in await self.resources.grants.stale_exchanges(self.clock.now + timedelta(days=2)):
            await exchange.exchange(consent_id, self.clock.now + waited)

    async def control(self, path: str, **order: object) -> None:
        """Send a control call to the simulated Enedis."""
        (await self.enedis.post(f"/control/{path}", json=order)).raise_for_status()

    async def share_again(self, person: Person, point: str = HOUSE, **body: object) -> Document:
        """The holder revokes the authorisation at Enedis and grants it again, for this account."""
        await self.control("revoke", usage_point_id=point)
        return await self.consent(person, point, **body)

    async def holds(self, person: Person, point: str = HOUSE) -> bool:
        """Whether the account may request data of the usage point."""
        try:
            found = await self.resources.usage_points.find(person.account.id, point)
        except NotFound:
            return False
        return found.consent.is_active(self.clock.now)

    async def events(self, person: Person) -> list[tuple[str, Mapping[str, str]]]:
        """The consent events of the account."""
        found = await self.resources.events.next_events(person.account.id, "0-0", 0.001)
        return [(each.type, each.data) for each in found if each.type.startswith("consent.")]

    async def audited(self, person: Person) -> list[str]:
        """The audit entries about the account's consents, oldest first."""
        found = await self.resources.audit.load_events(person.account.id)
        return [each.action for each in reversed(found) if each.action.startswith("consent.")]


class Form(HTMLParser):
    """The target of a page's form."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.action = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "form":
            self.action = dict(attrs)["action"] or ""


def path_of(url: str) -> str:
    """The path and query of a URL."""
    parts = urlsplit(url)
    return f"{parts.path}?{parts.query}"


def contract_of(point: str) -> Document:
    """The contract details that a simulated point's holder can read on the bill."""
    household = household_of(point)
    return {"subscribed_power": household.subscribed_kva, "postal_code": holder_of(household).postal_code}


GRANTED, AWAITING = ConsentStatus.GRANTED.value, ConsentStatus.AWAITING_APPROVAL.value


async def holder_number(town: Town, person: Person) -> int:
    """The authorisation number of an account's house."""
    found = await town.resources.usage_points.find(person.account.id, HOUSE)
    assert found.consent.autorisation_id is not None
    return found.consent.autorisation_id


async def row(town: Town, consent_id: str) -> Any:
    """The row of a consent."""
    async with town.resources.database.transaction() as connection:
        return (await connection.execute(select(consents).where(consents.c.id == consent_id))).one()
