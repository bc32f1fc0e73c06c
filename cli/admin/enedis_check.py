"""`releve admin check-enedis`: the check's findings, as text or as JSON. Must never print a secret."""

import asyncio
import json
import os
import secrets
from dataclasses import asdict
from typing import TYPE_CHECKING

from rich.console import Console
from rich.markup import escape
from rich.table import Table

if TYPE_CHECKING:
    from shared.config.settings import Settings
    from workers.providers.enedis.self_check import Finding

_MARKS = {"ok": "[green]✓[/]", "failed": "[bold red]✗[/]", "skipped": "[yellow]?[/]", "info": "[cyan]·[/]"}


def run_check(*, as_json: bool) -> int:
    """Check, print, and return the exit status: 0 when nothing has to be fixed, else 1."""
    from workers.providers.enedis.self_check import check_enedis, has_failed

    findings = asyncio.run(check_enedis(_settings()))
    failed = has_failed(findings)
    console = Console(highlight=False, soft_wrap=as_json)
    if as_json:
        document = {"ok": not failed, "findings": [asdict(each) for each in findings]}
        console.out(json.dumps(document, ensure_ascii=False, indent=2), highlight=False)
    else:
        console.print(_table(findings))
        console.print("[bold red]Not ready:[/] fix the items marked ✗." if failed else "[bold green]Ready.[/]")
    return int(failed)


def _settings() -> "Settings":
    """The Enedis settings only: the check needs no store, so none has to be configured."""
    from shared.config.settings import SettingsError, load_settings

    unused = {
        "RELEVE_SECRET_KEY": secrets.token_hex(32),
        "REDIS_URL": "unix:///",
        "DATABASE_URL": "sqlite+aiosqlite://",
    }
    given = {name: value for name, value in os.environ.items() if value}
    try:
        return load_settings(unused | given)
    except SettingsError as error:
        raise SystemExit(f"releve: {error}") from None


def _table(findings: "list[Finding]") -> Table:
    table = Table(box=None, show_header=False, padding=(0, 1))
    table.add_column()
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for each in findings:
        told = escape(each.detail) + (f"\n[dim]→ {escape(each.action)}[/]" if each.action else "")
        table.add_row(_MARKS[each.outcome], each.name, told)
    return table
