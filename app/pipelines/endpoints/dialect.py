"""The JSON Schema of pipeline files, so that editors complete and check them."""

from collections.abc import Mapping
from functools import cache
from typing import Any

from fastapi import APIRouter

from app.auth.dependencies import Public
from app.engine.document import json_schema

router = APIRouter(tags=["pipelines"], dependencies=[Public])


@router.get("/schemas/pipeline.json")
async def schema() -> dict[str, Any]:
    """The JSON Schema of a pipeline file."""
    return dict(_schema())


@cache
def _schema() -> Mapping[str, Any]:
    return json_schema()
