"""`ansflow executions`."""

import json
from itertools import islice
from typing import Annotated

import typer

from app.cli.listing import table
from app.cli.remote import DEFAULT_URL, Token, Url, open_server, pages, pipeline_id, tell_if_nothing
from app.engine.states import ExecutionStatus


def command(
    pipeline: Annotated[
        str | None, typer.Argument(help="Only of this pipeline: id, project/slug or slug")
    ] = None,
    status: Annotated[
        list[ExecutionStatus] | None, typer.Option(help="Only in this state; may be repeated")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="At most so many")] = 20,
    url: Url = DEFAULT_URL,
    token: Token = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON")] = False,
) -> None:
    """List executions, newest first.

    \b
    Examples:
      ansflow executions
      ansflow executions demo/build --status running --status queued
    """
    with open_server(url, token) as server:
        of = None if pipeline is None else pipeline_id(server, pipeline)
        found = list(islice(pages(server, "/executions", pipeline_id=of, status=status), limit))
    tell_if_nothing(found, token)
    if as_json:
        typer.echo(json.dumps(found, indent=2))
        return
    rows = [
        (
            each["id"],
            f"#{each['number']}",
            each["status"],
            each["event"],
            each["created_at"][:19].replace("T", " "),
            each["title"],
        )
        for each in found
    ]
    typer.echo(table(("ID", "NUMBER", "STATUS", "EVENT", "CREATED (UTC)", "TITLE"), rows))
