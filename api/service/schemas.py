"""What the gateway says of itself, on the wire."""

from typing import Literal

from pydantic import Field

from api.http.fields import Document


class HealthDocument(Document):
    """The answer of a part that works."""

    status: Literal["live", "ready"] = Field(
        description="`live`: the process answers. `ready`: its stores do too.", examples=["ready"]
    )


class IndexDocument(Document):
    """Where to begin."""

    name: Literal["Relève"]
    version: str = Field(description="Of this gateway.", examples=["0.1.0"])
    documentation: str = Field(description="For people.", examples=["/docs"])
    openapi: str = Field(description="This document.", examples=["/openapi.json"])
    datasets: str = Field(description="What can be asked for.", examples=["/v1/datasets"])
    health: str = Field(description="Whether requests can be served.", examples=["/health/ready"])
