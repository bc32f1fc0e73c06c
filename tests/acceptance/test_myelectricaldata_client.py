"""Clients of MyElectricalData run against this gateway with only another URL and another token."""

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial

import pytest

from cli.demo.plaintext import count_file_hits, files_to_search
from simulator.known_points import Profile
from tests.acceptance.clients.myelectricaldata import (
    DAY,
    MOMENT,
    YEARS_DAYS,
    Access,
    Client,
    GivesUp,
    Importer,
    Integration,
    LimitReached,
    Reading,
    Refused,
)
from tests.support.running_gateway import (
    ADMIN_KEY,
    ONE_DAY,
    PARIS,
    Person,
    Stage,
    hours_of,
    settled_days,
    today_in_paris,
    within_one_day,
)

CURVE = "consumption_load_curve"
WEEKS = 8


@pytest.fixture(scope="module")
def resident(session_stage: Stage) -> Person:
    """An account whose data no test deletes."""
    return session_stage.new_person()


@pytest.fixture(scope="module")
def solar(session_stage: Stage, resident: Person) -> Importer:
    """The importer of that account; the household also produces."""
    usage_point_id = session_stage.new_household(Profile.SOLAR)
    resident.give_consent(usage_point_id)
    return Importer(session_stage.client, resident.api_key, usage_point_id)


@pytest.fixture
def importer(stage: Stage, person: Person, household: str) -> Importer:
    """The importer of an account whose household only consumes."""
    return Importer(stage.client, person.api_key, household)


def as_kept(points: Sequence[Mapping[str, str]]) -> list[Reading]:
    """Enedis's points, as a client must keep them."""
    return [reading_of(point) for point in points]


def beside(
    measure: Callable[[], Sequence[Mapping[str, str]]], ask: Callable[[], list[Reading]]
) -> tuple[list[Reading], list[list[Reading]]]:
    """A client's result, and Enedis's points before and after it: another day may be published meanwhile."""
    before = as_kept(measure())
    found = ask()
    return found, [before, as_kept(measure())]


def reading_of(point: Mapping[str, str]) -> Reading:
    """A point of Enedis, as a client must keep it: a curve's point by its start."""
    form = MOMENT if " " in point["d"] else DAY
    moment, value = datetime.strptime(point["d"], form), int(point["v"])  # noqa: DTZ007  # as the clients do
    if "p" not in point:
        return Reading(moment, value)
    minutes = int(point["p"].strip("PTM"))
    return Reading(moment - timedelta(minutes=minutes), value, minutes)


@pytest.mark.parametrize("name", ["daily_consumption", "daily_production", "daily_consumption_max_power"])
def test_three_years_of_days_come_in_one_request(stage: Stage, solar: Importer, name: str) -> None:
    today = today_in_paris()

    start = today + timedelta(days=2 - YEARS_DAYS)

    found, said = beside(
        lambda: stage.enedis.measure(name, solar.usage_point_id, start, today), lambda: solar.daily(name, today)
    )

    assert found in said
    assert len(found) >= YEARS_DAYS - 4


@pytest.mark.parametrize("name", [CURVE, "production_load_curve"])
def test_eight_weeks_of_a_curve_come_by_the_week(stage: Stage, solar: Importer, name: str) -> None:
    today = today_in_paris()

    first = today + timedelta(days=2 - 7 * WEEKS)

    def measure() -> list[Mapping[str, str]]:
        points: list[Mapping[str, str]] = []
        for start in (first + week * 7 * ONE_DAY for week in range(WEEKS)):
            points += stage.enedis.measure(name, solar.usage_point_id, start, min(start + 7 * ONE_DAY, today))
        return points

    found, said = beside(measure, lambda: solar.curve(name, today, WEEKS))

    assert found in said
    # Without future days, and those that may not be published yet.
    days = (first + number * ONE_DAY for number in range(7 * WEEKS - 4))
    assert len(found) >= sum(2 * hours_of(day) for day in days)


def test_the_integration_gets_the_last_week_up_to_tomorrow(stage: Stage, solar: Importer) -> None:
    client, today = Integration(stage.client, solar.token, solar.usage_point_id), today_in_paris()

    for name in ("daily_consumption", CURVE):
        found, said = beside(
            partial(stage.enedis.measure, name, client.usage_point_id, today - 7 * ONE_DAY, today),
            partial(client.latest, name, today),
        )
        assert found in said
        assert found


def test_contract_address_and_holder_are_as_the_clients_parse_them(solar: Importer) -> None:
    contract = solar.contract()
    address = solar.address()
    holder = solar.person()
    contact = solar.contact()

    assert contract.subscribed_kva in range(3, 37)
    assert "C5" == contract.segment
    assert contract.activated_on
    assert contract.activated_on < today_in_paris()
    # Enedis returns both as one text since 2026.
    assert address["postal_code"]
    assert address["postal_code"].isdigit()
    assert address["city"]
    assert all(holder.values())
    assert "@" in contact["email"]


def test_off_peak_hours_are_read_out_of_the_contract(stage: Stage, resident: Person) -> None:
    usage_point_id = stage.new_household(Profile.NIGHT_TARIFF)
    resident.give_consent(usage_point_id)

    contract = Importer(stage.client, resident.api_key, usage_point_id).contract()

    assert contract.off_peak_hours
    assert all(re.fullmatch(r"\d+H\d+-\d+H\d+", span) for span in contract.off_peak_hours)


def test_nothing_that_these_clients_are_told_is_written_down(stage: Stage, resident: Person, solar: Importer) -> None:
    series = solar.series(CURVE, *settled_days(14), "/cache")
    told = [solar.address()["street"], solar.person()["lastname"], *solar.contact().values()]

    # The final search of this gateway's spans, after its last test, includes these values.
    resident.seen.series.append([reading.value for reading in series])
    resident.seen.texts += [text for text in told if text]
    assert 0 == count_file_hits(resident.seen.secrets, files_to_search(stage.gateway.data_dir))


def test_the_access_is_valid_until_the_consent_ends(solar: Importer) -> None:
    def use() -> tuple[Access, Access, datetime]:
        # The counter is reset at midnight.
        solar.series("daily_consumption", *settled_days(7))
        return solar.access(), solar.access("/cache"), datetime.now(PARIS).replace(tzinfo=None)

    access, again, now = within_one_day(use)

    assert access == again
    assert (True, False, False) == (access.is_valid, access.is_limit_reached, access.is_banned)
    assert 1 <= access.calls < access.limit
    assert now < access.resets_at <= now + timedelta(days=1, hours=3)
    assert now + timedelta(days=300) < access.consent_ends < now + timedelta(days=1200)


def test_everybody_may_ask_whether_the_gateway_is_there(stage: Stage) -> None:
    assert 0.0 <= Client(stage.client, "", "").ping()


def test_what_was_fetched_with_the_cache_is_not_fetched_again_until_it_is_deleted(
    stage: Stage, importer: Importer
) -> None:
    point, (start, end) = importer.usage_point_id, settled_days(30)
    path = f"/daily_consumption/{point}/start/{start}/end/{end}/cache"

    def ask() -> tuple[list[Reading], int]:
        found = importer.series("daily_consumption", start, end, "/cache")
        return found, len(stage.enedis.calls(point))

    first, again = ask(), ask()
    deleted = importer.forget(path)
    anew = ask()

    assert 30 == len(first[0])
    assert (first, (first[0], first[1] + 1)) == (again, anew)
    assert {"usage_point_id", "path", "purge"} == set(deleted)
    assert (point, True) == (deleted["usage_point_id"], deleted["purge"])
    assert all(isinstance(each, str) for each in deleted["path"])


def test_a_record_can_be_deleted(person: Person, importer: Importer) -> None:
    point = importer.usage_point_id
    importer.contract()

    deleted = {
        word: importer.forget(f"/{word}/{point}/cache") for word in ("contracts", "addresses", "identity", "contact")
    }

    assert {"usage_point_id", "path", "delete"} == set.intersection(*map(set, deleted.values()))
    assert {point} == {each["usage_point_id"] for each in deleted.values()}
    assert {str} == {type(each["path"]) for each in deleted.values()}
    assert {bool} == {type(each["delete"]) for each in deleted.values()}
    assert person.get(f"/v1/usage-points/{point}/readings/contract")["record"] is None


def test_all_of_a_usage_point_can_be_deleted_at_once(stage: Stage, person: Person, importer: Importer) -> None:
    start, end = settled_days(7)
    importer.series(CURVE, start, end, "/cache")
    importer.contract()

    deleted = importer.forget(f"/cache/{importer.usage_point_id}")

    assert (importer.usage_point_id, True) == (deleted["usage_point_id"], deleted["purge"])
    assert [] == person.read(importer.usage_point_id, CURVE, start, end).json()["readings"]


def test_when_the_quota_is_used_up_what_is_stored_is_still_served(
    stage: Stage,
) -> None:
    start, end = settled_days(30)

    def use_up() -> tuple[list[Reading], LimitReached | None, Access, list[Reading]]:
        # A new account each time: the quota is per day.
        person, usage_point_id = stage.new_person(), stage.new_household()
        person.give_consent(usage_point_id)
        importer = Importer(stage.client, person.api_key, usage_point_id)
        stored = importer.series("daily_consumption", start, end, "/cache")
        admin = {"Authorization": f"Bearer {ADMIN_KEY}"}
        account = f"/v1/admin/accounts/{person.account_id}"
        stage.client.patch(account, json={"fetch_quota": 1}, headers=admin).raise_for_status()
        refused = None
        try:
            importer.series("daily_consumption_max_power", start, end, "/cache")
        except LimitReached as error:
            refused = error
        return stored, refused, importer.access(), importer.series("daily_consumption", start, end, "/cache")

    stored, refused, access, again = within_one_day(use_up)

    assert refused
    assert refused.detail
    assert (True, 1, 1) == (access.is_limit_reached, access.limit, access.calls)
    assert stored == again


def test_who_has_no_right_is_told_the_same_whether_the_point_is_there_or_not(stage: Stage, importer: Importer) -> None:
    stranger, unknown = stage.new_person(), stage.new_household()
    start, end = settled_days(7)
    tries = {
        "no token": Client(stage.client, "", importer.usage_point_id),
        "a wrong token": Client(stage.client, "rlv_" + 43 * "x", importer.usage_point_id),
        "somebody else's point": Client(stage.client, stranger.api_key, importer.usage_point_id),
        "a point that nobody shared": Client(stage.client, stranger.api_key, unknown),
    }

    told: dict[str, set[str]] = {}
    for name, client in tries.items():
        refusals = [
            refusal(client.access),
            refusal(client.contract),
            refusal(partial(client.series, CURVE, start, end)),
            refusal(partial(client.forget, f"/cache/{client.usage_point_id}")),
        ]
        assert {403} == {each.status for each in refusals}, name
        told[name] = {each.detail for each in refusals}

    assert told["somebody else's point"] == told["a point that nobody shared"]


def refusal(ask: Callable[[], object]) -> GivesUp:
    """The gateway's refusal."""
    with pytest.raises(GivesUp) as refused:
        ask()
    return refused.value


def test_what_enedis_does_not_have_is_not_found(stage: Stage, person: Person) -> None:
    usage_point_id = stage.new_household(Profile.NO_CURVE)
    person.give_consent(usage_point_id)
    client = Importer(stage.client, person.api_key, usage_point_id)

    with pytest.raises(Refused) as refused:
        client.series(CURVE, *settled_days(7), "/cache")

    assert 404 == refused.value.status
