"""Routes that also accept a trailing slash, because some clients send one."""

from collections.abc import Callable
from typing import Any

from fastapi import APIRouter


class SlashRouter(APIRouter):
    """A router that serves each path with and without a trailing slash; only the latter is documented."""

    def add_api_route(self, path: str, endpoint: Callable[..., Any], **options: Any) -> None:
        """Add both routes."""
        super().add_api_route(path, endpoint, **options)
        super().add_api_route(f"{path}/", endpoint, **options | {"operation_id": None, "include_in_schema": False})
