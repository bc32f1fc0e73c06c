"""`PATCH /v1/usage-points/{id}`: its label, and its part in the nightly refresh."""

from typing import Any

import pytest

from shared.consents.models import UsagePoint
from tests.support.api_gateway import PRM, Person, Stage
from tests.support.dumps import sql_dump

pytestmark = pytest.mark.anyio

PATH = f"/v1/usage-points/{PRM}"
LABEL = "Maison synthetique 471"


async def change(stage: Stage, person: Person, **changes: Any) -> dict[str, Any]:
    answer = await stage.client.patch(PATH, json=changes, headers=person.headers)
    assert 200 == answer.status_code, answer.text
    document: dict[str, Any] = answer.json()
    return document


async def test_what_is_changed_is_shown_and_the_rest_stays(
    stage: Stage, person: Person, usage_point: UsagePoint
) -> None:
    await change(stage, person, label=f"  {LABEL} ", refresh_datasets=["identity", "consumption_load_curve"])
    changed = await change(stage, person, refresh=False)

    shown = (await stage.client.get(PATH, headers=person.headers)).json()
    listed = (await stage.client.get("/v1/usage-points", headers=person.headers)).json()["usage_points"][0]
    for document in (changed, shown, listed):
        assert (LABEL, False, ["consumption_load_curve", "identity"]) == (
            document["label"],
            document["refresh"],
            document["refresh_datasets"],
        )


async def test_null_takes_a_label_and_a_choice_away(stage: Stage, person: Person, usage_point: UsagePoint) -> None:
    await change(stage, person, label=LABEL, refresh_datasets=["contract"])

    changed = await change(stage, person, label=None, refresh_datasets=None)

    assert (None, None) == (changed["label"], changed["refresh_datasets"])


async def test_a_label_is_not_in_the_database_in_clear(stage: Stage, person: Person, usage_point: UsagePoint) -> None:
    await change(stage, person, label=LABEL)

    dump = await sql_dump(stage.resources.database)
    assert usage_point.id in dump
    assert LABEL not in dump


async def test_who_changed_it_is_written_down_without_the_label(
    stage: Stage, person: Person, usage_point: UsagePoint
) -> None:
    await change(stage, person, label=LABEL, refresh=False)
    events = await stage.resources.audit.load_events(person.account.id)
    await change(stage, person)

    assert {"usage_point": usage_point.id, "changed": ["label", "refresh"]} == events[0].details
    assert len(events) == len(await stage.resources.audit.load_events(person.account.id))


CAN_NOT_BE: list[tuple[dict[str, Any], str]] = [
    ({"label": ""}, "/label"),
    ({"label": "   "}, "/label"),
    ({"label": "x" * 101}, "/label"),
    ({"label": 7}, "/label"),
    ({"refresh": None}, "/refresh"),
    ({"refresh": "no"}, "/refresh"),
    ({"refresh_datasets": []}, "/refresh_datasets"),
    ({"refresh_datasets": ["no_such_dataset"]}, "/refresh_datasets/0"),
    ({"prm": PRM}, ""),
]


async def test_what_can_not_be_is_refused(stage: Stage, person: Person, usage_point: UsagePoint) -> None:
    for changes, pointer in CAN_NOT_BE:
        answer = await stage.client.patch(PATH, json=changes, headers=person.headers)

        pointers = [each["pointer"] for each in answer.json()["errors"]]
        assert (422, [pointer]) == (answer.status_code, pointers), changes


async def test_a_label_that_is_no_text_is_refused(stage: Stage, person: Person, usage_point: UsagePoint) -> None:
    headers = {**person.headers, "Content-Type": "application/json"}

    answer = await stage.client.patch(PATH, content=b'{"label": "\\ud800"}', headers=headers)

    assert answer.status_code in (400, 422)
