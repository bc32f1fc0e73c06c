"""The Celery tasks: thin wrappers that unpack ids and run one coroutine on the worker's loop."""

from datetime import UTC, datetime

from celery import Celery

from shared.jobs.models import CallTicket
from shared.jobs.task_queue import Cause, TaskName
from shared.observability.tracing import untraced
from workers.consents.daily_check import care_for_consents
from workers.refresh import refresh
from workers.runtime import Runtime
from workers.sweeper import sweep


def register_tasks(celery: Celery, runtime: Runtime) -> None:
    """Register every worker task in this process."""

    @celery.task(name=TaskName.FETCH, shared=False)  # type: ignore[untyped-decorator]  # celery is untyped
    def fetch(job_id: str, number: int) -> None:
        runtime.run(lambda shop: shop.fetcher.do_call(CallTicket(job_id, number)))

    @celery.task(name=TaskName.EXCHANGE_CONSENT, shared=False)  # type: ignore[untyped-decorator]  # celery is untyped
    def exchange_consent(consent_id: str) -> None:
        runtime.run(lambda shop: shop.consent_exchange.exchange(consent_id))

    @celery.task(name=TaskName.REFRESH, shared=False)  # type: ignore[untyped-decorator]  # celery is untyped
    def refresh_all(cause: str) -> None:
        runtime.run(lambda shop: refresh(shop.resources, Cause(cause)))

    @celery.task(name=TaskName.CARE_FOR_CONSENTS, shared=False)  # type: ignore[untyped-decorator]  # celery is untyped
    def care() -> None:
        runtime.run(lambda shop: care_for_consents(shop.resources, shop.enedis))

    @celery.task(name=TaskName.SWEEP, shared=False)  # type: ignore[untyped-decorator]  # celery is untyped
    def sweep_leases() -> None:
        with untraced():
            runtime.run(lambda shop: sweep(shop.resources))

    @celery.task(name=TaskName.RETENTION, shared=False)  # type: ignore[untyped-decorator]  # celery is untyped
    def retain() -> None:
        runtime.run(lambda shop: shop.resources.retention.enforce(datetime.now(UTC)))

    @celery.task(name=TaskName.PUBLIC_DATA, shared=False)  # type: ignore[untyped-decorator]  # celery is untyped
    def ask_for_public_data(by_hand: str | None = None) -> None:
        with untraced():
            turns = runtime.run(lambda shop: shop.public_data.take_turns(datetime.now(UTC), by_hand))
        if turns:
            runtime.run(lambda shop: shop.public_data.fetch(turns))
