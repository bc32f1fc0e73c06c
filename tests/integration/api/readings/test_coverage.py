"""Which days are stored, without decrypting any."""

from datetime import date, timedelta

import pytest

from shared.consents.models import UsagePoint
from shared.core.calendar import ONE_DAY
from shared.crypto.vault import Opener
from shared.readings.models import Gap, Reason
from shared.readings.store import ReadingStore
from tests.support.api_gateway import NOON, PRM, Person, Stage

pytestmark = pytest.mark.anyio

COVERAGE = f"/v1/usage-points/{PRM}/coverage"
CURVE = f"{COVERAGE}/consumption_load_curve"


@pytest.fixture(autouse=True)
def nothing_opens(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fail on any decryption: coverage requests must not decrypt data."""

    def refuse(*_: object) -> None:
        raise AssertionError("a blob was opened")

    monkeypatch.setattr(Opener, "open", refuse)
    monkeypatch.setattr(ReadingStore, "load_blobs", refuse)
    monkeypatch.setattr(ReadingStore, "load_windows", refuse)


async def test_days_in_a_row_of_one_kind_are_told_together_with_the_reason(
    stage: Stage, person: Person, usage_point: UsagePoint
) -> None:
    none = Gap(date(2026, 10, 16), date(2026, 10, 17), Reason.NO_MEASURE)
    part = Gap(date(2026, 10, 17), date(2026, 10, 18), Reason.INCOMPLETE, True, NOON + timedelta(hours=1))
    await stage.store_curve(usage_point, date(2026, 10, 13), date(2026, 10, 18), {none.start: none, part.start: part})

    answer = await stage.client.get(f"{CURVE}?start=2026-10-12&end=2026-10-21", headers=person.headers)

    document = answer.json()
    assert [
        ("2026-10-12", "2026-10-13", 1, "unknown", "not_fetched", None),
        ("2026-10-13", "2026-10-16", 3, "complete", None, None),
        ("2026-10-16", "2026-10-17", 1, "absent", "no_measure", None),
        ("2026-10-17", "2026-10-18", 1, "partial", "incomplete", "2026-10-20T11:00:00Z"),
        ("2026-10-18", "2026-10-20", 2, "unknown", "not_fetched", None),
        ("2026-10-20", "2026-10-21", 1, "unknown", "not_published_yet", "2026-10-21T06:00:00Z"),
    ] == [
        tuple(each[name] for name in ("start", "end", "days", "state", "reason", "ask_again_at"))
        for each in document["ranges"]
    ]
    assert (3, 1, 1, 4) == tuple(document[name] for name in ("complete", "partial", "absent", "unknown"))
    assert "private, no-cache" == answer.headers["Cache-Control"]


async def test_days_that_the_curve_gives_are_whole_and_say_so(
    stage: Stage, person: Person, usage_point: UsagePoint
) -> None:
    await stage.store_months(usage_point, "daily_consumption", date(2026, 10, 1), date(2026, 10, 4))
    await stage.store_curve(usage_point, date(2026, 10, 3), date(2026, 10, 6))

    answer = await stage.client.get(
        f"{COVERAGE}/daily_consumption?start=2026-10-01&end=2026-10-07", headers=person.headers
    )

    assert [(3, "complete", None), (2, "complete", "derived"), (1, "unknown", None)] == [
        (each["days"], each["state"], each["origin"]) for each in answer.json()["ranges"]
    ]


async def test_every_dataset_is_told_in_one_look(stage: Stage, person: Person, usage_point: UsagePoint) -> None:
    none = Gap(date(2026, 10, 16), date(2026, 10, 17), Reason.NO_MEASURE)
    await stage.store_curve(usage_point, date(2026, 10, 13), date(2026, 10, 17), {none.start: none})
    await stage.store_months(usage_point, "daily_consumption", date(2026, 8, 1), date(2026, 10, 1))

    answer = await stage.client.get(COVERAGE, headers=person.headers)

    told = {each.pop("dataset"): each for each in answer.json()["datasets"]}
    assert {
        "start": "2026-10-13",
        "end": "2026-10-17",
        "newest": "2026-10-15",
        "complete": 3,
        "partial": 0,
        "absent": 1,
        "fetched_at": "2026-10-20T10:00:00Z",
    } == told["consumption_load_curve"]
    assert ("2026-08-01", "2026-09-30", 61) == tuple(
        told["daily_consumption"][name] for name in ("start", "newest", "complete")
    )
    assert {
        "start": None,
        "end": None,
        "newest": None,
        "complete": 0,
        "partial": 0,
        "absent": 0,
        "fetched_at": None,
    } == (told["identity"])


async def test_what_has_not_changed_is_not_sent_again(stage: Stage, person: Person, usage_point: UsagePoint) -> None:
    paths = [COVERAGE, f"{CURVE}?start=2026-10-12&end=2026-10-21"]
    tags = {path: (await stage.client.get(path, headers=person.headers)).headers["ETag"] for path in paths}

    async def ask_again() -> dict[str, tuple[int, bool]]:
        headers = {path: {**person.headers, "If-None-Match": tag} for path, tag in tags.items()}
        answers = {path: await stage.client.get(path, headers=headers[path]) for path in paths}
        return {path: (answer.status_code, answer.content == b"") for path, answer in answers.items()}

    assert dict.fromkeys(paths, (304, True)) == await ask_again()
    await stage.store_curve(usage_point, date(2026, 10, 13), date(2026, 10, 13) + ONE_DAY)
    assert dict.fromkeys(paths, (200, False)) == await ask_again()


async def test_a_key_that_may_not_read_sees_coverage(stage: Stage, person: Person, usage_point: UsagePoint) -> None:
    made = await stage.client.post("/v1/account/keys", headers=person.headers, json={"scopes": ["fetch"]})
    headers = {"Authorization": f"Bearer {made.json()['api_key']}"}

    answer = await stage.client.get(COVERAGE, headers=headers)

    assert 200 == answer.status_code


async def test_a_bad_question_is_refused(stage: Stage, person: Person, usage_point: UsagePoint) -> None:
    bad = {
        CURVE: ["start", "end"],
        f"{CURVE}?start=2026-10-12&end=2026-10-12": ["end"],
        f"{CURVE}?start=2010-10-12&end=2026-10-12": ["end"],
        f"{COVERAGE}/contract?start=2026-10-12&end=2026-10-13": ["dataset"],
        f"{COVERAGE}/weather?start=2026-10-12&end=2026-10-13": ["dataset"],
    }
    for path, pointers in bad.items():
        answer = await stage.client.get(path, headers=person.headers)

        assert (422, pointers) == (answer.status_code, [each["pointer"] for each in answer.json()["errors"]]), path
