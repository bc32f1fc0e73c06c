"""Response schemas of the service routes."""

from typing import Literal

from pydantic import Field

from api.http.fields import Document


class HealthDocument(Document):
    """The result of a successful health check."""

    status: Literal["live", "ready"] = Field(
        description="`live`: the process responds. `ready`: its stores respond too.", examples=["ready"]
    )


class IndexDocument(Document):
    """The entry point of the API."""

    name: Literal["Relève"]
    version: str = Field(description="Version of this gateway.", examples=["0.1.0"])
    documentation: str = Field(description="Documentation page.", examples=["/docs"])
    openapi: str = Field(description="OpenAPI document.", examples=["/openapi.json"])
    datasets: str = Field(description="List of datasets.", examples=["/v1/datasets"])
    health: str = Field(description="Readiness check.", examples=["/health/ready"])
