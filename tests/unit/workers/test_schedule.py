"""The tasks that beat sends, and their times."""

from collections import Counter
from datetime import UTC, date, datetime, time, timedelta
from functools import partial

import pytest
from celery.schedules import crontab

from shared.config.settings import Settings
from shared.core.calendar import PARIS
from shared.crypto.server_secret import ServerSecret
from shared.jobs.task_queue import SYSTEM_QUEUE, Cause, TaskName, create_celery
from shared.refresh.wave_schedule import wave_hours
from shared.refresh.waves import time_of_first_wave
from tests.support.cases import case
from workers.processes import schedule


def is_due(settings: Settings, name: str, last_run: datetime, now: datetime) -> bool:
    """Whether an entry is due at ``now`` when it last ran at ``last_run``, as beat computes it."""
    entry = schedule(settings)[name]["schedule"]
    entry.app, entry.nowfun = create_celery(settings), lambda: now.astimezone(PARIS)
    due: bool = entry.is_due(last_run).is_due
    return due


@pytest.fixture
def at_half_past_eight(offline_settings: Settings) -> Settings:
    return offline_settings.model_copy(update={"refresh_at": time(8, 30), "refresh_jitter_minutes": 0})


# Summer, winter, and the two mornings after a clock change: each time 08:30 in Paris is another hour in UTC.
def test_the_refresh_is_due_at_its_hour_in_paris(at_half_past_eight: Settings) -> None:
    cases: list[tuple[date, int]] = [
        (date(2026, 7, 14), 6),
        (date(2026, 12, 24), 7),
        (date(2026, 3, 29), 6),
        (date(2026, 10, 25), 7),
    ]

    for day, utc_hour in cases:
        with case(day, utc_hour):
            moment = datetime.combine(day, time(utc_hour, 30), UTC)
            last_wave = datetime.combine(day - timedelta(days=1), time(17, 30), PARIS)

            assert not is_due(at_half_past_eight, "refresh", last_wave, moment - timedelta(seconds=1))
            assert is_due(at_half_past_eight, "refresh", last_wave, moment)


def test_nothing_is_left_out_or_sent_twice_in_a_night_in_which_the_clock_is_changed(offline_settings: Settings) -> None:
    hours: list[time] = [time(2, 0), time(2, 30), time(3, 0), time(8, 30)]

    for night in [date(2026, 3, 29), date(2026, 10, 25)]:
        for refresh_at in hours:
            with case(night, refresh_at):
                changes = {"refresh_at": refresh_at, "refresh_jitter_minutes": 0}
                begin = datetime.combine(night, time(0, 5), PARIS).astimezone(UTC)
                moments = [begin + timedelta(minutes=10 * number) for number in range(6 * 19)]
                celery = create_celery(offline_settings)
                sent: Counter[str] = Counter()
                for name, waited_for in schedule(offline_settings.model_copy(update=changes)).items():
                    entry, last_run = waited_for["schedule"], begin
                    if not isinstance(entry, crontab):
                        continue
                    for moment in moments:
                        entry.app, entry.nowfun = celery, partial(moment.astimezone, PARIS)
                        if entry.is_due(last_run).is_due:
                            sent[name], last_run = sent[name] + 1, moment

                assert {"refresh": 4, "care-for-consents": 1, "retention": 1} == sent


def test_the_hour_of_the_refresh_is_a_setting(offline_settings: Settings) -> None:
    changes = {"refresh_at": time(21, 5), "refresh_jitter_minutes": 0}
    entry = schedule(offline_settings.model_copy(update=changes))["refresh"]

    # And three more times, for data that was not published yet.
    assert ({21, 0, 3, 6}, {5}) == (entry["schedule"].hour, entry["schedule"].minute)


def test_beat_sends_a_wave_when_the_worker_that_takes_it_up_finds_it_due(offline_settings: Settings) -> None:
    first = time_of_first_wave(offline_settings, ServerSecret(offline_settings.secret_key.get_secret_value()))

    entry = schedule(offline_settings)["refresh"]

    assert ({first.minute}, set(wave_hours(first))) == (entry["schedule"].minute, entry["schedule"].hour)
    assert [Cause.SCHEDULE] == entry["args"]
    assert first == time_of_first_wave(offline_settings, ServerSecret(offline_settings.secret_key.get_secret_value()))


def test_the_queue_keeps_the_time_of_paris(offline_settings: Settings) -> None:
    assert "Europe/Paris" == create_celery(offline_settings).conf.timezone


def test_every_entry_sends_a_known_task_to_the_queue_that_every_worker_reads(offline_settings: Settings) -> None:
    entries = schedule(offline_settings)

    assert {each.value for each in TaskName} - {TaskName.FETCH, TaskName.EXCHANGE_CONSENT} == {
        entry["task"] for entry in entries.values()
    }
    assert {SYSTEM_QUEUE} == {entry["options"]["queue"] for entry in entries.values()}


def test_sweeps_come_as_often_as_set_and_do_not_pile_up_while_no_worker_runs(offline_settings: Settings) -> None:
    entry = schedule(offline_settings.model_copy(update={"sweep_seconds": 7.0}))["sweep"]

    assert timedelta(seconds=7) == entry["schedule"]
    assert 21.0 == entry["options"]["expires"]
    assert 10.0 == schedule(offline_settings)["sweep"]["options"]["expires"]


def test_looks_for_public_data_come_as_often_as_set_and_do_not_pile_up_either(offline_settings: Settings) -> None:
    entry = schedule(offline_settings.model_copy(update={"public_data_seconds": 0.5}))["public-data"]

    assert (timedelta(seconds=0.5), 10.0) == (entry["schedule"], entry["options"]["expires"])
    assert 180.0 == schedule(offline_settings)["public-data"]["options"]["expires"]
