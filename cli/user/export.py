"""Exports readings, or all data of the account, to a file or a pipe, without holding them in memory.

A file is written atomically, and only its owner can read it.
"""

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import IO

from rich.progress import DownloadColumn, SpinnerColumn, TimeElapsedColumn

from cli.user.failures import Failure, WrongUse
from cli.user.gateway import Document, Gateway
from cli.user.periods import PeriodWords, parse_days_of
from cli.user.screen import Screen
from cli.user.session import find_dataset, find_point, logged_in
from cli.user.words import size_words
from shared.core.calendar import DayRange, day_of

_STDOUT = Path("-")
_FORMATS = {
    "csv": "text/csv",
    "json": "application/json",
    "ndjson": "application/x-ndjson",
    "parquet": "application/vnd.apache.parquet",
}
_BINARY = ("parquet", "zip")


@dataclass(frozen=True)
class ExportOptions:
    """The arguments of `export`."""

    dataset: str | None
    point: str | None
    words: PeriodWords
    format: str | None
    output: Path | None
    resolution: str | None
    unit: str | None
    is_everything: bool


def export(screen: Screen, options: ExportOptions) -> None:
    """Write the readings of a dataset, or all data."""
    if options.is_everything == (options.dataset is not None):
        raise WrongUse("specify a dataset, or --all for everything")
    with logged_in(screen) as gateway:
        if options.is_everything:
            _export_everything(screen, gateway, options)
        else:
            _export_dataset(screen, gateway, options)


def _format_of(output: Path | None) -> str | None:
    suffix = output.suffix.lstrip(".").lower() if output else ""
    return suffix if suffix in _FORMATS else None


def _export_everything(screen: Screen, gateway: Gateway, options: ExportOptions) -> None:
    if options.format or options.resolution or options.unit or not options.words.are_silent:
        raise WrongUse("--all writes one zip of everything: it takes no period, format, resolution or unit")
    output = options.output or Path(f"releve-export-{day_of(datetime.now(UTC))}.zip")
    _deliver(screen, gateway, "/v1/account/export", {}, "application/zip", output, "zip")


def _export_dataset(screen: Screen, gateway: Gateway, options: ExportOptions) -> None:
    described = find_dataset(gateway, options.dataset or "")
    form = options.format or _format_of(options.output) or ("csv" if described["step"] else "json")
    point = find_point(gateway, options.point)
    params = {name: value for name, value in (("resolution", options.resolution), ("unit", options.unit)) if value}
    days = _days(gateway, f"/v1/usage-points/{point['usage_point_id']}", described, options.words)
    if days:
        params |= {"start": str(days.start), "end": str(days.end)}
    path = f"/v1/usage-points/{point['usage_point_id']}/readings/{described['name']}"
    _deliver(screen, gateway, path, params, _FORMATS[form], options.output or _STDOUT, form)


def _days(gateway: Gateway, point_path: str, described: Document, words: PeriodWords) -> DayRange | None:
    """The requested days; by default all days since the first one ever fetched."""
    today = day_of(datetime.now(UTC))
    if not words.are_silent or described["step"] is None:
        return parse_days_of(described, words, today, {"": 0})
    starts = {each["dataset"]: each["start"] for each in gateway.get(point_path)["coverage"] if each["start"]}
    if not starts:
        raise Failure(f"no stored data: run `releve fetch {described['name']}`")
    # Daily energies need not be fetched where they are derived from a load curve.
    return DayRange(date.fromisoformat(starts.get(described["name"]) or min(starts.values())), today)


def _deliver(
    screen: Screen, gateway: Gateway, path: str, params: dict[str, str], media_type: str, output: Path, form: str
) -> None:
    if output == _STDOUT and form in _BINARY and sys.stdout.isatty():
        raise WrongUse(f"a {form} file cannot be written to a terminal: use --output FILE")
    with gateway.stream("GET", path, params=params, headers={"Accept": media_type}) as answer:
        answered = answer.headers.get("Content-Type", "").partition(";")[0]
        if answered != media_type:
            raise Failure(f"{gateway.url} does not support {form}; it offers {answered or 'nothing'}")
        with screen.progress(SpinnerColumn(), "{task.description}", DownloadColumn(), TimeElapsedColumn()) as progress:
            task = progress.add_task(form, total=None)
            written = 0
            with _sink(output) as file:
                for chunk in answer.iter_bytes():
                    file.write(chunk)
                    written += len(chunk)
                    progress.update(task, completed=written)
    if output != _STDOUT:
        screen.note(f"✓ {output}: {size_words(written)}")
    missing = answer.headers.get("X-Missing-Days", "0")
    if missing != "0":
        screen.note(
            f"{missing} of these days are not stored completely: `releve show` shows why, `releve fetch` requests them."
        )


@contextmanager
def _sink(output: Path) -> Iterator[IO[bytes]]:
    """The output stream; a file gets its final name when it is complete. Raises `Failure`."""
    if output == _STDOUT:
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    try:
        # A temporary file is made with mode 0600.
        with tempfile.NamedTemporaryFile(dir=output.parent, prefix=f".{output.name}-", delete=False) as part:
            try:
                yield part
                part.flush()
                os.replace(part.name, output)
            except BaseException:
                with suppress(FileNotFoundError):
                    os.unlink(part.name)
                raise
    except OSError as error:
        raise Failure(f"{output} can't be written: {error.strerror}") from None
