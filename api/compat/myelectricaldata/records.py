"""Contract, address, identity and contact in MyElectricalData v1."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from api.compat.myelectricaldata.contract import (
    V1_FAILURES,
    V1_FETCH_REFUSALS,
    V1_TAG,
    CompatReader,
    CompatUsagePoint,
    MyElectricalDataRoute,
)
from api.compat.myelectricaldata.customers import BODIES, AddressesBody, ContactBody, ContractsBody, IdentityBody
from api.compat.trailing_slash import SlashRouter
from api.http.dependencies import Now, ResourcesDep
from api.http.fields import Document
from api.readings.fetch_then_read import fetch_then_read, why_nothing
from shared.core.datasets import DATASETS

router = SlashRouter(route_class=MyElectricalDataRoute, tags=[V1_TAG])


@dataclass(frozen=True, slots=True)
class RecordPath:
    """A record in this API: the first segment of its path, its dataset, the model of its response."""

    word: str
    dataset: str
    body: type[Document]


RECORD_PATHS = (
    RecordPath("contracts", "contract", ContractsBody),
    RecordPath("addresses", "address", AddressesBody),
    RecordPath("identity", "identity", IdentityBody),
    RecordPath("contact", "contact", ContactBody),
)


def _endpoint(dataset: str) -> Callable[..., Awaitable[Document]]:
    async def get_record(
        resources: ResourcesDep, caller: CompatReader, usage_point: CompatUsagePoint, now: Now
    ) -> Document:
        known = await fetch_then_read(resources, caller, usage_point, DATASETS[dataset], None, now)
        record = await resources.readings.open_record(known.series, caller.private_key)
        if record is None:
            raise why_nothing(known)
        return BODIES[dataset](usage_point.prm, record)

    return get_record


for _path in RECORD_PATHS:
    for _suffix, _name in (("", f"v1_get_{_path.word}"), ("/cache", f"v1_get_{_path.word}_cache")):
        router.add_api_route(
            f"/{_path.word}/{{usage_point_id}}{_suffix}",
            _endpoint(_path.dataset),
            methods=["GET"],
            operation_id=_name,
            summary=DATASETS[_path.dataset].title,
            description="Fetched first if it is not stored or older than a month. The response is the same with and "
            "without `/cache`: stored data is always encrypted to the keys of the account.",
            response_model=_path.body,
            responses=V1_FAILURES.documented(*V1_FETCH_REFUSALS),
        )
