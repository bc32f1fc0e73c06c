"""Contract, address, identity and contact of either generation as one normalised record. Pure; all values are JSON's.

A field that a response lacks, or has in another form, is null. A contract also states why each field is null
(``absent``: field → reason); no field is derived from another one. ``distribution_tariff``, ``services_level`` and
``contract_type`` are Enedis's own values, some of which differ between 2026 and v5.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from shared.core.errors import NoMeasure, ProviderGarbage
from workers.providers.enedis.fields import day_of_stamp, mapping_of, postal_code_and_city, power_of, text_of

Record = dict[str, Any]
Body = Mapping[str, Any]

NOT_PROVIDED = "not_provided"
"""This generation's APIs do not have the field."""
NO_DATA = "no_data"
"""The API has the field, but no value for this usage point."""
API_NOT_SUBSCRIBED = "api_not_subscribed"
PROVIDER_ERROR = "provider_error"
REFUSED = "refused"

_PRM = re.compile(r"\d{14}", re.ASCII)

_CONTRACT = (
    "segment",
    "contract_type",
    "contract_start",
    "subscribed_power",
    "distribution_tariff",
    "offpeak_hours",
    "meter_type",
    "consumption_activated_on",
    "production_activated_on",
    "last_power_change_on",
    "last_tariff_change_on",
    "services_level",
    "status",
    "production",
)


def contract_2026(
    prm: str, situation: Any, synthesis: Any, metering: Any, missing: Mapping[str, str] | None = None
) -> Record:
    """The contract from ``situation_contrat_auto``, ``synth_contrat_auto`` and ``comptage_auto``.

    ``synthesis`` and ``metering`` are ``None`` when unavailable; ``missing`` then states why (``synthesis`` or
    ``metering`` → reason). Raises `NoMeasure`, `ProviderGarbage`.
    """
    contracts = _situation(prm, situation)
    missing = missing or {}
    general, device = mapping_of(synthesis), mapping_of(mapping_of(metering).get("dispositifComptage"))
    produced = _latest(contracts, is_production=True)
    record = {
        **_supply_2026(_latest(contracts, is_production=False)),
        "offpeak_hours": _offpeak_hours(device),
        "meter_type": text_of(mapping_of(device.get("typeComptage")).get("code")),
        "consumption_activated_on": day_of_stamp(general.get("consumption_last_activation_date")),
        "production_activated_on": day_of_stamp(general.get("generation_last_activation_date")),
        "last_power_change_on": day_of_stamp(general.get("last_subscribed_power_change_date")),
        "services_level": text_of(general.get("services_level")),
        "production": _supply_2026(produced) if produced else None,
    }
    reasons = dict.fromkeys(("offpeak_hours", "meter_type"), missing.get("metering", NO_DATA))
    of_synthesis = ("consumption_activated_on", "production_activated_on", "last_power_change_on", "services_level")
    reasons |= dict.fromkeys(of_synthesis, missing.get("synthesis", NO_DATA))
    return _explained(record, {**reasons, "status": NOT_PROVIDED, "last_tariff_change_on": NOT_PROVIDED})


def contract_v5(prm: str, body: Any) -> Record:
    """The contract from ``customers_upc``; only a producer's is under ``production``. Raises as above."""
    entry = _usage_point(prm, body)
    point, found = mapping_of(entry.get("usage_point")), entry.get("contracts")
    contract = mapping_of(found[0] if isinstance(found, list) and found else found)
    if not contract:
        raise NoMeasure
    supply = {
        "segment": text_of(contract.get("segment")),
        "contract_type": text_of(contract.get("contract_type")),
        "contract_start": None,
        "subscribed_power": power_of(contract.get("subscribed_power")),
        "distribution_tariff": text_of(contract.get("distribution_tariff")),
        "status": text_of(contract.get("contract_status")),
    }
    activated = day_of_stamp(contract.get("last_activation_date"))
    produces = _is_production(contract)
    record = {
        **(dict.fromkeys(supply) if produces else supply),
        "offpeak_hours": text_of(contract.get("offpeak_hours")),
        "meter_type": text_of(point.get("meter_type")),
        "consumption_activated_on": None if produces else activated,
        "production_activated_on": activated if produces else None,
        "last_tariff_change_on": day_of_stamp(contract.get("last_distribution_tariff_change_date")),
        "services_level": text_of(point.get("usage_point_status")),
        "production": supply if produces else None,
    }
    never = ("contract_start", "last_power_change_on", *(() if produces else ("production_activated_on", "production")))
    return _explained(record, dict.fromkeys(never, NOT_PROVIDED))


def address_2026(body: Any) -> Record:
    """The address from ``donnees_generales_auto``, nested once or twice. Raises `NoMeasure`, `ProviderGarbage`."""
    if not isinstance(body, dict):
        raise ProviderGarbage
    address = mapping_of(body.get("address"))
    address = mapping_of(address.get("address")) or address
    postal_code, city = postal_code_and_city(text_of(address.get("postal_code_city")))
    parts = [text_of(address.get(name)) for name in ("building", "staircase_floor_apartment")]
    return _something(
        {
            "street": text_of(address.get("number_street_name")),
            "postal_code": postal_code,
            "city": city,
            "insee_code": text_of(address.get("insee_code")),
            "country": None,
            "complement": ", ".join(part for part in parts if part) or None,
            "locality": text_of(address.get("locality")),
        }
    )


def address_v5(prm: str, body: Any) -> Record:
    """The address from ``customers_upa``. Raises as above."""
    address = mapping_of(mapping_of(_usage_point(prm, body).get("usage_point")).get("usage_point_addresses"))
    names = ("street", "postal_code", "city", "insee_code", "country", "complement", "locality")
    return _something({name: text_of(address.get(name)) for name in names})


def identity_2026(prm: str, situation: Any) -> Record:
    """The holder from ``situation_contrat_auto``: the consumption contract takes precedence. Raises as above."""
    contracts = _situation(prm, situation)
    person, organization = mapping_of(_first(contracts, "person")), mapping_of(_first(contracts, "organization"))
    return _identity(person, organization, organization.get("name") or organization.get("commercial_name"))


def identity_v5(body: Any) -> Record:
    """The holder from ``customers_i``. Raises as above."""
    if not isinstance(body, dict):
        raise ProviderGarbage
    identity = mapping_of(body.get("identity"))
    legal = mapping_of(identity.get("legal_entity"))
    return _identity(mapping_of(identity.get("natural_person")), legal, legal.get("name") or legal.get("trading_name"))


def contact_2026(prm: str, situation: Any) -> Record:
    """The holder's contact details from ``situation_contrat_auto``. Raises as above."""
    return _contact(mapping_of(_first(_situation(prm, situation), "contact_data")))


def contact_v5(body: Any) -> Record:
    """The holder's contact details from ``customers_cd``, under either of its two known keys. Raises as above."""
    if not isinstance(body, dict):
        raise ProviderGarbage
    return _contact(mapping_of(body.get("contact_data")) or mapping_of(body.get("contact")))


def _situation(prm: str, body: Any) -> list[Body]:
    """The contracts of a point, as a list or under ``contracts``; consumption first.

    The point that a contract names may be another kind of identifier and is ignored, unless it is another usage point:
    another holder's contract is worse than none.
    """
    found = body.get("contracts") if isinstance(body, dict) else body
    if not isinstance(found, list) or not all(isinstance(each, dict) for each in found):
        raise ProviderGarbage
    for contract in found:
        _refuse_another(prm, contract.get("usage_point_id"))
    if not found:
        raise NoMeasure
    return sorted(found, key=_is_production)


def _usage_point(prm: str, body: Any) -> Body:
    """The requested usage point of a v5 customer."""
    points = mapping_of(body.get("customer") if isinstance(body, dict) else None).get("usage_points")
    if not isinstance(points, list) or not all(isinstance(each, dict) for each in points):
        raise ProviderGarbage
    if not points:
        raise NoMeasure
    named = [each for each in points if mapping_of(each.get("usage_point")).get("usage_point_id") == prm]
    if not named:
        if len(points) > 1:
            raise ProviderGarbage
        _refuse_another(prm, mapping_of(points[0].get("usage_point")).get("usage_point_id"))
    found: Body = (named or points)[0]
    return found


def _refuse_another(prm: str, named: Any) -> None:
    if isinstance(named, str) and _PRM.fullmatch(named) and named != prm:
        raise ProviderGarbage


def _is_production(contract: Body) -> bool:
    segment, kind = text_of(contract.get("segment")), text_of(contract.get("contract_type"))
    if segment:
        return segment.startswith("P")
    return bool(kind) and any(word in (kind or "") for word in ("GRD-A", "CRAE", "CARD-I"))


def _latest(contracts: Iterable[Body], *, is_production: bool) -> Body:
    """The contract of one direction; of several, the most recent one."""
    meant = [each for each in contracts if _is_production(each) is is_production]
    return max(meant, key=lambda each: day_of_stamp(each.get("contract_start")) or "", default={})


def _supply_2026(contract: Body) -> Record:
    return {
        "segment": text_of(contract.get("segment")),
        "contract_type": text_of(contract.get("contract_type")),
        "contract_start": day_of_stamp(contract.get("contract_start")),
        "subscribed_power": power_of(contract.get("subscribed_power")),
        "distribution_tariff": text_of(contract.get("distribution_tariff")),
        "status": None,
    }


def _offpeak_hours(device: Body) -> str | None:
    relays = device.get("relais")
    return text_of(mapping_of(relays[0] if isinstance(relays, list) and relays else relays).get("plageHeuresCreuses"))


def _explained(facts: Body, reasons: Mapping[str, str]) -> Record:
    record = {name: facts.get(name) for name in _CONTRACT}
    absent = {name: reasons.get(name, NO_DATA) for name, fact in record.items() if fact is None}
    if len(absent) == len(record):
        raise NoMeasure
    return {**record, "absent": absent}


def _identity(person: Body, organization: Body, name: Any) -> Record:
    kind = "person" if text_of(person.get("lastname")) or not organization else "organization"
    facts = _something(
        {
            "title": text_of(person.get("title")),
            "first_name": text_of(person.get("firstname")),
            "last_name": text_of(person.get("lastname")),
            "name": text_of(name),
            "siret": text_of(organization.get("siret_number")),
            "siren": text_of(organization.get("siren_number")),
        }
    )
    return {"kind": kind, **facts}


def _contact(contact: Body) -> Record:
    return _something({name: text_of(contact.get(name)) for name in ("email", "phone", "landline")})


def _something(record: Record) -> Record:
    if all(fact is None for fact in record.values()):
        raise NoMeasure
    return record


def _first(contracts: Sequence[Body], name: str) -> Any:
    return next((each[name] for each in contracts if each.get(name)), None)
