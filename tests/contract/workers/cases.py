"""The cases of the contract suite, per adapter: its provider's settings and recorded responses.

A new adapter needs a `Case`, or several if it supports several generations of its provider's APIs; the suite fails
until it has one.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import Any

from shared.config.settings import Settings
from shared.core.calendar import DayRange
from tests.support.loopback import Reply
from tests.unit.workers.recorded import CONSUMER, SELF_CONSUMER, recorded, recorded_v5

_TWO_DAYS = DayRange(date(2026, 9, 8), date(2026, 9, 10))


@dataclass(frozen=True)
class Recorded:
    """A recorded response: its request, and the number of its readings."""

    body: Any
    prm: str
    days: DayRange
    readings: int


@dataclass(frozen=True)
class Case:
    """One adapter's provider, in one of its generations."""

    # The name under which it is registered, and the settings that select the generation.
    adapter: str
    # The setting for its base URL.
    base_url_setting: str
    token_path: str
    token: Reply
    # By dataset.
    answers: Mapping[str, Recorded]
    # A response for another usage point than the requested one.
    other_point: Any
    # The requests for one record and their responses, in that order.
    records: Mapping[str, tuple[str, Sequence[Any]]]
    # An authorisation (``None``: the provider has none), the usage points it covers, and the response that lists them.
    authorisation_id: int | None
    granted: tuple[str, ...]
    services: Any
    # Errors of its provider: one that is retryable, one that is not.
    outage: Reply
    refusal: Reply
    throttled_until: Callable[[datetime], Reply]
    unauthorized: Reply
    chosen_by: Mapping[str, object] = field(default_factory=dict)
    per_hour_setting: str = "enedis_per_hour"

    def settings(self, settings: Settings, base_url: str, **changes: object) -> Settings:
        """Settings with which the adapter calls ``base_url`` without a rate limit."""
        limits = {"enedis_per_second": 1000, self.per_hour_setting: 100_000, "enedis_timeout_seconds": 20.0}
        return settings.model_copy(update={**limits, **self.chosen_by, self.base_url_setting: base_url, **changes})


def _enedis() -> Case:
    curve = recorded("courbe_de_charge_consommation")
    situation = recorded("situation_contrat_consommateur")
    return Case(
        adapter="enedis",
        base_url_setting="enedis_base_url",
        token_path="/oauth2/v3/token",
        token=Reply({"access_token": "token-of-the-test", "token_type": "Bearer", "expires_in": 12600}),
        answers={
            "daily_consumption": Recorded(recorded("consommation_quotidienne"), CONSUMER, _TWO_DAYS, 2),
            "consumption_load_curve": Recorded(curve, CONSUMER, _TWO_DAYS, 96),
            "daily_consumption_max_power": Recorded(
                recorded("puissance_conso_max_quotidienne"), CONSUMER, _TWO_DAYS, 2
            ),
            "daily_production": Recorded(recorded("production_quotidienne"), SELF_CONSUMER, _TWO_DAYS, 2),
            "production_load_curve": Recorded(recorded("courbe_de_charge_production"), SELF_CONSUMER, _TWO_DAYS, 96),
            "consumption_index": Recorded(recorded("index_consommation"), CONSUMER, _TWO_DAYS, 2),
            "production_index": Recorded(recorded("index_production"), SELF_CONSUMER, _TWO_DAYS, 2),
        },
        other_point={**curve, "idPrm": SELF_CONSUMER},
        records={
            "contract": (CONSUMER, [situation, recorded("synth_contrat_consommateur"), recorded("comptage")]),
            "address": (CONSUMER, [recorded("donnees_generales")]),
            "identity": (CONSUMER, [situation]),
            "contact": (CONSUMER, [situation]),
        },
        authorisation_id=4101,
        granted=(CONSUMER,),
        services=recorded("services_consommateur"),
        outage=Reply(recorded("erreur_500_technical_error"), status=500),
        refusal=Reply(recorded("erreur_403_900908"), status=403),
        throttled_until=_throttled_until,
        unauthorized=Reply(recorded("erreur_401_900901"), status=401),
    )


def _enedis_v5() -> Case:
    curve = recorded_v5("consumption_load_curve")
    meter_reading = {**curve["meter_reading"], "usage_point_id": SELF_CONSUMER}
    return replace(
        _enedis(),
        chosen_by={"enedis_api": "v5"},
        per_hour_setting="enedis_per_hour_v5",
        answers={
            "daily_consumption": Recorded(recorded_v5("daily_consumption"), CONSUMER, _TWO_DAYS, 2),
            "consumption_load_curve": Recorded(curve, CONSUMER, _TWO_DAYS, 96),
            "daily_consumption_max_power": Recorded(recorded_v5("daily_consumption_max_power"), CONSUMER, _TWO_DAYS, 2),
            "daily_production": Recorded(recorded_v5("daily_production"), SELF_CONSUMER, _TWO_DAYS, 2),
            "production_load_curve": Recorded(recorded_v5("production_load_curve"), SELF_CONSUMER, _TWO_DAYS, 96),
        },
        other_point={"meter_reading": meter_reading},
        records={
            "contract": (CONSUMER, [recorded_v5("contracts")]),
            "address": (CONSUMER, [recorded_v5("addresses")]),
            "identity": (CONSUMER, [recorded_v5("identity")]),
            "contact": (CONSUMER, [recorded_v5("contact_data")]),
        },
        authorisation_id=None,
    )


def _throttled_until(moment: datetime) -> Reply:
    named = f"{moment:%Y-%b-%d %H:%M:%S}+0000 UTC"
    return Reply({**recorded("erreur_429_900804"), "nextAccessTime": named}, status=429)


CASES: Mapping[str, Case] = {
    "enedis 2026": _enedis(),
    "enedis v5": _enedis_v5(),
    "enedis auto": replace(_enedis(), chosen_by={"enedis_api": "auto"}),
}
