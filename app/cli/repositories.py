"""`ansflow repositories`."""

import json
from itertools import islice
from typing import Annotated, Any
from urllib.parse import quote

import typer

from app.cli.listing import table
from app.cli.remote import DEFAULT_URL, Token, Url, open_server, pages


def command(
    project: Annotated[str, typer.Argument(help="Slug or id of the project")],
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="List at most so many")] = 20,
    url: Url = DEFAULT_URL,
    token: Token = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON")] = False,
) -> None:
    """List the repositories of a project, and whether their forges have the webhook.

    \b
    Examples:
      ansflow repositories demo
      ansflow repositories demo --json
    """
    with open_server(url, token) as server:
        path = f"/projects/{quote(project, safe='')}/repositories"
        found = list(islice(pages(server, path), limit))
    typer.echo(json.dumps(found, indent=2) if as_json else _table(found))


def _table(found: list[dict[str, Any]]) -> str:
    rows = [
        (each["id"], each["name"], each["forge"], _webhook(each), each["clone_url"])
        for each in found
    ]
    return table(("ID", "NAME", "FORGE", "WEBHOOK", "CLONED FROM"), rows)


def _webhook(repository: dict[str, Any]) -> str:
    reason = repository["hook_reason"]
    return f"{repository['hook_state']}: {reason}" if reason else str(repository["hook_state"])
