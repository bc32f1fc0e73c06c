"""An account is exported and erased while workers fetch for it: none of its data stays in the stores."""

import base64
import io
import json
import sqlite3
import time
import zipfile
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from redis import Redis

from cli.demo.otlp_receiver import Span
from cli.up.embedded_valkey import place_socket
from tests.support.patience import PATIENCE_SECONDS
from tests.support.running_gateway import Person, Stage, settled_days, trace_header

CURVE = "consumption_load_curve"


def decoded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def checked_claims(stage: Stage, token: str) -> dict[str, Any]:
    """The claims of a receipt, verified with only the published keys."""
    header, claims, signature = token.split(".")
    key_id = json.loads(decoded(header))["kid"]
    (key,) = [each for each in stage.client.get("/.well-known/jwks.json").json()["keys"] if each["kid"] == key_id]
    public_key = Ed25519PublicKey.from_public_bytes(decoded(key["x"]))
    public_key.verify(decoded(signature), f"{header}.{claims}".encode())
    found: dict[str, Any] = json.loads(decoded(claims))
    return found


def redis_of(stage: Stage) -> Redis:
    return Redis.from_url(place_socket(stage.gateway.data_dir / "valkey").redis_url)


def leases_of(redis: Redis, job_id: str) -> list[bytes]:
    members: Any = redis.zrange("leases", 0, -1)
    return [member for member in members if job_id.encode() in member]


def await_everything_sent(stage: Stage, trace_id: str) -> None:
    """Return when every call sent for a request has ended, and its response has been discarded."""

    def is_over(spans: tuple[Span, ...]) -> bool:
        trace = [span for span in spans if span.trace_id == trace_id]
        sent = {span.span_id for span in trace if span.kind == "producer"}
        # A process exports spans in order of their end: the request's after those of the calls it sent.
        has_begun = any(span.kind == "server" and span.name == "POST /v1/jobs" for span in trace)
        return has_begun and sent <= {span.parent_id for span in trace if span.kind == "consumer"}

    stage.receiver.wait_until(is_over, PATIENCE_SECONDS)


def test_an_account_that_leaves_in_the_middle_of_a_job_leaves_nothing(
    stage: Stage, person: Person, household: str
) -> None:
    start, end = settled_days(200)
    person.fetch(household, CURVE, *settled_days(14))
    exported = stage.client.get("/v1/account/export", headers=person.headers)
    stage.enedis.set(latency_seconds=0.5)
    trace_id, headers = trace_header()
    job = person.submit(household, CURVE, start, end, **headers)
    asked = len(stage.enedis.calls(household))
    while len(stage.enedis.calls(household)) == asked:
        time.sleep(0.01)

    receipt = stage.client.delete("/v1/account", headers=person.headers)

    await_everything_sent(stage, trace_id)
    readings = json.loads(zipfile.ZipFile(io.BytesIO(exported.content)).read(f"readings/{household}/{CURVE}.json"))
    assert len(readings["readings"]) >= 14 * 48 - 2
    person.seen.series.append([each["value"] for each in readings["readings"]])
    assert 200 == receipt.status_code
    claims = checked_claims(stage, receipt.json()["signed"])
    assert (person.account_id, 1) == (claims["account_id"], claims["erased"]["usage_points"])
    assert claims["erased"]["windows"] >= 14
    with redis_of(stage) as redis:
        assert [] == [key for key in redis.scan_iter() if person.account_id.encode() in key]
        assert [] == leases_of(redis, job["id"])
        assert not redis.exists(f"job:{job['id']}", f"calls:{job['id']}")
    with sqlite3.connect(f"file:{stage.gateway.data_dir / 'releve.db'}?mode=ro", uri=True) as database:
        tables = ("accounts", "api_keys", "consents", "usage_points")
        column = {"accounts": "id"}
        counts = [
            database.execute(
                f"SELECT count(*) FROM {table} WHERE {column.get(table, 'account_id')} = ?",  # noqa: S608  # our own names
                (person.account_id,),
            ).fetchone()[0]
            for table in tables
        ]
    database.close()
    assert [0, 0, 0, 0] == counts
    assert 401 == stage.client.get("/v1/account", headers=person.headers).status_code
