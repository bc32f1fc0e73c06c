"""`releve admin`, as an operator runs it, over real stores."""

import asyncio
import json
import re
import secrets
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, date, datetime
from typing import TypeVar

import pytest
import time_machine
from typer.testing import CliRunner

from cli.main import app
from shared.config.settings import load_settings
from shared.core.calendar import DayRange
from shared.core.datasets import Series
from shared.jobs.models import CallTicket, Lane
from shared.resources import Resources, open_resources
from tests.support.cases import case

Result = TypeVar("Result")

NOW = datetime(2026, 11, 23, 8, 30, tzinfo=UTC)
NOBODY = "acct_0123456789abcdef01234567"


class Operator:
    """An operator with a shell on the gateway's machine, and the gateway's settings."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self.environ = dict(environ)

    def types(self, *arguments: str) -> str:
        """Run a command that succeeds; returns its output."""
        told = CliRunner(env=self.environ).invoke(app, ["admin", *arguments])
        assert 0 == told.exit_code, (told.output, told.exception)
        return told.output

    def is_refused(self, *arguments: str) -> str:
        """Run a command that fails; returns its error output."""
        told = CliRunner(env=self.environ).invoke(app, ["admin", *arguments])
        assert 0 != told.exit_code
        return f"{told.output}{told.exception}"

    def does(self, work: Callable[[Resources], Awaitable[Result]]) -> Result:
        """Access the stores without the command."""

        async def done() -> Result:
            async with open_resources(load_settings(self.environ)) as resources:
                return await work(resources)

        return asyncio.run(done())


@pytest.fixture
def operator(redis_url: str, database_url: str) -> Operator:
    """An operator of an empty gateway."""
    return Operator(
        {
            "RELEVE_SECRET_KEY": secrets.token_hex(32),
            "RELEVE_PREVIOUS_SECRET_KEYS": "",
            "REDIS_URL": redis_url,
            "DATABASE_URL": database_url,
            "RELEVE_REGISTRATION": "invite",
        }
    )


def test_an_invitation_is_printed_once_and_lets_one_person_in(operator: Operator) -> None:
    printed = operator.types("invite", "--days", "2")

    code = printed.splitlines()[0]
    account, _ = operator.does(lambda resources: resources.accounts.create_account(datetime.now(UTC), invitation=code))
    (invitation,) = operator.does(lambda resources: resources.invitations.list_invitations())
    assert code.startswith("rlvi_")
    assert invitation.id in printed
    assert 2 == (invitation.expires_at - invitation.created_at).days
    assert invitation.used_at is not None
    assert account.id in operator.types("accounts")


def test_an_account_is_suspended_and_resumed(operator: Operator) -> None:
    account, _ = operator.does(lambda resources: resources.accounts.create_account(NOW))

    operator.types("suspend", account.id)
    suspended = operator.types("accounts")
    operator.types("resume", account.id)
    resumed = operator.types("accounts")

    assert f"{account.id}  since 2026-11-23T08:30Z  0 usage points, 1 keys  suspended since" in suspended
    assert resumed.rstrip().endswith("active")


def test_a_lost_key_is_replaced_only_by_who_says_that_nothing_is_to_be_kept(operator: Operator) -> None:
    account, lost = operator.does(lambda resources: resources.accounts.create_account(NOW))

    assert "stored data will be deleted: confirm with --yes" in operator.is_refused("recover", account.id)
    operator.does(lambda resources: resources.accounts.authenticate(lost))
    printed = operator.types("recover", account.id, "--yes")

    found = operator.does(lambda resources: resources.accounts.authenticate(printed.splitlines()[0]))
    assert account.id == found.account.id
    assert found.key.id in printed


def test_an_account_that_is_not_there_is_named_as_such_without_a_traceback(operator: Operator) -> None:
    for command in ["suspend", "resume"]:
        with case(command):
            assert "There is no such account" in operator.is_refused(command, NOBODY)


def test_the_audit_is_printed_newest_first(operator: Operator) -> None:
    account, _ = operator.does(lambda resources: resources.accounts.create_account(NOW))
    operator.types("suspend", account.id)

    printed = operator.types("audit", account.id)

    first, second, last = printed.splitlines()
    assert re.fullmatch(r"2  \S+Z  admin  account\.suspended  \{\}", first)
    assert re.fullmatch(r'1  2026-11-23T08:30Z  system  account\.created  \{"key_id":"key_\w+"\}', second)
    assert "the chain is intact" == last
    assert f'account.suspended  {{"account_id":"{account.id}"}}' in operator.types("audit")


def test_nothing_waits_for_a_word_in_an_empty_gateway(operator: Operator) -> None:
    assert "" == operator.types("awaiting")
    for command in ("approve", "deny"):
        assert "No consent with this id awaits approval" in operator.is_refused(
            command, "cons_0123456789abcdef01234567"
        )


def test_a_new_secret_is_rotated_to_and_what_needs_the_old_one_is_told(operator: Operator) -> None:
    old = operator.environ["RELEVE_SECRET_KEY"]
    operator.does(lambda resources: resources.accounts.create_account(NOW))
    before = operator.types("check-secrets")
    operator.environ |= {"RELEVE_SECRET_KEY": secrets.token_hex(32), "RELEVE_PREVIOUS_SECRET_KEYS": old}

    rotated = operator.types("rotate-secret", "--forget-readings")
    after = operator.types("check-secrets")

    old_id = re.findall(r"current (\w{8})", before)[0]
    new_id = re.findall(r"current (\w{8})", after)[0]
    assert old_id != new_id
    assert f"1 rows re-encrypted with the current secret {new_id}" in rotated
    assert "0 windows deleted" in rotated
    assert re.search(rf"current {new_id}\n +1  accounts.public_key", after)
    assert re.search(rf"previous {old_id}\n +\d+  audit events", after)
    assert f"{old_id} is in links of the audit" in after
    assert old not in before + rotated + after
    assert operator.environ["RELEVE_SECRET_KEY"] not in rotated + after


def test_the_status_of_the_refresh_is_told_to_people_and_to_programs(operator: Operator) -> None:
    before = operator.types("refresh", "--status")
    planned = operator.types("refresh", "--now")
    told = operator.types("refresh", "--status")
    document = json.loads(operator.types("refresh", "--status", "--json"))

    assert before.startswith("next wave at ")
    assert "0 jobs planned" in planned
    (wave,) = document["waves"]
    assert ("ended", True, 0) == (wave["state"], wave["by_hand"], wave["calls"])
    assert {"next_wave_at", "waves"} == set(document)
    first, second, last = told.splitlines()
    assert re.fullmatch(rf"{wave['id']}  ended  began \d\d \d\d:\d\d  planned .+  ended .+", first)
    assert second.startswith("  0 points  0 calls  0 done  0 failed  0 left")
    assert before.strip() == last


def test_the_refresh_does_nothing_that_it_was_not_told(operator: Operator) -> None:
    assert "--now" in operator.is_refused("refresh")


def test_calls_that_were_given_up_are_printed_with_the_reason(operator: Operator) -> None:
    days = DayRange(date(2026, 11, 2), date(2026, 11, 9))

    async def give_up(resources: Resources) -> str:
        series = Series(NOBODY, "up_0123456789abcdef01234567", "consumption_load_curve")
        job = await resources.jobs.create_job(series, days, Lane.BULK, [days], {}, NOW)
        ticket = CallTicket(job.id, 0)
        await resources.ledger.settle(ticket, "consent_lost", NOW, is_dead=True, upstream_code="ADAM-DC-0008")
        return job.id

    # Such calls are listed for some weeks.
    with time_machine.travel(NOW):
        job_id = operator.does(give_up)
        printed = operator.types("calls")

    what = "consumption_load_curve 2026-11-02 to 2026-11-09  consent_lost (ADAM-DC-0008)"
    assert f"2026-11-23T08:30Z  {job_id} of {NOBODY}  {what}, attempt 0" in printed
