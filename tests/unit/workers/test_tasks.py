"""The tasks of a worker's Celery application: only its own, regardless of other applications in the process."""

from shared.config.settings import Settings
from shared.jobs.task_queue import TaskName, TaskQueue, create_celery
from workers.processes import create_worker


def test_a_worker_does_every_task_itself_although_its_process_also_sends_them(offline_settings: Settings) -> None:
    """Celery by default shares tasks between the applications of a process, and which one wins is random: with ten
    senders it would hardly ever be the worker."""
    celery, _ = create_worker(offline_settings)

    senders = [create_celery(offline_settings) for _ in range(10)]
    for sender in senders:
        TaskQueue(sender)

    assert {"workers.tasks"} == {celery.tasks[name].run.__module__ for name in TaskName}
    assert {"shared.jobs.task_queue"} == {sender.tasks[name].run.__module__ for sender in senders for name in TaskName}
