"""Reports the events of `releve up` to users and programs.

Owns the text for users and the JSON lines for programs, both on standard output. Must never make a decision.
"""

import json
import os
import sys
from dataclasses import asdict

from rich.console import Console
from rich.markup import escape

from cli.up.events import (
    AwaitingChange,
    ChildExited,
    ChildKilled,
    ChildReady,
    ChildRestarted,
    Event,
    Failed,
    Notice,
    Ready,
    Refused,
    Reloading,
    Reporter,
    Starting,
    Stopped,
    Stopping,
)

# Display order and titles of the addresses that are known.
ADDRESS_TITLES = {
    "api": "API",
    "docs": "API documentation",
    "flower": "Flower",
    "simulator": "Enedis simulator",
    "data_dir": "Data",
    "logs": "Logs",
}


def event_line(event: Event) -> str:
    """One event as one line of JSON, without the line end."""
    fields = asdict(event)
    fields |= fields.pop("addresses", {})
    return json.dumps({"event": event.event, **fields}, ensure_ascii=False)


def report_json(event: Event) -> None:
    """Write an event as JSON."""
    _write(event_line(event) + "\n")


def report_people(event: Event) -> None:
    """Write an event as text, with colours on a terminal."""
    console = Console(highlight=False, soft_wrap=True)
    with console.capture() as capture:
        for line in people_lines(event):
            console.print(line)
    _write(capture.get())


def reporter_for(output: str) -> Reporter:
    """The reporter for `--output`: `people` or `json`."""
    return report_json if output == "json" else report_people


def people_lines(event: Event) -> list[str]:
    """The lines, with rich's markup, that describe an event to users."""
    match event:
        case Starting(data_dir=data_dir):
            return [f"[bold]Relève[/] is starting, its data in {escape(data_dir)}"]
        case Notice(message=message):
            return [f"  [cyan]note[/]  {escape(message)}"]
        case Refused(message=message):
            return [f"[bold red]Relève cannot start:[/] {escape(message)}"]
        case ChildReady(name=name, seconds=seconds):
            return [f"  [green]ready[/] {_title(name)} [dim]({seconds:.1f} s)[/]"]
        case Ready():
            return _ready_lines(event)
        case ChildExited(name=name, reason=reason):
            return [f"[yellow]{_title(name)} {escape(reason)}, restarted[/]"]
        case ChildRestarted(name=name):
            return [f"  [green]ready[/] {_title(name)}, again"]
        case Reloading(name=name):
            return [f"  [cyan]reloading[/] {_title(name)}"]
        case AwaitingChange(name=name, reason=reason, log_tail=tail):
            told = [f"[bold red]{_title(name)} {escape(reason)}[/]; it restarts when a file changes"]
            return told + _tail_lines(tail)
        case Failed(name=name, reason=reason, log=log, log_tail=tail):
            told = [f"[bold red]{_title(name)} {escape(reason)}[/]; everything is stopped. Its log: {escape(log)}"]
            return told + _tail_lines(tail)
        case Stopping(reason=reason):
            return [f"[bold]Relève[/] is stopping ({escape(reason)}); interrupt again to kill"]
        case ChildKilled(name=name):
            return [f"[yellow]{_title(name)} did not end in time and was killed[/]"]
        case Stopped(seconds=seconds):
            return [f"[bold]Relève[/] has stopped [dim]({seconds:.1f} s)[/]"]
        case _:
            return [event_line(event)]


def _ready_lines(event: Ready) -> list[str]:
    lines = [f"[bold green]Relève is ready[/] [dim]({event.seconds:.1f} s)[/]"]
    for key, title in ADDRESS_TITLES.items():
        address = event.addresses.get(key)
        if address is None:
            continue
        lines.append(f"  {title:<18} {escape(address)}")
        if key == "flower":
            user = event.addresses.get("flower_user") or ""
            where = event.addresses.get("flower_password_file")
            password = f"its password is in {where}" if where else "with the password of FLOWER_PASSWORD"
            lines.append(f"  {'':<18} [dim]user {escape(user)}, {escape(password)}[/]")
    lines.append("  [dim]Ctrl-C stops it.[/]")
    return lines


def _tail_lines(tail: tuple[str, ...]) -> list[str]:
    return [f"  [dim]│[/] {escape(line)}" for line in tail]


def _title(name: str) -> str:
    return escape(name.replace("-", " "))


def _write(text: str) -> None:
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except BrokenPipeError:
        # The reader is gone, as after `| head`; the processes keep running. The null device takes further output, so
        # that neither the next line nor the flush at the end fails.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
