"""The account at the gateway, its stored data and freshness, and the available datasets."""

from datetime import UTC, datetime

from rich.table import Table
from rich.text import Text

from cli.user.gateway import Document
from cli.user.points import point_name
from cli.user.screen import Screen
from cli.user.session import logged_in
from cli.user.words import ago, moment_words


def print_identity(screen: Screen) -> None:
    """Print the account in one line."""
    with logged_in(screen) as gateway:
        account = gateway.get("/v1/account")
        screen.give({"url": gateway.url, "account_id": account["id"], "scopes": account["key"]["scopes"]})
        screen.say(f"{account['id']} at {gateway.url} ({', '.join(account['key']['scopes'])})")


def print_status(screen: Screen) -> None:
    """Print the account, its remaining quotas, its usage points, and the stored data of each."""
    with logged_in(screen) as gateway:
        account = gateway.get("/v1/account")
        listed = gateway.get("/v1/usage-points")["usage_points"]
        points = [gateway.get(f"/v1/usage-points/{each['usage_point_id']}") for each in listed]
    screen.give({"url": gateway.url, **account, "usage_points": points})
    table = Table.grid(padding=(0, 2))
    table.add_row("Gateway", gateway.url)
    table.add_row("Account", f"{account['id']}, since {moment_words(account['created_at'])}")
    table.add_row("Key", f"{account['key']['id']} ({', '.join(account['key']['scopes'])})")
    for quota in account["quotas"]:
        used = f"{quota['used']:,} of {quota['limit']:,} requests used, until {moment_words(quota['resets_at'])}"
        table.add_row(f"To {quota['quota']}", used)
    screen.say(table)
    if not points:
        screen.say("\nNo usage point yet: run `releve consent` to add one.")
    for point in points:
        screen.say()
        screen.say(_point_line(point, is_full=screen.is_full))
        screen.say(_coverage_table(point, datetime.now(UTC)))


def print_datasets(screen: Screen) -> None:
    """Print the datasets that can be requested."""
    with logged_in(screen) as gateway:
        found = gateway.get("/v1/datasets")["datasets"]
    screen.give({"datasets": found})
    table = Table(box=None, pad_edge=False, header_style="bold")
    for title in ("dataset", "holds", "unit", "back to"):
        table.add_column(title, no_wrap=title in ("stored", "dataset"))
    for each in found:
        if each["available"]:
            table.add_row(each["name"], each["title"], each["unit"] or "", each["oldest_day"] or "as it is now")
    screen.say(table)


def consent_words(point: Document) -> str:
    """The state of a usage point's consent, as text."""
    consent = point["consent"]
    if not consent["active"]:
        return f"consent {consent['status']}, not active"
    return f"consent {consent['status']} until {consent['expires_on'] or 'revoked'}"


def _point_line(point: Document, *, is_full: bool) -> Text:
    style = "green" if point["consent"]["active"] else "red"
    return Text.assemble(
        (point_name(point, is_full=is_full), "bold"),
        f"  {', '.join(point['directions'])}  ",
        (consent_words(point), style),
        "" if point["refresh"] else "  not refreshed at night",
    )


def _coverage_table(point: Document, now: datetime) -> Table | str:
    if not point["coverage"]:
        return "  nothing stored yet: run `releve fetch`"
    table = Table(box=None, padding=(0, 0, 0, 2), header_style="dim")
    for title in ("stored", "of the days", "fetched", "incomplete"):
        table.add_column(title, no_wrap=title in ("stored", "dataset"))
    for each in point["coverage"]:
        days = f"{each['start']} to {each['end']}" if each["start"] else "as it is now"
        windows = each["windows"]
        lacking = windows["partial"] + windows["absent"]
        of_all = f"{lacking} of {windows['complete'] + lacking}" if lacking else ""
        table.add_row(each["dataset"], days, ago(each["last_fetched_at"], now), of_all)
    return table
