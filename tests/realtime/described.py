"""Holds every frame that a test receives against the AsyncAPI document."""

from functools import cache
from typing import Any

import jsonschema_rs

from app.realtime.asyncapi import asyncapi


@cache
def _validators() -> dict[str, jsonschema_rs.Validator]:
    document = asyncapi("test")
    return {
        message["name"]: jsonschema_rs.validator_for(
            {**message["payload"], "components": document["components"]}, validate_formats=True
        )
        for message in document["components"]["messages"].values()
    }


def require_described(frame: dict[str, Any]) -> None:
    """Fail unless the document has this type of message and the frame is one."""
    assert frame["type"] in _validators(), f"undocumented frame: {frame}"
    errors = [str(error) for error in _validators()[frame["type"]].iter_errors(frame)]
    assert not errors, f"{frame}: {errors}"
