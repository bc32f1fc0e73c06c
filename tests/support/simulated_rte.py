"""Requests to the simulator of RTE, and the days that its tests are about."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import httpx

CREDENTIALS = ("application-under-test", "not-a-secret")


TEMPO = "/open_api/tempo_like_supply_contract/v1/tempo_like_calendars"


ECOWATT = "/open_api/ecowatt/v5/signals"


PARIS = ZoneInfo("Europe/Paris")


# 13:00 on a Monday in Paris: tomorrow is published.
NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)


TODAY, TOMORROW, DAY_AFTER = "2026-11-23", "2026-11-24", "2026-11-25"


async def new_token(client: httpx.AsyncClient) -> str:
    """A new token of the application."""
    return str((await client.post("/token/oauth/", auth=CREDENTIALS)).json()["access_token"])


def midnight_of(day: str) -> str:
    """The first instant of a day in Paris, as RTE writes it."""
    return datetime.fromisoformat(day).replace(tzinfo=PARIS).isoformat()


async def ask_tempo(rte: httpx.AsyncClient, start: str, end: str, **others: str) -> httpx.Response:
    """The response for `[start, end[`."""
    return await rte.get(TEMPO, params={"start_date": midnight_of(start), "end_date": midnight_of(end), **others})


async def set_conditions(rte: httpx.AsyncClient, **conditions: object) -> None:
    """Set conditions of the simulator."""
    (await rte.post("/control/settings", json=conditions)).raise_for_status()
