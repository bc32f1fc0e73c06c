"""The OpenAPI document: what FastAPI finds in the routes, and what holds for every one of them."""

from importlib.metadata import version
from typing import Any

from fastapi import FastAPI

from api.http.examples import add_examples
from api.http.problems import Problem, ProblemField

_DESCRIPTION = """
The gateway through which people in France reach their own electricity data.

Create an account, have a person give their consent, ask for days with a job, read what is stored.
What is stored opens with the account's API key and with nothing else.

Days are calendar days in Europe/Paris; `end` is never included. Every error is a problem document (RFC 9457).
"""

_TAGS = [
    {"name": "accounts", "description": "Who may come in."},
    {"name": "consents", "description": "What a person allows."},
    {"name": "usage points", "description": "Meters, each by its 14 digits."},
    {"name": "datasets", "description": "What there is to ask for."},
    {"name": "public data", "description": "Tempo and EcoWatt: about nobody, and read without a key."},
    {"name": "jobs", "description": "Having data fetched."},
    {"name": "readings", "description": "Reading what is stored."},
    {"name": "events", "description": "Being told as it happens."},
    {"name": "webhooks", "description": "Having other programs told."},
    {"name": "Conso API", "description": "The contract of that gateway, for its clients."},
    {"name": "administration", "description": "For operators, with `ADMIN_API_KEY`. Opens no reading."},
    {"name": "service", "description": "The gateway itself."},
    {
        "name": "MyElectricalData v1",
        "description": "For clients of that gateway: they change their base URL and their token, and nothing else.",
    },
]

_FRAMEWORK_WORDS = "Successful Response"


class DescribedApi(FastAPI):
    """A FastAPI application whose document is whole."""

    def __init__(self, **options: Any) -> None:
        """Describe the gateway; ``options`` are FastAPI's."""
        super().__init__(
            title="Relève",
            summary="The gateway to the data of French electricity meters.",
            description=_DESCRIPTION,
            version=version("releve"),
            license_info={"name": "Apache-2.0", "identifier": "Apache-2.0"},
            openapi_tags=_TAGS,
            # The page that FastAPI has of its own loads its viewer from a third party:
            # `api.service.documentation_routes`.
            docs_url=None,
            redoc_url=None,
            # A redirect would repeat the path, and who asks would not see why.
            redirect_slashes=False,
            # Traced by `shared.observability.tracing`; FastAPI's own logs would hold what was refused.
            telemetry={"tracing": False, "metrics": False, "logs": False},
            **options,
        )

    def openapi(self) -> dict[str, Any]:
        """The OpenAPI document; routes refer to `Problem` only by name, so it is added here."""
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
    """What the framework would say of wrong parameters, where nothing else is described: nobody is answered that."""
    for item in document["paths"].values():
        for operation in item.values():
            if "HTTPValidationError" in str(operation["responses"].get("422")):
                del operation["responses"]["422"]
    for name in ("HTTPValidationError", "ValidationError"):
        document["components"]["schemas"].pop(name, None)


def _describe_answers(responses: dict[str, Any], schemas: dict[str, Any]) -> None:
    """What the framework has no words for is the answer's own model: its first sentence says what it is."""
    for answer in responses.values():
        schema = answer.get("content", {}).get("application/json", {}).get("schema", {})
        if answer["description"] == _FRAMEWORK_WORDS and "$ref" in schema:
            text = schemas[schema["$ref"].rsplit("/", 1)[1]]["description"]
            answer["description"] = text.replace("\n", " ").split(". ")[0].removesuffix(".") + "."
