"""`ansflow trigger`."""

import sys
from typing import Annotated, Any

import typer

from app.cli.logs import tell
from app.cli.remote import DEFAULT_URL, Token, Url, open_server, pipeline_id
from app.cli.requests import full_ref, pairs
from app.core.clock import new_id


def command(
    pipeline: Annotated[str, typer.Argument(help="Id, project/slug or slug")],
    inputs: Annotated[
        list[str] | None, typer.Option("--input", help="NAME=VALUE; may be repeated")
    ] = None,
    ref: Annotated[str | None, typer.Option(help="Full ref or branch")] = None,
    version: Annotated[
        int | None, typer.Option(min=1, help="Version of the pipeline; default: the current one")
    ] = None,
    follow_it: Annotated[
        bool, typer.Option("-f", "--follow", help="Show its log until it has ended")
    ] = False,
    url: Url = DEFAULT_URL,
    token: Token = None,
) -> None:
    """Start a pipeline on a server; prints the id of the execution.

    With -f the exit code tells how it ended: 0 success, 1 failure, 130 cancelled.

    \b
    Examples:
      ansflow trigger demo/build
      ansflow trigger demo/deploy --input environment=staging --ref main -f
    """
    body: dict[str, Any] = {"inputs": pairs(inputs or (), "--input")}
    if ref is not None:
        body["ref"] = full_ref(ref)
    if version is not None:
        body["version"] = version
    with open_server(url, token) as server:
        wanted = pipeline_id(server, pipeline)
        # A lost answer may be asked for again without starting twice.
        headers = {"Idempotency-Key": str(new_id())}
        started = server.post(f"/pipelines/{wanted}/executions", body, **headers)
        typer.echo(started["id"])
        if follow_it:
            sys.exit(tell(server, f"/executions/{started['id']}/logs"))
