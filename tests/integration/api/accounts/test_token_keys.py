"""API keys as JSON Web Tokens over HTTP: created, accepted by every route, and impossible to forge."""

import base64
import json
import secrets
from datetime import timedelta
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from shared.consents.models import UsagePoint
from shared.core.datasets import Direction
from shared.crypto.api_key_format import new_api_key
from shared.crypto.jws import base64url, part_of
from shared.crypto.jwt_api_keys import MOST_USAGE_POINTS, check_token_key
from shared.crypto.vault import CannotOpen, unwrap_private_key
from shared.lifecycle.secret_rotation import SecretRotation
from shared.resources import open_resources
from shared.storage.tables import api_keys
from tests.support.api_gateway import NOON, OTHER_PRM, PRM, Person, Stage
from tests.support.dumps import redis_dump, sql_dump

pytestmark = pytest.mark.anyio

CURVE = f"/v1/usage-points/{PRM}/readings/consumption_load_curve"
DAYS = {"start": "2026-10-01", "end": "2026-10-02"}


@pytest.fixture
async def usage_point(stage: Stage, person: Person) -> UsagePoint:
    """The account's meter, with a stored day."""
    point = await stage.grant(person, directions=list(Direction))
    await stage.store_curve(point, NOON.date().replace(day=1), NOON.date().replace(day=2))
    return point


async def make_token(stage: Stage, person: Person, **wish: Any) -> httpx.Response:
    return await stage.client.post("/v1/account/keys", headers=person.headers, json={"format": "jwt", **wish})


async def token_of(stage: Stage, person: Person, **wish: Any) -> str:
    made = await make_token(stage, person, **wish)
    assert 201 == made.status_code, made.text
    return str(made.json()["api_key"])


def said_by(token: str) -> dict[str, Any]:
    """The payload, as clients read it."""
    payload = token.split(".")[1]
    claims: dict[str, Any] = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    return claims


async def status_of(stage: Stage, token: str) -> int:
    answer = await stage.client.get("/v1/usage-points", headers={"Authorization": f"Bearer {token}"})
    return answer.status_code


async def test_a_token_names_the_points_of_the_account_or_those_that_were_chosen(
    stage: Stage, person: Person, usage_point: UsagePoint
) -> None:
    await stage.grant(person, OTHER_PRM)
    expiry = stage.clock.now + timedelta(days=1)

    made = await make_token(stage, person, name="Linky", expires_at=expiry.isoformat())
    chosen = await token_of(stage, person, usage_points=[OTHER_PRM, OTHER_PRM])

    claims = said_by(made.json()["api_key"])
    assert (201, "no-store", "Linky") == (made.status_code, made.headers["Cache-Control"], made.json()["name"])
    assert {PRM, OTHER_PRM} == set(claims["sub"])
    assert (made.json()["id"], "http://127.0.0.1:8000") == (claims["jti"], claims["iss"])
    assert (int(stage.clock.now.timestamp()), int(expiry.timestamp())) == (claims["iat"], claims["exp"])
    assert [OTHER_PRM] == said_by(chosen)["sub"]


async def test_a_token_reads_wherever_a_key_does(stage: Stage, person: Person, usage_point: UsagePoint) -> None:
    token = await token_of(stage, person)
    bearer, days = {"Authorization": f"Bearer {token}"}, "start=2026-10-01&end=2026-10-02"
    ways = [
        (f"{CURVE}?{days}", bearer),
        (f"{CURVE}?{days}", {"X-API-Key": token}),
        # The contracts of MyElectricalData and of Conso API.
        (f"/consumption_load_curve/{PRM}/start/2026-10-01/end/2026-10-02", {"Authorization": token}),
        (f"/api/consumption_load_curve?prm={PRM}&{days}", bearer),
    ]
    for path, headers in ways:
        answer = await stage.client.get(path, headers=headers)

        assert 200 == answer.status_code, (path, list(headers))
        body = answer.json()
        readings = body.get("readings") or body.get("meter_reading", body)["interval_reading"]
        assert 48 == len(readings), (path, list(headers))


async def test_a_token_is_not_limited_to_the_points_that_it_names(
    stage: Stage, person: Person, usage_point: UsagePoint
) -> None:
    """A token's access is its scopes, as documented; for narrower access, each household needs its own account."""
    await stage.grant(person, OTHER_PRM)
    token = await token_of(stage, person, usage_points=[OTHER_PRM])

    answer = await stage.client.get(CURVE, params=DAYS, headers={"X-API-Key": token})

    assert (200, 48) == (answer.status_code, len(answer.json()["readings"]))


async def test_a_token_reads_and_fetches_and_manages_only_when_asked_to(
    stage: Stage, person: Person, usage_point: UsagePoint
) -> None:
    plain = await make_token(stage, person)
    manager = await make_token(stage, person, scopes=["manage"])

    refused = await stage.client.get("/v1/account/keys", headers={"X-API-Key": plain.json()["api_key"]})
    listed = await stage.client.get("/v1/account/keys", headers={"X-API-Key": manager.json()["api_key"]})
    more = await make_token(stage, Person(person.account, manager.json()["api_key"]))
    assert (["fetch", "read"], ["manage"]) == (plain.json()["scopes"], manager.json()["scopes"])
    assert (403, 200, 403) == (refused.status_code, listed.status_code, more.status_code)


async def test_a_token_is_listed_audited_and_its_use_noted_without_itself(
    stage: Stage, person: Person, usage_point: UsagePoint
) -> None:
    made = (await make_token(stage, person)).json()
    await status_of(stage, made["api_key"])

    listed = await stage.client.get("/v1/account/keys", headers=person.headers)
    audit = await stage.client.get("/v1/account/audit", headers=person.headers)

    (key,) = (each for each in listed.json()["keys"] if each["id"] == made["id"])
    assert stage.clock.now.replace(minute=0).isoformat().replace("+00:00", "Z") == key["last_used_at"]
    assert ("key.created", made["id"]) in {
        (each["action"], each["details"].get("key_id")) for each in audit.json()["events"]
    }
    for part in made["api_key"].split(".")[1:]:
        assert part not in listed.text + audit.text


async def test_a_token_that_was_taken_back_or_has_expired_is_refused_like_an_unknown_key(
    stage: Stage, person: Person, usage_point: UsagePoint
) -> None:
    taken = (await make_token(stage, person)).json()
    short = await token_of(stage, person, expires_at=(stage.clock.now + timedelta(days=1)).isoformat())
    assert [200, 200] == [await status_of(stage, taken["api_key"]), await status_of(stage, short)]

    await stage.client.delete(f"/v1/account/keys/{taken['id']}", headers=person.headers)
    stage.clock.now += timedelta(days=1)

    answers = [
        await stage.client.get("/v1/usage-points", headers={"X-API-Key": each})
        for each in (taken["api_key"], short, new_api_key())
    ]
    assert [401, 401, 401] == [each.status_code for each in answers]
    assert answers[0].json() == answers[1].json() == answers[2].json()


async def test_a_token_that_was_changed_is_refused_like_an_unknown_key(
    stage: Stage, person: Person, usage_point: UsagePoint
) -> None:
    token = await token_of(stage, person)
    unknown = await stage.client.get("/v1/usage-points", headers={"X-API-Key": new_api_key()})
    for number, name in enumerate(("header", "payload", "signature")):
        parts = token.split(".")
        parts[number] = parts[number][:-2] + ("AA" if parts[number][-2:] != "AA" else "BB")

        changed = await stage.client.get("/v1/usage-points", headers={"X-API-Key": ".".join(parts)})

        assert (401, unknown.json()) == (changed.status_code, changed.json()), name


async def test_an_enormous_token_is_refused_like_an_unknown_key(stage: Stage, person: Person) -> None:
    header = part_of({"alg": "HS256", "typ": "JWT"})

    assert 401 == await status_of(stage, f"{header}.{'A' * 1_000_000}.{'A' * 43}")


async def test_no_token_names_what_is_somebody_elses_and_does_not_say_that_it_is(stage: Stage, person: Person) -> None:
    neighbour = await stage.create_person()
    await stage.grant(neighbour, OTHER_PRM)
    await stage.grant(person)

    foreign = await make_token(stage, person, usage_points=[PRM, OTHER_PRM])
    unknown = await make_token(stage, person, usage_points=[PRM, "00000000000000"])

    assert (404, foreign.json()) == (unknown.status_code, unknown.json())
    assert OTHER_PRM not in foreign.text


async def test_an_account_without_points_is_told_what_it_lacks(stage: Stage, person: Person) -> None:
    answer = await make_token(stage, person)

    assert (409, "consent_missing") == (answer.status_code, answer.json()["code"])


CAN_NOT_BE_GRANTED: dict[str, tuple[dict[str, Any], str]] = {
    "none": ({"usage_points": []}, "/usage_points"),
    "13 digits": ({"usage_points": ["1234567890123"]}, "/usage_points/0"),
    "a number": ({"usage_points": [12345678901234]}, "/usage_points/0"),
    "too many": ({"usage_points": [PRM] * (MOST_USAGE_POINTS + 1)}, "/usage_points"),
    "no token": ({"format": "releve", "usage_points": [PRM]}, "/usage_points"),
    "unknown form": ({"format": "paseto"}, "/format"),
}


async def test_a_wish_that_can_not_be_granted_makes_no_token(
    stage: Stage, person: Person, usage_point: UsagePoint
) -> None:
    for case, (wish, pointer) in CAN_NOT_BE_GRANTED.items():
        answer = await make_token(stage, person, **wish)

        assert (422, [pointer]) == (answer.status_code, [each["pointer"] for each in answer.json()["errors"]]), case
        assert PRM not in answer.text, case
    assert 1 == len(await stage.resources.accounts.keys.list_keys(person.account.id))


async def test_an_account_with_very_many_points_has_to_say_which(
    stage: Stage, person: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    await stage.grant(person)
    await stage.grant(person, OTHER_PRM)
    # Lower the limit, as granting fifty usage points takes two seconds.
    monkeypatch.setattr("api.accounts.key_routes.MOST_USAGE_POINTS", 1)

    answer = await make_token(stage, person)

    assert (422, "/usage_points") == (answer.status_code, answer.json()["errors"][0]["pointer"])


async def test_who_has_both_stores_and_the_servers_secret_can_not_make_the_token_again(
    stage: Stage, person: Person, usage_point: UsagePoint
) -> None:
    token = await token_of(stage, person)
    await status_of(stage, token)
    (row,) = [
        each for each in await stage.resources.database.read(api_keys.select()) if each.id == said_by(token)["jti"]
    ]
    everything = await sql_dump(stage.resources.database) + await redis_dump(stage.resources.redis)

    # All claims of the token are known except the random bytes, and any candidate bytes can be signed.
    found = [secrets.token_bytes(32), bytes(32), bytes.fromhex(row.verifier), row.wrapped_private_key[-32:]]
    forged = []
    for key in (*map(base64url, found), "", None):
        signed = token.split(".")[0] + "." + part_of(said_by(token) | {"key": key})
        forged.append(f"{signed}.{base64url(stage.resources.server.sign_token(signed.encode()))}")

    for part in (said_by(token)["key"], *token.split(".")[1:]):
        assert part not in everything
    for each in forged:
        assert 401 == await status_of(stage, each)
        with pytest.raises(CannotOpen):
            unwrap_private_key(row.wrapped_private_key, check_token_key(each), account_id=row.account_id, key_id=row.id)
    # The token itself decrypts: the attempts above use the right format.
    assert unwrap_private_key(row.wrapped_private_key, check_token_key(token), account_id=row.account_id, key_id=row.id)


async def test_a_token_goes_on_when_the_server_has_another_secret(
    stage: Stage, person: Person, usage_point: UsagePoint
) -> None:
    token = await token_of(stage, person, name="Linky")
    before = await stage.resources.accounts.authenticate(token, stage.clock.now)
    settings, new = stage.resources.settings, SecretStr(secrets.token_hex(32))

    both = settings.model_copy(update={"secret_key": new, "previous_secret_keys": (settings.secret_key,)})
    async with open_resources(both) as resources:
        await SecretRotation(resources.database, resources.server, resources.readings).rotate(stage.clock.now)
    async with open_resources(settings.model_copy(update={"secret_key": new})) as resources:
        after = await resources.accounts.authenticate(token, stage.clock.now)

    assert (before.private_key, "Linky") == (after.private_key, after.key.name)
