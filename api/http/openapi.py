"""The OpenAPI document: the routes as FastAPI describes them, with additions that apply to all of them."""

from importlib.metadata import version
from typing import Any

from fastapi import FastAPI

from api.http.examples import add_examples
from api.http.problems import Problem, ProblemField

_DESCRIPTION = """
A gateway through which people in France access their own electricity data.

Create an account, create a consent and have it given, create a job to fetch data, and read the stored data.
Stored data is encrypted and can only be decrypted with an API key of the account.

Days are calendar days in Europe/Paris; `end` is never included. Every error is a problem document (RFC 9457).
"""

_TAGS = [
    {"name": "accounts", "description": "Accounts, API keys, audit log, export."},
    {"name": "consents", "description": "Authorisations that people give to read their data."},
    {"name": "usage points", "description": "Electricity meters, identified by their PRM of 14 digits."},
    {"name": "datasets", "description": "The kinds of data that jobs fetch."},
    {"name": "public data", "description": "Tempo and EcoWatt. No API key is needed."},
    {"name": "jobs", "description": "Requests to fetch data from the provider."},
    {"name": "readings", "description": "Stored time series and records."},
    {"name": "events", "description": "Server-sent events."},
    {"name": "webhooks", "description": "Events sent to other programs over HTTP."},
    {"name": "Conso API", "description": "The API of conso.boris.sh, for its existing clients."},
    {"name": "administration", "description": "For operators, with `ADMIN_API_KEY`. Gives no access to readings."},
    {"name": "service", "description": "Health, metrics, documentation."},
    {
        "name": "MyElectricalData v1",
        "description": "The API of MyElectricalData, for its existing clients: only the base URL and the token change.",
    },
]

_FRAMEWORK_WORDS = "Successful Response"


class DescribedApi(FastAPI):
    """A FastAPI application with a complete OpenAPI document."""

    def __init__(self, **options: Any) -> None:
        """Describe the gateway; ``options`` are passed to FastAPI."""
        super().__init__(
            title="Relève",
            summary="A gateway to the data of French electricity meters.",
            description=_DESCRIPTION,
            version=version("releve"),
            license_info={"name": "Apache-2.0", "identifier": "Apache-2.0"},
            openapi_tags=_TAGS,
            # FastAPI's own page loads its viewer from a third party; see `api.service.documentation_routes`.
            docs_url=None,
            redoc_url=None,
            # A redirect would repeat the path, and the client would not see why.
            redirect_slashes=False,
            # Traced by `shared.observability.tracing`; FastAPI's own logs would contain rejected values.
            telemetry={"tracing": False, "metrics": False, "logs": False},
            **options,
        )

    def openapi(self) -> dict[str, Any]:
        """The OpenAPI document. Routes refer to `Problem` only by name, so it is added here."""
        if self.openapi_schema is None:
            document = super().openapi()
            schemas = document.setdefault("components", {}).setdefault("schemas", {})
            for model in (Problem, ProblemField):
                schema = model.model_json_schema(ref_template="#/components/schemas/{model}")
                schema.pop("$defs", None)
                schemas[model.__name__] = schema
            _forget_framework_refusals(document)
            add_examples(schemas)
            for item in document["paths"].values():
                for operation in item.values():
                    _describe_answers(operation["responses"], schemas)
        return super().openapi()


def _forget_framework_refusals(document: dict[str, Any]) -> None:
    """Remove the framework's own 422 responses from the document: they are never returned."""
    for item in document["paths"].values():
        for operation in item.values():
            if "HTTPValidationError" in str(operation["responses"].get("422")):
                del operation["responses"]["422"]
    for name in ("HTTPValidationError", "ValidationError"):
        document["components"]["schemas"].pop(name, None)


def _describe_answers(responses: dict[str, Any], schemas: dict[str, Any]) -> None:
    """Replace the framework's default response descriptions by the first sentence of the model's docstring."""
    for answer in responses.values():
        schema = answer.get("content", {}).get("application/json", {}).get("schema", {})
        if answer["description"] == _FRAMEWORK_WORDS and "$ref" in schema:
            text = schemas[schema["$ref"].rsplit("/", 1)[1]]["description"]
            answer["description"] = text.replace("\n", " ").split(". ")[0].removesuffix(".") + "."
