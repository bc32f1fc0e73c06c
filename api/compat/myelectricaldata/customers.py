"""A record in the bodies of MyElectricalData v1, which are those of Enedis v5. Pure.

Every key is always there. What the provider did not say, or the gateway does not keep, is null and never made up. The
texts of a contract are empty instead: a client that many people have can't keep a contract with a null among them.
Words are Enedis's own, of whichever generation. The form of the records: `workers.providers.enedis.records`.
"""

import re
from collections.abc import Callable, Mapping
from datetime import date, datetime, time
from typing import Annotated, Any

from pydantic import Field

from api.http.fields import Document, ShownPrm
from shared.core.calendar import PARIS

Record = Mapping[str, Any]

_OFFPEAK_HOURS = re.compile(r".*HC \(.*\).*")
# What a contract says of one direction; of a producer alone this stands under `production`.
_SUPPLY = ("segment", "contract_type", "subscribed_power", "distribution_tariff", "status")

_CustomerId = Annotated[
    str | None, Field(description="The holder's number at the provider; the gateway does not keep it: always `null`.")
]
_Coordinate = Annotated[str | None, Field(description="Not provided: always `null`.")]


class CustomerContract(Document):
    """A contract, as MyElectricalData v1 shows it."""

    segment: str = Field(description="The provider's code for the kind of customer, or empty.", examples=["C5"])
    subscribed_power: str = Field(description="With its unit, or empty.", examples=["9 kVA"])
    last_activation_date: str | None = Field(
        description="Since when the point is in service: a day and the offset of Paris then.",
        examples=["2019-05-06+02:00"],
    )
    distribution_tariff: str = Field(
        description="A code, or a text where the provider has no code any more, or empty.", examples=["BTINFCUST"]
    )
    offpeak_hours: str | None = Field(description="Always `HC (…)`, or `null`.", examples=["HC (22H50-6H50)"])
    contract_status: str = Field(
        description="The provider's code; its newer APIs have none, then it is empty.", examples=["SERVC"]
    )
    last_distribution_tariff_change_date: str | None = Field(
        description="In Paris; `null` where the provider does not say, as its newer APIs.",
        examples=["2019-05-06+02:00"],
    )


class CustomerMeter(Document):
    """A usage point, as MyElectricalData v1 shows it beside its contract."""

    usage_point_id: ShownPrm
    usage_point_status: str = Field(
        description="Whether the meter talks, in the provider's words, or empty.", examples=["com"]
    )
    meter_type: str = Field(description="The provider's code for the kind of meter, or empty.", examples=["AMM"])


class CustomerContractEntry(Document):
    """A usage point with its contract."""

    usage_point: CustomerMeter
    contracts: CustomerContract


class CustomerContracts(Document):
    """A customer's usage points with their contracts: always the one that was asked for."""

    customer_id: _CustomerId
    usage_points: list[CustomerContractEntry] = Field(description="Always one.")


class ContractsBody(Document):
    """The contract of a usage point, in the form of MyElectricalData v1."""

    customer: CustomerContracts


class GeoPoints(Document):
    """Where a usage point is on the globe: the provider does not say."""

    latitude: _Coordinate = None
    longitude: _Coordinate = None
    altitude: _Coordinate = None


class CustomerAddress(Document):
    """An address, as MyElectricalData v1 shows it."""

    street: str | None = Field(description="Number and street.", examples=["9 RUE DES ESSAIS"])
    locality: str | None = Field(description="A part of the town.", examples=["LIEU-DIT ESSAI"])
    postal_code: str | None = Field(description="The postcode.", examples=["99101"])
    insee_code: str | None = Field(description="The town's code at INSEE.", examples=["99201"])
    city: str | None = Field(description="The town.", examples=["VILLE-DES-ESSAIS"])
    country: str | None = Field(description="The country; the provider's newer APIs have none.", examples=["France"])
    geo_points: GeoPoints


class CustomerPlace(Document):
    """A usage point with its address; `GET /contracts/…` knows its status and its meter."""

    usage_point_id: ShownPrm
    usage_point_status: Annotated[str | None, Field(description="Not part of an address here: always `null`.")]
    meter_type: Annotated[str | None, Field(description="Not part of an address here: always `null`.")]
    usage_point_addresses: CustomerAddress


class CustomerAddressEntry(Document):
    """A usage point with its address, in its envelope."""

    usage_point: CustomerPlace


class CustomerAddresses(Document):
    """A customer's usage points with their addresses: always the one that was asked for."""

    customer_id: _CustomerId
    usage_points: list[CustomerAddressEntry] = Field(description="Always one.")


class AddressesBody(Document):
    """The address of a usage point, in the form of MyElectricalData v1."""

    customer: CustomerAddresses


class NaturalPerson(Document):
    """A holder who is a person; of an organization everything is null."""

    title: str | None = Field(description="How to address them.", examples=["MME"])
    firstname: str | None = Field(description="First name.", examples=["PERSONNE"])
    lastname: str | None = Field(description="Last name.", examples=["ESSAI-NEUF"])


class LegalEntity(Document):
    """A holder that is an organization."""

    name: str | None = Field(description="Its name.", examples=["SOCIETE ESSAI-NEUF"])
    siret_number: str | None = Field(description="The number of the establishment.", examples=["00000000000901"])
    siren_number: str | None = Field(description="The number of the organization.", examples=["000000009"])


class Identity(Document):
    """Who holds the contract: a person or an organization."""

    natural_person: NaturalPerson
    legal_entity: LegalEntity | None = Field(description="`null` for a person.")


class IdentityBody(Document):
    """The holder of the contract, in the form of MyElectricalData v1."""

    customer_id: _CustomerId
    identity: Identity


class ContactData(Document):
    """How the holder can be reached."""

    phone: str | None = Field(description="A telephone number.", examples=["0639980901"])
    email: str | None = Field(description="An e-mail address.", examples=["essai-neuf@example.invalid"])


class ContactBody(Document):
    """How the holder can be reached, in the form of MyElectricalData v1."""

    customer_id: _CustomerId
    contact_data: ContactData


def contracts_body(prm: str, record: Record) -> ContractsBody:
    """A contract: the consumer's, or the producer's where there is no other."""
    produced = record.get("production")
    is_producer = bool(produced) and all(record.get(name) is None for name in _SUPPLY)
    supply: Record = produced if produced and is_producer else record
    activated_on = record.get("production_activated_on" if is_producer else "consumption_activated_on")
    offpeak_hours = record.get("offpeak_hours")
    contract = CustomerContract(
        segment=supply.get("segment") or "",
        subscribed_power=_power(supply.get("subscribed_power")),
        last_activation_date=_stamp(activated_on),
        distribution_tariff=supply.get("distribution_tariff") or "",
        # Clients look for that without looking whether they have found it.
        offpeak_hours=offpeak_hours if _OFFPEAK_HOURS.fullmatch(offpeak_hours or "") else None,
        contract_status=supply.get("status") or "",
        last_distribution_tariff_change_date=_stamp(record.get("last_tariff_change_on")),
    )
    meter = CustomerMeter(
        usage_point_id=prm,
        usage_point_status=record.get("services_level") or "",
        meter_type=record.get("meter_type") or "",
    )
    entry = CustomerContractEntry(usage_point=meter, contracts=contract)
    return ContractsBody(customer=CustomerContracts(customer_id=None, usage_points=[entry]))


def addresses_body(prm: str, record: Record) -> AddressesBody:
    """An address; a complement (building, floor) has no place in this form."""
    address = CustomerAddress(
        street=record.get("street"),
        locality=record.get("locality"),
        postal_code=record.get("postal_code"),
        insee_code=record.get("insee_code"),
        city=record.get("city"),
        country=record.get("country"),
        geo_points=GeoPoints(),
    )
    place = CustomerPlace(usage_point_id=prm, usage_point_status=None, meter_type=None, usage_point_addresses=address)
    entry = CustomerAddressEntry(usage_point=place)
    return AddressesBody(customer=CustomerAddresses(customer_id=None, usage_points=[entry]))


def identity_body(_prm: str, record: Record) -> IdentityBody:
    """The holder; what is said of a person is there for an organization too, all of it null."""
    person = NaturalPerson(
        title=record.get("title"), firstname=record.get("first_name"), lastname=record.get("last_name")
    )
    entity = LegalEntity(name=record.get("name"), siret_number=record.get("siret"), siren_number=record.get("siren"))
    identity = Identity(natural_person=person, legal_entity=entity if record.get("kind") == "organization" else None)
    return IdentityBody(customer_id=None, identity=identity)


def contact_body(_prm: str, record: Record) -> ContactBody:
    """How to reach the holder: this form has room for one number, and the mobile one goes first."""
    phone = record.get("phone") or record.get("landline")
    return ContactBody(customer_id=None, contact_data=ContactData(phone=phone, email=record.get("email")))


BODIES: Mapping[str, Callable[[str, Record], Document]] = {
    "contract": contracts_body,
    "address": addresses_body,
    "identity": identity_body,
    "contact": contact_body,
}
"""The form of each record, by its dataset: of the usage point's 14 digits and the record."""


def _power(power: Record | None) -> str:
    said = power or {}
    return " ".join(str(said[name]) for name in ("value", "unit") if said.get(name) is not None)


def _stamp(day: str | None) -> str | None:
    """A day as Enedis v5 wrote it: with the offset that Paris had when it began."""
    if day is None:
        return None
    begins = datetime.combine(date.fromisoformat(day), time(), PARIS)
    return day + begins.isoformat()[len("YYYY-MM-DDTHH:MM:SS") :]
