"""`ansflow pipelines`."""

import json
from typing import Annotated

import typer

from app.cli.listing import table
from app.cli.remote import DEFAULT_URL, Token, Url, open_server, pages, tell_if_nothing


def command(
    project: Annotated[str | None, typer.Argument(help="Only those of this project")] = None,
    url: Url = DEFAULT_URL,
    token: Token = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON")] = False,
) -> None:
    """List the pipelines of a server.

    \b
    Examples:
      ansflow pipelines
      ansflow pipelines demo --json
    """
    with open_server(url, token) as server:
        projects = {each["id"]: each["slug"] for each in pages(server, "/projects")}
        path = "/pipelines" if project is None else f"/projects/{project}/pipelines"
        found = list(pages(server, path))
    tell_if_nothing(found, token)
    if as_json:
        typer.echo(json.dumps(found, indent=2))
        return
    rows = [
        (
            f"{projects.get(each['project_id'], each['project_id'])}/{each['slug']}",
            str(each["current_version"]),
            each["name"],
            each["id"],
        )
        for each in found
    ]
    typer.echo(table(("PIPELINE", "VERSION", "NAME", "ID"), rows))
