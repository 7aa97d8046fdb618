"""The dialect as JSON Schema, from the tables that validate."""

from app.engine.document.dialect.workflow import WORKFLOW
from app.engine.document.shapes import Schema


def json_schema() -> Schema:
    """A JSON Schema (2020-12) of pipeline files, for editors to check and complete.

    It says what one key may hold. What needs more than one place, such as unknown `needs`, only
    `load` tells.
    """
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "AnsFlow pipeline",
        "description": "A pipeline in the workflow syntax of GitHub Actions, with a few keys more.",
        **WORKFLOW.schema(),
    }
