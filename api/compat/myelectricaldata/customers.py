"""Records in the format of MyElectricalData v1, which is that of Enedis v5. Pure.

All keys are always present. Values that the provider did not return, or that the gateway does not store, are null and
never invented. The strings of a contract are empty instead, because a widely used client cannot store a contract with a
null among them. Values are those of Enedis, of either generation. The format of the stored records is in
`workers.providers.enedis.records`.
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
# The fields of a contract for one direction; for a producer without consumption they are under `production`.
_SUPPLY = ("segment", "contract_type", "subscribed_power", "distribution_tariff", "status")

_CustomerId = Annotated[
    str | None, Field(description="The holder's number at the provider. Always `null`: the gateway does not store it.")
]
_Coordinate = Annotated[str | None, Field(description="Always `null`: the provider does not return it.")]


class CustomerContract(Document):
    """A contract, in the format of MyElectricalData v1."""

    segment: str = Field(description="Customer segment code of the provider, or empty.", examples=["C5"])
    subscribed_power: str = Field(description="Subscribed power with its unit, or empty.", examples=["9 kVA"])
    last_activation_date: str | None = Field(
        description="Activation day of the usage point, with the offset of Paris on that day.",
        examples=["2019-05-06+02:00"],
    )
    distribution_tariff: str = Field(
        description="Code, or text if the provider no longer has a code, or empty.", examples=["BTINFCUST"]
    )
    offpeak_hours: str | None = Field(description="Always `HC (…)`, or `null`.", examples=["HC (22H50-6H50)"])
    contract_status: str = Field(
        description="Status code of the provider; empty with its newer APIs, which have none.", examples=["SERVC"]
    )
    last_distribution_tariff_change_date: str | None = Field(
        description="Day in Paris; `null` if the provider does not return it, as with its newer APIs.",
        examples=["2019-05-06+02:00"],
    )


class CustomerMeter(Document):
    """A usage point, as MyElectricalData v1 returns it with its contract."""

    usage_point_id: ShownPrm
    usage_point_status: str = Field(
        description="Communication status of the meter, as returned by the provider, or empty.", examples=["com"]
    )
    meter_type: str = Field(description="Meter type code of the provider, or empty.", examples=["AMM"])


class CustomerContractEntry(Document):
    """A usage point with its contract."""

    usage_point: CustomerMeter
    contracts: CustomerContract


class CustomerContracts(Document):
    """A customer's usage points with their contracts: always the requested one only."""

    customer_id: _CustomerId
    usage_points: list[CustomerContractEntry] = Field(description="Always one element.")


class ContractsBody(Document):
    """The contract of a usage point, in the format of MyElectricalData v1."""

    customer: CustomerContracts


class GeoPoints(Document):
    """The coordinates of a usage point, which the provider does not return."""

    latitude: _Coordinate = None
    longitude: _Coordinate = None
    altitude: _Coordinate = None


class CustomerAddress(Document):
    """An address, in the format of MyElectricalData v1."""

    street: str | None = Field(description="Number and street.", examples=["9 RUE DES ESSAIS"])
    locality: str | None = Field(description="Locality within the town.", examples=["LIEU-DIT ESSAI"])
    postal_code: str | None = Field(description="Postal code.", examples=["99101"])
    insee_code: str | None = Field(description="INSEE code of the town.", examples=["99201"])
    city: str | None = Field(description="Town.", examples=["VILLE-DES-ESSAIS"])
    country: str | None = Field(description="Country; not returned by the provider's newer APIs.", examples=["France"])
    geo_points: GeoPoints


class CustomerPlace(Document):
    """A usage point with its address; `GET /contracts/…` returns its status and its meter type."""

    usage_point_id: ShownPrm
    usage_point_status: Annotated[str | None, Field(description="Always `null`: not part of an address here.")]
    meter_type: Annotated[str | None, Field(description="Always `null`: not part of an address here.")]
    usage_point_addresses: CustomerAddress


class CustomerAddressEntry(Document):
    """The envelope of a usage point with its address."""

    usage_point: CustomerPlace


class CustomerAddresses(Document):
    """A customer's usage points with their addresses: always the requested one only."""

    customer_id: _CustomerId
    usage_points: list[CustomerAddressEntry] = Field(description="Always one element.")


class AddressesBody(Document):
    """The address of a usage point, in the format of MyElectricalData v1."""

    customer: CustomerAddresses


class NaturalPerson(Document):
    """A holder who is a natural person; all fields are null for an organization."""

    title: str | None = Field(description="Title.", examples=["MME"])
    firstname: str | None = Field(description="First name.", examples=["PERSONNE"])
    lastname: str | None = Field(description="Last name.", examples=["ESSAI-NEUF"])


class LegalEntity(Document):
    """A holder that is an organization."""

    name: str | None = Field(description="Name of the organization.", examples=["SOCIETE ESSAI-NEUF"])
    siret_number: str | None = Field(description="SIRET number of the establishment.", examples=["00000000000901"])
    siren_number: str | None = Field(description="SIREN number of the organization.", examples=["000000009"])


class Identity(Document):
    """The holder of the contract: a natural person or an organization."""

    natural_person: NaturalPerson
    legal_entity: LegalEntity | None = Field(description="`null` for a person.")


class IdentityBody(Document):
    """The holder of the contract, in the format of MyElectricalData v1."""

    customer_id: _CustomerId
    identity: Identity


class ContactData(Document):
    """The contact data of the holder."""

    phone: str | None = Field(description="Phone number.", examples=["0639980901"])
    email: str | None = Field(description="E-mail address.", examples=["essai-neuf@example.invalid"])


class ContactBody(Document):
    """The contact data of the holder, in the format of MyElectricalData v1."""

    customer_id: _CustomerId
    contact_data: ContactData


def contracts_body(prm: str, record: Record) -> ContractsBody:
    """A contract: for consumption, or for production if there is no other."""
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
        # Clients search for this pattern without checking whether it was found.
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
    """An address; this format has no field for additional lines (building, floor)."""
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
    """The holder; for an organization, the fields of a person are present too, all null."""
    person = NaturalPerson(
        title=record.get("title"), firstname=record.get("first_name"), lastname=record.get("last_name")
    )
    entity = LegalEntity(name=record.get("name"), siret_number=record.get("siret"), siren_number=record.get("siren"))
    identity = Identity(natural_person=person, legal_entity=entity if record.get("kind") == "organization" else None)
    return IdentityBody(customer_id=None, identity=identity)


def contact_body(_prm: str, record: Record) -> ContactBody:
    """The contact data of the holder: this format has one phone number, and the mobile number takes precedence."""
    phone = record.get("phone") or record.get("landline")
    return ContactBody(customer_id=None, contact_data=ContactData(phone=phone, email=record.get("email")))


BODIES: Mapping[str, Callable[[str, Record], Document]] = {
    "contract": contracts_body,
    "address": addresses_body,
    "identity": identity_body,
    "contact": contact_body,
}
"""The function that builds the response body of each record, by dataset; it takes the PRM and the record."""


def _power(power: Record | None) -> str:
    said = power or {}
    return " ".join(str(said[name]) for name in ("value", "unit") if said.get(name) is not None)


def _stamp(day: str | None) -> str | None:
    """A day in the format of Enedis v5: with the UTC offset of Paris at its start."""
    if day is None:
        return None
    begins = datetime.combine(date.fromisoformat(day), time(), PARIS)
    return day + begins.isoformat()[len("YYYY-MM-DDTHH:MM:SS") :]
