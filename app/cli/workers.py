"""`ansflow workers`."""

import json
from enum import StrEnum
from typing import Annotated, Any

import typer

from app.cli.errors import INVALID, CommandFailed
from app.cli.listing import table
from app.cli.remote import DEFAULT_URL, Token, Url, open_server, pages


class Act(StrEnum):
    """What is done with workers."""

    LIST = "list"
    DRAIN = "drain"
    RESUME = "resume"


def command(
    act: Annotated[Act, typer.Argument(help="What to do")] = Act.LIST,
    workers: Annotated[
        list[str] | None, typer.Argument(help="Ids, names or hosts of workers")
    ] = None,
    url: Url = DEFAULT_URL,
    token: Token = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON")] = False,
) -> None:
    """List the workers of a server; have some take nothing new (drain), or work again (resume).

    \b
    Examples:
      ansflow workers
      ansflow workers drain build-host-3
      ansflow workers resume 01a223b0-ce66-7015-bcad-9ff553c959e1
    """
    if (act is Act.LIST) is bool(workers):
        raise CommandFailed(
            "name the workers to drain or resume: by id, name or host", exit_code=INVALID
        )
    with open_server(url, token) as server:
        found = list(pages(server, "/workers"))
        if act is not Act.LIST:
            found = _chosen(found, workers or [])
            for each in found:
                server.post(f"/workers/{each['id']}/{act}")
    if as_json:
        typer.echo(json.dumps(found, indent=2))
    elif act is Act.LIST:
        rows = [
            (each["name"], each["state"], str(each["running"]), _queues(each), each["id"])
            for each in found
        ]
        typer.echo(table(("WORKER", "STATE", "JOBS", "QUEUES", "ID"), rows))
    else:
        for each in found:
            typer.echo(f"{act}: {each['name']}")


def _chosen(found: list[dict[str, Any]], names: list[str]) -> list[dict[str, Any]]:
    """The workers that are named.

    Raises: CommandFailed when a name fits none.
    """
    chosen: dict[str, dict[str, Any]] = {}
    for name in names:
        fitting = [each for each in found if name in (each["id"], each["name"], each["host"])]
        if not fitting:
            raise CommandFailed(f"there is no worker {name!r}: see `ansflow workers`")
        chosen |= {each["id"]: each for each in fitting}
    return list(chosen.values())


def _queues(worker: dict[str, Any]) -> str:
    return ",".join(worker["queues"])
