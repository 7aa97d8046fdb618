"""`ansflow schema`."""

import json

import typer

from app.engine.document import json_schema


def command() -> None:
    """Print the JSON Schema of pipeline files, for editors.

    \b
    Examples:
      ansflow schema > pipeline.schema.json
    """
    typer.echo(json.dumps(json_schema(), indent=2, ensure_ascii=False))
