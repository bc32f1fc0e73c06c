"""The files of an export, each created in pieces. Runs on a thread, and loads data through the event loop."""

import csv
from collections.abc import Callable, Coroutine, Iterable, Iterator, Sequence
from dataclasses import asdict
from datetime import datetime
from io import StringIO
from typing import Any, TypeVar

import orjson
from anyio import from_thread

from api.accounts.export_notes import README
from api.accounts.key_schemas import KeyDocument
from shared.accounts.daily_quota import Quota
from shared.accounts.store import Caller
from shared.consents.models import UsagePoint
from shared.core.calendar import PARIS
from shared.core.datasets import DATASETS, Dataset, Series
from shared.crypto.vault import CannotOpen
from shared.readings.models import Coverage, Reading
from shared.resources import Resources

Found = TypeVar("Found")

# Windows that are loaded at once: a month of a load curve.
_WINDOWS_AT_ONCE = 31
_PAGE = 100
_COLUMNS = ("start", "step", "value", "at", "registers")


def export_files(
    resources: Resources, caller: Caller, points: Sequence[UsagePoint], now: datetime
) -> Iterator[tuple[str, Iterable[bytes]]]:
    """Names and contents. A content is created when it is iterated, on a thread that the event loop started."""
    account_id, private_key = caller.account.id, caller.private_key
    yield "README.txt", [README.encode()]
    yield "account.json", _account(resources, caller, now)
    yield "consents.json", _array(_consents(resources, account_id))
    yield "audit.json", _array(_audit(resources, account_id))
    yield "usage_points.json", [_json([_usage_point(point) for point in points])]
    yield "jobs.json", _array(_jobs(resources, account_id, {point.id: point.prm for point in points}))
    yield "events.json", _array(_events(resources, account_id))
    yield "webhooks.json", _array(_webhooks(resources, account_id))
    for point in points:
        for dataset in DATASETS.values():
            series = Series(account_id, point.id, dataset.name)
            if dataset.is_series:
                path = f"readings/{point.prm}/{dataset.name}"
                yield f"{path}.json", _readings_json(resources, series, point, dataset, private_key)
                yield f"{path}.csv", _readings_csv(resources, series, private_key)
            else:
                yield f"records/{point.prm}/{dataset.name}.json", _record(resources, series, point, private_key)


def _on_loop(load: Callable[..., Coroutine[Any, Any, Found]], *arguments: Any) -> Found:
    return from_thread.run(load, *arguments)


def _json(value: Any) -> bytes:
    return orjson.dumps(value, option=orjson.OPT_UTC_Z | orjson.OPT_INDENT_2, default=_plain)


def _line(value: Any) -> bytes:
    return orjson.dumps(value, option=orjson.OPT_UTC_Z, default=_plain)


def _plain(value: Any) -> Any:
    if isinstance(value, (frozenset, set)):
        return sorted(value)
    raise TypeError


def _array(items: Iterable[Any]) -> Iterator[bytes]:
    """A JSON array with one element per line."""
    before = b"[\n"
    for item in items:
        yield before + _line(item)
        before = b",\n"
    yield b"[]\n" if before == b"[\n" else b"\n]\n"


def _account(resources: Resources, caller: Caller, now: datetime) -> Iterator[bytes]:
    account = caller.account
    keys = _on_loop(resources.accounts.keys.list_keys, account.id)
    quotas = {Quota.FETCH: account.fetch_quota, Quota.READ: account.read_quota}
    used = _on_loop(resources.quotas.load, account.id, quotas, now)
    shown = [KeyDocument.of(key).model_dump() for key in keys]
    yield _json({**asdict(account), "keys": shown, "quotas": [asdict(usage) for usage in used], "exported_at": now})


def _consents(resources: Resources, account_id: str) -> Iterator[Any]:
    after = ""
    while page := _on_loop(resources.consents.list_for_account, account_id, after, _PAGE):
        yield from page
        after = page[-1].id


def _audit(resources: Resources, account_id: str) -> Iterator[Any]:
    before = None
    while page := _on_loop(resources.audit.load_events, account_id, before, _PAGE):
        yield from page
        before = page[-1].number


def _usage_point(point: UsagePoint) -> dict[str, Any]:
    shown = asdict(point)
    return {
        "usage_point_id": shown.pop("prm"),
        "consent_id": shown.pop("consent")["id"],
        **{name: value for name, value in shown.items() if name not in ("id", "account_id")},
    }


def _jobs(resources: Resources, account_id: str, prms: dict[str, str]) -> Iterator[Any]:
    for job_id in _on_loop(resources.jobs.list_job_ids, account_id):
        job = _on_loop(resources.jobs.load_job, job_id)
        if job is not None:
            shown = asdict(job)
            shown["usage_point_id"] = prms.get(job.usage_point_id)
            del shown["trace_context"]
            yield shown


def _events(resources: Resources, account_id: str) -> Iterator[Any]:
    # Few events are kept: they fit into one response.
    yield from _on_loop(resources.events.next_events, account_id, "0-0", 0.001)


def _webhooks(resources: Resources, account_id: str) -> Iterator[Any]:
    for webhook in _on_loop(resources.webhooks.list_webhooks, account_id):
        yield {**asdict(webhook), "deliveries": _on_loop(resources.deliveries.list_deliveries, webhook.id)}


def _windows(
    resources: Resources, series: Series, private_key: bytes
) -> Iterator[tuple[list[str], list[tuple[str, list[Reading] | None]]]]:
    """The windows of a series, a month at a time: all names, and the decrypted readings of each."""
    names = _on_loop(resources.readings.window_names, series)
    for index in range(0, len(names), _WINDOWS_AT_ONCE):
        batch = names[index : index + _WINDOWS_AT_ONCE]
        yield batch, list(_on_loop(resources.readings.try_windows, series, batch, private_key))


def _readings_json(
    resources: Resources, series: Series, point: UsagePoint, dataset: Dataset, private_key: bytes
) -> Iterator[bytes]:
    head = {"usage_point_id": point.prm, "dataset": dataset.name, "unit": dataset.unit, "timezone": "Europe/Paris"}
    yield _line(head)[:-1] + b',"readings":['
    unreadable: set[str] = set()
    before = b"\n"
    for _, opened in _windows(resources, series, private_key):
        unreadable.update(name for name, readings in opened if readings is None)
        lines = [_line(_reading(reading)) for _, readings in opened for reading in readings or ()]
        if lines:
            yield before + b",\n".join(lines)
            before = b",\n"
    yield b'\n],"windows":['
    before = b"\n"
    names = _on_loop(resources.readings.window_names, series)
    for index in range(0, len(names), _WINDOWS_AT_ONCE):
        batch = names[index : index + _WINDOWS_AT_ONCE]
        known = _on_loop(resources.readings.load_coverage, series, batch)
        yield before + b",\n".join(_line(_window(name, known.get(name), name in unreadable)) for name in batch)
        before = b",\n"
    yield b"\n]}\n"


def _reading(reading: Reading) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "start": reading.start.astimezone(PARIS),
        "step": reading.step,
        "value": reading.value,
    }
    if reading.at is not None:
        shown["at"] = reading.at.astimezone(PARIS)
    if reading.registers is not None:
        shown["registers"] = reading.registers
    return shown


def _window(name: str, known: Coverage | None, unreadable: bool) -> dict[str, Any]:
    shown = {"window": name} if known is None else {**asdict(known), "state": known.state}
    return {**shown, "unreadable": True} if unreadable else shown


def _readings_csv(resources: Resources, series: Series, private_key: bytes) -> Iterator[bytes]:
    yield _csv([_COLUMNS])
    for _, opened in _windows(resources, series, private_key):
        yield _csv(_row(reading) for _, readings in opened for reading in readings or ())


def _csv(rows: Iterable[Iterable[Any]]) -> bytes:
    text = StringIO()
    csv.writer(text).writerows(rows)
    return text.getvalue().encode()


def _row(reading: Reading) -> tuple[Any, ...]:
    at = None if reading.at is None else reading.at.astimezone(PARIS).isoformat()
    registers = " ".join(f"{name}={value}" for name, value in (reading.registers or {}).items())
    return reading.start.astimezone(PARIS).isoformat(), reading.step, reading.value, at, registers


def _record(resources: Resources, series: Series, point: UsagePoint, private_key: bytes) -> Iterator[bytes]:
    shown: dict[str, Any] = {"usage_point_id": point.prm, "dataset": series.dataset, "record": None}
    try:
        shown["record"] = _on_loop(resources.readings.open_record, series, private_key)
    except CannotOpen:
        shown["unreadable"] = True
    known = _on_loop(resources.readings.load_all_coverage, series)
    shown["windows"] = [{**asdict(each), "state": each.state} for each in known.values()]
    yield _json(shown)
