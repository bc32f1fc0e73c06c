"""Tempo and EcoWatt as clients of MyElectricalData get them: without a token, from RTE's data."""

import time
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import date
from functools import partial
from typing import Any

from tests.acceptance.clients.myelectricaldata import YEARS_DAYS, Client, Refused
from tests.support.patience import PATIENCE_SECONDS
from tests.support.running_gateway import ADMIN_KEY, ONE_DAY, Stage, today_in_paris, within_one_day

# A season starts in September.
FIRST_MONTH = 9
# The number of days that one call returns, without future days.
YEAR_DAYS = 360
TARIFF = [(colour, hours) for colour in ("blue", "white", "red") for hours in ("hc", "hp")]


def test_colours_are_what_rte_says_however_far_back_they_are_asked_for(stage: Stage) -> None:
    client, today = Client(stage.client, "", ""), today_in_paris()
    start = today - YEARS_DAYS * ONE_DAY
    params = {"start": str(start), "end": str(today + ONE_DAY)}
    truth = stage.enedis.client.get("/control/rte/tempo", params=params).raise_for_status().json()
    expected = {date.fromisoformat(day): colour for day, colour in truth.items() if colour}

    found = once_there(partial(client.tempo, start, today), YEAR_DAYS)

    # Earlier days are fetched by year, and RTE requires a pause before each call.
    assert {day: colour for day, colour in expected.items() if day >= min(found)} == found


def test_ecowatt_is_what_rte_says_under_the_day_before(stage: Stage) -> None:
    client, today = Client(stage.client, "", ""), today_in_paris()
    params = {"start": str(today), "end": str(today + 4 * ONE_DAY)}
    truth = stage.enedis.client.get("/control/rte/ecowatt", params=params).raise_for_status().json()

    # If midnight has passed since the gateway started, it will soon read one more day from RTE.
    least = 4 if today == stage.begun_on else 3
    found = once_there(partial(client.ecowatt, today - ONE_DAY, today + 2 * ONE_DAY), least)

    expected = {date.fromisoformat(day) - ONE_DAY: level for day, level in list(truth.items())[: len(found)]}
    assert expected == {day: level for day, (level, _, _) in found.items()}
    for day, (_, _, hours) in found.items():
        assert {day + ONE_DAY} == {hour.date() for hour in hours}
        assert list(range(24)) == [hour.hour for hour in hours]


def test_the_days_left_of_each_colour_are_those_that_have_not_been_announced(stage: Stage) -> None:
    client = Client(stage.client, "", "")

    def look() -> tuple[date, Mapping[str, int], Mapping[date, str]]:
        today = today_in_paris()
        once_there(partial(client.tempo, today - YEARS_DAYS * ONE_DAY, today), YEAR_DAYS)
        start = date(today.year - (today.month < FIRST_MONTH), FIRST_MONTH, 1)
        return start, client.tempo_days_left(), client.tempo(start, today + ONE_DAY)

    start, left, announced_days = within_one_day(look)

    days = (start.replace(year=start.year + 1) - start).days
    seasonal = {"red": 22, "white": 43, "blue": days - 22 - 43}
    announced = Counter(announced_days.values())
    assert {colour: count - announced[colour.upper()] for colour, count in seasonal.items()} == left


def test_the_prices_are_those_that_an_administrator_has_set(stage: Stage) -> None:
    prices = {f"{colour}_{hours}": f"0.{number}" for number, (colour, hours) in enumerate(TARIFF, 1234)}
    by_nobody = stage.client.post("/admin/edf/tempo/price", json=prices)
    headers = {"ADMIN_API_KEY": ADMIN_KEY}
    stage.client.post("/admin/edf/tempo/price", json=prices, headers=headers).raise_for_status()

    found = Client(stage.client, "", "").tempo_prices()

    assert 403 == by_nobody.status_code
    assert {key: float(prices["_".join(key)]) for key in TARIFF} == found


def once_there(ask: Callable[[], Mapping[Any, Any]], count: int) -> Mapping[Any, Any]:
    """The response as soon as it has ``count`` entries: a worker fetches them soon after the start."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        with suppress(Refused):
            found = ask()
            if len(found) >= count:
                return found
        assert time.monotonic() < deadline
        time.sleep(0.2)
