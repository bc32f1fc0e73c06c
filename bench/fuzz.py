"""Fuzzing: schemathesis calls every route with valid and invalid requests for its OpenAPI description.

The keys are real, one of an account and the administrator's, and so are some of the ids: of a household with stored
readings. Checks: no response is a server error, and each is documented, with its media type, headers and schema.
"""

import json
import secrets
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx

from bench.household import UNPOOLED, Household
from cli.demo.gateway import Gateway, running_gateway
from shared.core.calendar import day_of

# No request is refused by a rate limit or quota.
WIDE = {
    # Generated per process: a gateway refuses a key from its source code.
    "ADMIN_API_KEY": secrets.token_hex(32),
    "ENEDIS_PER_SECOND": "100",
    "ENEDIS_PER_HOUR": "100000",
    "SIMULATOR_PER_SECOND": "1000",
    "SIMULATOR_PER_HOUR": "1000000",
    "RELEVE_REGISTRATIONS_PER_HOUR": "1000000",
    "RELEVE_FAILED_LOGINS_PER_MINUTE": "1000000",
    "RELEVE_CONSENTS_PER_HOUR": "1000000",
    "RELEVE_CONSENT_RETURNS_PER_HOUR": "1000000",
    # Requests that wait for a fetch must not exceed the run's time.
    "RELEVE_COMPAT_WAIT_SECONDS": "0.2",
}
# The checks of a complete description. Not included: that everything invalid is refused (unknown preferences are
# ignored), and that everything valid is accepted (the schema cannot express that an end comes after a start).
CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
    "ignored_auth",
    "unsupported_method",
)
# The share of real ids where an id is expected; the others are generated.
_REAL_SHARE = 0.7
# These delete the household: they run last.
_ENDS = ("erase_usage_point", "revoke_consent", "erase_account", "admin_delete_account")
# Streams without output until an event occurs: waiting for each of them would take the whole run.
_ENDLESS = ("stream_events", "stream_job_events")
# Routes that differ from a called one only by their dataset, or only by a final path segment: one function, generated
# from the catalogue, serves each kind.
_TWINS = (
    "(v1_(get|erase)|conso)_(daily_production|production_quotidienne|.*_load_curve|courbe_.*_production|addresses|identity"
    "|contact)(_cache)?|v1_get_.*_cache"
)
_DATASET = "daily_consumption"
_DESCRIPTION = "openapi.json"
_WIDE_QUOTA = 100_000
_WEEK = timedelta(days=7)
_ANSWER_SECONDS = 240.0


@dataclass(frozen=True)
class Fuzzed:
    """The results of a run. ``failures``: schemathesis's reports, empty on success."""

    operations: int
    cases: int
    server_errors: int
    undocumented: int
    statuses: Mapping[int, int]
    failures: str


def fuzz(
    gateway: Gateway,
    directory: Path,
    *,
    examples: int,
    seed: int,
    twins: bool = True,
    usage_point_id: str | None = None,
) -> Fuzzed:
    """Send up to ``examples`` generated cases to each route of a ``gateway`` with the settings `WIDE`, and one per
    boundary value of its parameters; the same ``seed`` generates the same cases. ``twins``: include all routes served
    by one function. ``directory`` receives the protocols; ``usage_point_id`` is the household's, by default the
    simulator's first."""
    with httpx.Client(base_url=gateway.api, timeout=_ANSWER_SECONDS, limits=UNPOOLED) as client:
        settings = directory / "schemathesis.toml"
        settings.write_text(_settings(Household(gateway, client, usage_point_id), client, WIDE["ADMIN_API_KEY"]))
        # Requested here first: schemathesis waits ten seconds for it, and a busy machine needs longer to generate it.
        (directory / _DESCRIPTION).write_bytes(client.get("/openapi.json").raise_for_status().content)
    ends = [f"--include-operation-id={each}" for each in _ENDS]
    others = [f"--exclude-operation-id={each}" for each in (*_ENDS, *_ENDLESS)]
    if not twins:
        others.append(f"--exclude-operation-id-regex={_TWINS}")
    texts, protocols = [], []
    for number, chosen in enumerate((others, ends)):
        protocol = directory / f"events-{number}.ndjson"
        texts.append(_run(gateway, settings, protocol, [*chosen, f"--max-examples={examples}", f"--seed={seed}"]))
        protocols.append(protocol)
    return _judged(protocols, "\n".join(filter(None, texts)))


def fuzz_own_gateway(directory: Path, *, examples: int, seed: int, twins: bool = True) -> Fuzzed:
    """The same, with a gateway started for it in ``directory``."""
    with running_gateway(directory / "gateway", WIDE) as gateway:
        return fuzz(gateway, directory, examples=examples, seed=seed, twins=twins)


def _run(gateway: Gateway, settings: Path, protocol: Path, options: Sequence[str]) -> str:
    """Run schemathesis; returns its failure report."""
    argv = ["schemathesis.cli", "--config-file", str(settings), "run", _DESCRIPTION, "--url", gateway.api]
    ended = subprocess.run(
        [
            *(sys.executable, "-m", *argv, f"--checks={','.join(CHECKS)}", "--phases=examples,coverage,fuzzing"),
            *("--continue-on-failure", "--no-shrink", "--no-color", "--warnings=off", "--generation-database=none"),
            f"--request-timeout={_ANSWER_SECONDS}",
            *(f"--report-ndjson-path={protocol}", *options),
        ],
        cwd=settings.parent,
        capture_output=True,
        text=True,
        check=False,
    )
    return "" if ended.returncode == 0 else ended.stdout + ended.stderr


def _settings(household: Household, client: httpx.Client, admin_key: str) -> str:
    """Keys and real ids, for schemathesis's configuration file."""
    account = client.get("/v1/account", headers=household.headers).raise_for_status().json()
    # Otherwise the daily quota would refuse most requests.
    quotas = {"fetch_quota": _WIDE_QUOTA, "read_quota": _WIDE_QUOTA}
    path, administrator = f"/v1/admin/accounts/{account['id']}", {"Authorization": f"Bearer {admin_key}"}
    client.patch(path, json=quotas, headers=administrator).raise_for_status()
    end = day_of(datetime.now(UTC)) - _WEEK
    household.fetch(_DATASET, end - _WEEK, end)
    job = household.submit(_DATASET, end - 2 * _WEEK, end)
    real = {
        "path.usage_point_id": [household.usage_point_id],
        "body.usage_point_id": [household.usage_point_id],
        "path.job_id": [job["id"]],
        "path.account_id": [account["id"]],
        "path.dataset": [_DATASET, "contract"],
        "query.prm": [household.usage_point_id],
        "query.pointId": [household.usage_point_id],
        "path.start": [str(end - _WEEK)],
        "path.end": [str(end)],
        "query.start": [str(end - _WEEK)],
        # The maximum that the description allows would take the whole run.
        "header.Prefer": ["wait=0", "wait=1", "return=minimal"],
        "query.end": [str(end), str(end - timedelta(days=1))],
    }
    lines, api_key = ["[auth.openapi]"], household.headers["Authorization"].removeprefix("Bearer ")
    lines += [f'apiKeyBearer = {{ bearer = "{api_key}" }}', f'apiKeyBare = {{ api_key = "{api_key}" }}']
    lines += [f'adminKey = {{ bearer = "{admin_key}" }}', f'adminKeyBare = {{ api_key = "{admin_key}" }}']
    for place, values in real.items():
        lines += [f'[dictionaries."{place}"]', f"values = {json.dumps(values)}"]
    lines += ["[parameters]"]
    lines += [
        f'"{place}" = {{ dictionary = "{place}", probability = {1.0 if place == "header.Prefer" else _REAL_SHARE} }}'
        for place in real
    ]
    return "\n".join(lines)


def _judged(protocols: Sequence[Path], failures: str) -> Fuzzed:
    operations, statuses, broken = set(), Counter[int](), Counter[str]()
    for recorder in _recorders(protocols):
        operations.add(recorder["label"])
        answers = [each.get("response") or {} for each in recorder.get("interactions", {}).values()]
        statuses.update(int(each.get("status_code", 0)) for each in answers)
        for checks in recorder.get("checks", {}).values():
            broken.update(each["name"] for each in checks if each["status"] != "success")
    return Fuzzed(
        operations=len(operations),
        cases=statuses.total(),
        server_errors=sum(times for status, times in statuses.items() if status >= 500 or status == 0),
        undocumented=broken.total() - broken["not_a_server_error"],
        statuses=dict(sorted(statuses.items())),
        failures=failures,
    )


def _recorders(protocols: Sequence[Path]) -> Iterator[Mapping[str, Any]]:
    for protocol in protocols:
        for line in protocol.read_text().splitlines():
            event = json.loads(line)
            if ended := event.get("ScenarioFinished"):
                yield ended["recorder"]
