"""Addresses that are good with a slash at their end, too: some clients write one."""

from collections.abc import Callable
from typing import Any

from fastapi import APIRouter


class SlashRouter(APIRouter):
    """A router of which each address leads to the same place with a slash at its end; described is the one without."""

    def add_api_route(self, path: str, endpoint: Callable[..., Any], **options: Any) -> None:
        """Add both."""
        super().add_api_route(path, endpoint, **options)
        super().add_api_route(f"{path}/", endpoint, **options | {"operation_id": None, "include_in_schema": False})
