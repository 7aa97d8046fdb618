"""`ansflow deliveries`."""

import json
import uuid
from enum import StrEnum
from itertools import islice
from typing import Annotated, Any
from urllib.parse import quote

import typer

from app.cli.errors import CommandFailed
from app.cli.listing import table
from app.cli.remote import DEFAULT_URL, Server, Token, Url, open_server, pages


class Verb(StrEnum):
    """What to do."""

    LIST = "list"
    SHOW = "show"
    REDELIVER = "redeliver"


def command(
    verb: Annotated[Verb, typer.Argument(help="What to do")],
    repository: Annotated[
        str, typer.Argument(help="<project>/<name> of a repository, or <project>/<id>")
    ],
    delivery: Annotated[
        str | None, typer.Argument(help="Id of the delivery, as the list shows it")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="List at most so many")] = 20,
    url: Url = DEFAULT_URL,
    token: Token = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON")] = False,
) -> None:
    """List what forges sent for a repository; show what came of it, or work on it once more.

    \b
    Examples:
      ansflow deliveries list demo/ansflow/demo
      ansflow deliveries show demo/ansflow/demo 01a223b0-ce66-7015-bcad-9ff553c959e1
      ansflow deliveries redeliver demo/ansflow/demo 01a223b0-ce66-7015-bcad-9ff553c959e1
    """
    with open_server(url, token) as server:
        path = f"{_repository(server, repository)}/deliveries"
        if verb is Verb.LIST:
            if delivery is not None:
                raise CommandFailed("`ansflow deliveries list` takes no id of a delivery")
            found: Any = list(islice(pages(server, path), limit))
            shown = _table(found)
        elif verb is Verb.SHOW:
            found = server.get(f"{path}/{_id(delivery)}")
            shown = _detail(found)
        else:
            found = server.post(f"{path}/{_id(delivery)}/redeliver")
            shown = f"{_sentence(found)} (run {found['runs']})"
    typer.echo(json.dumps(found, indent=2) if as_json else shown)


def _repository(server: Server, reference: str) -> str:
    """The path of a repository. Raises: CommandFailed."""
    project, slash, name = reference.partition("/")
    if not slash or not name:
        raise CommandFailed(f"{reference!r} is not like <project>/<name of the repository>")
    path = f"/projects/{quote(project, safe='')}/repositories"
    for each in pages(server, path):
        if name in (each["name"], each["id"]):
            return f"{path}/{each['id']}"
    raise CommandFailed(
        f"the project {project!r} has no repository {name!r}; `ansflow repositories {project}` "
        "lists them"
    )


def _id(delivery: str | None) -> str:
    try:
        return str(uuid.UUID(delivery))
    except (ValueError, TypeError, AttributeError):
        shown = "which delivery?" if delivery is None else f"{delivery!r} is no id of a delivery"
        raise CommandFailed(f"{shown}; `ansflow deliveries list` shows them") from None


def _sentence(delivery: dict[str, Any]) -> str:
    what = f"{delivery['event']} of {delivery['ref'] or 'no ref'}"
    return f"{what}: {delivery['status']}" + (
        f", {delivery['reason']}" if delivery["reason"] else ""
    )


def _detail(delivery: dict[str, Any]) -> str:
    lines = [
        _sentence(delivery),
        f"commit    {delivery['sha'] or '-'}",
        f"received  {_time(delivery['received_at'])} UTC, worked on {delivery['runs']} times",
        f"sender's  {delivery['external_id']}",
    ]
    rows = [
        (str(each["run"]), each["path"], each["execution_id"] or "-", each["reason"])
        for each in delivery["results"]
    ]
    return "\n".join(
        [*lines, *([table(("RUN", "FILE", "EXECUTION", "WHY"), rows)] if rows else [])]
    )


def _table(found: list[dict[str, Any]]) -> str:
    rows = [
        (
            each["id"],
            each["event"],
            each["status"],
            _time(each["received_at"]),
            each["ref"] or "-",
            each["reason"],
        )
        for each in found
    ]
    return table(("ID", "EVENT", "STATUS", "RECEIVED (UTC)", "REF", "REASON"), rows)


def _time(text: str) -> str:
    return text[:19].replace("T", " ")
