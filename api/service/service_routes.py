"""The entry point of the API, and the descriptions of problem types."""

from importlib.metadata import version
from typing import Annotated

from fastapi import APIRouter, Path

from api.http.problems import ProblemKind, documented, problem_kinds
from api.service.schemas import IndexDocument
from shared.core.errors import NotFound, ValidationFailed

router = APIRouter(tags=["service"])


@router.get("/", operation_id="get_index", summary="Get the entry point")
async def get_index() -> IndexDocument:
    """Returns links to the documentation."""
    return IndexDocument(
        name="Relève",
        version=version("releve"),
        documentation="/docs",
        openapi="/openapi.json",
        datasets="/v1/datasets",
        health="/health/ready",
    )


@router.get(
    "/problems/{code}",
    operation_id="get_problem",
    summary="Get the description of a problem type",
    responses=documented(NotFound, ValidationFailed),
)
async def get_problem(
    code: Annotated[
        str, Path(max_length=64, description="The `code` of a problem document.", examples=["out_of_history"])
    ],
) -> ProblemKind:
    """The target of the `type` URI of problem documents."""
    kind = problem_kinds().get(code)
    if kind is None:
        raise NotFound
    return kind
