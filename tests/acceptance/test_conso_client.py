"""Clients of the Conso API run against this gateway with only another URL and another token."""

from datetime import date, datetime, timedelta

import pytest

from cli.demo.plaintext import count_file_hits, files_to_search
from simulator.known_points import Profile
from tests.acceptance.clients.conso import NAMES_OF_2026, ConsoClient, ConsoFailed
from tests.acceptance.clients.myelectricaldata import Importer
from tests.support.running_gateway import PARIS, Person, Stage, settled_days

CURVE = "consumption_load_curve"
# All other names are the same as those of our datasets.
DATASETS = {name: name for name in NAMES_OF_2026} | {"consumption_max_power": "daily_consumption_max_power"}


@pytest.fixture(scope="module")
def resident(session_stage: Stage) -> Person:
    """An account whose household also produces."""
    person = session_stage.new_person()
    person.give_consent(session_stage.new_household(Profile.SOLAR))
    return person


@pytest.fixture(scope="module")
def conso(session_stage: Stage, resident: Person) -> ConsoClient:
    """The client of that account."""
    return ConsoClient(session_stage.client, new_token(resident))


def new_token(person: Person) -> str:
    """Create a key in JWT format."""
    token: str = person.post("/v1/account/keys", {"format": "jwt"}, 201)["api_key"]
    # The claims, which contain the usage points, are what is secret; the header before them is the same in every token.
    person.seen.texts.append(token.split(".", 1)[1])
    return token


@pytest.mark.parametrize("name", NAMES_OF_2026)
def test_the_same_is_answered_to_the_first_names_and_to_those_of_2026(
    stage: Stage, conso: ConsoClient, name: str
) -> None:
    (usage_point_id,) = conso.usage_points
    start, end = settled_days(7)

    found = conso.measure(name, usage_point_id, start, end)
    again = conso.measure_of_2026(name, usage_point_id, start, end)

    points = stage.enedis.measure(DATASETS[name], usage_point_id, start, end)
    assert [(point["d"], int(point["v"])) for point in points] == found == again
    assert len(found) >= 7


def test_nothing_that_this_client_shows_or_is_told_is_written_down(
    stage: Stage, resident: Person, conso: ConsoClient
) -> None:
    found = conso.measure(CURVE, conso.usage_points[0], *settled_days(7))

    resident.seen.series.append([value for _, value in found])
    assert 0 == count_file_hits(resident.seen.secrets, files_to_search(stage.gateway.data_dir))


def test_a_token_names_every_usage_point_of_the_account(stage: Stage, person: Person) -> None:
    shared = [stage.new_household() for _ in range(2)]
    for usage_point_id in shared:
        person.give_consent(usage_point_id)

    assert sorted(shared) == sorted(ConsoClient(stage.client, new_token(person)).usage_points)


def test_a_token_is_a_key_for_the_clients_of_the_other_contract_too(stage: Stage, conso: ConsoClient) -> None:
    (usage_point_id,) = conso.usage_points
    start, end = settled_days(7)

    assert 7 == len(Importer(stage.client, conso.token, usage_point_id).series("daily_consumption", start, end))


def test_what_is_refused_is_refused_in_the_form_of_this_contract(stage: Stage, conso: ConsoClient) -> None:
    (usage_point_id,) = conso.usage_points
    (start, end), today = settled_days(7), datetime.now(PARIS).date()
    header, claims, signature = conso.token.split(".")
    forged = ConsoClient(stage.client, f"{header}.{claims}.{signature[::-1]}")

    assert 401 == refused_with(forged, usage_point_id, start, end)
    assert 403 == refused_with(conso, stage.new_household(), start, end)
    assert 400 == refused_with(conso, usage_point_id, end, start)
    assert 400 == refused_with(conso, "99", start, end)
    assert 404 == refused_with(conso, usage_point_id, today + timedelta(days=30), today + timedelta(days=40))


def refused_with(client: ConsoClient, usage_point_id: str, start: date, end: date) -> int:
    """The status of a refusal, the same for both names."""
    told = []
    for measure in (client.measure, client.measure_of_2026):
        with pytest.raises(ConsoFailed) as refused:
            measure(CURVE, usage_point_id, start, end)
        assert refused.value.message
        told.append(refused.value.status)
    assert told[0] == told[1]
    return told[0]
