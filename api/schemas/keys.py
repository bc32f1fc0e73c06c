"""API keys on the wire."""

from datetime import datetime
from typing import Annotated, Self

from pydantic import AwareDatetime, ConfigDict, Field, StringConstraints

from api.schemas.fields import Body, CreatedAt, Document, ShownKeyId
from shared.api_keys import ApiKey, Scope


class KeyRequest(Body):
    """What another key shall be."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"name": "Home Assistant", "scopes": ["read", "fetch"]}]})

    name: Annotated[
        str | None,
        StringConstraints(strip_whitespace=True, min_length=1, max_length=100),
        Field(description="What you call it. Kept encrypted.", examples=["Home Assistant"]),
    ] = None
    scopes: Annotated[
        frozenset[Scope] | None,
        Field(
            min_length=1,
            description="What it may do: `read` what is stored, have data `fetch`ed, `manage` the account. Not more "
            "than the key that asks, and as much when left out. A key without `read` opens nothing, whoever gets hold "
            "of it.",
            examples=[["read", "fetch"]],
        ),
    ] = None
    expires_at: Annotated[AwareDatetime | None, Field(description="It works until then; for ever when left out.")] = (
        None
    )


class KeyDocument(Document):
    """A key, without the key."""

    id: ShownKeyId
    name: str | None = Field(description="What its owner calls it.", examples=["Home Assistant"])
    scopes: list[Scope] = Field(description="What it may do.")
    created_at: CreatedAt
    expires_at: datetime | None = Field(description="It works until then; `null`: for ever.")
    last_used_at: datetime | None = Field(description="To the hour; `null`: never.")

    @classmethod
    def of(cls, key: ApiKey) -> Self:
        """What is shown of a key."""
        return cls(
            id=key.id,
            name=key.name,
            scopes=sorted(key.scopes),
            created_at=key.created_at,
            expires_at=key.expires_at,
            last_used_at=key.last_used_at,
        )


class KeyList(Document):
    """The keys of an account."""

    keys: list[KeyDocument] = Field(description="Oldest first.")


class NewKey(KeyDocument):
    """A new key, with the key."""

    api_key: str = Field(description="Shown this once: nobody can show it again.", examples=["rlv_…"])
