"""`releve admin refresh --status`: the progress of the nightly refresh, as text or as JSON."""

from datetime import UTC, datetime

import typer

from api.admin.refresh_schemas import RefreshState, WaveDocument
from shared.core.calendar import PARIS
from shared.refresh.wave_schedule import next_wave_at
from shared.refresh.waves import time_of_first_wave
from shared.resources import Resources


async def print_status(resources: Resources, *, as_json: bool) -> None:
    """Print the newest waves: the document of `GET /v1/admin/refresh`, or readable lines."""
    first = time_of_first_wave(resources.settings, resources.server)
    state = RefreshState.of(await resources.refreshes.load_waves(), next_wave_at(datetime.now(UTC), first))
    if as_json:
        typer.echo(state.model_dump_json(indent=2))
        return
    for wave in state.waves:
        typer.echo(_lines(wave))
    typer.echo(f"next wave at {_text(state.next_wave_at)} (Europe/Paris)")


def _lines(wave: WaveDocument) -> str:
    moments = f"began {_text(wave.started_at)}  planned {_text(wave.planned_at)}  ended {_text(wave.ended_at)}"
    calls = f"{wave.calls:,} calls  {wave.calls_done:,} done  {wave.calls_failed:,} failed  {wave.calls_left:,} left"
    earlier = f"{wave.series_waiting:,} series waiting  {wave.left_by_earlier:,} calls left by earlier waves"
    return f"{wave.id}  {wave.state}  {moments}\n  {wave.usage_points:,} points  {calls}  {earlier}"


def _text(moment: datetime | None) -> str:
    return moment.astimezone(PARIS).strftime("%d %H:%M") if moment else "-"
