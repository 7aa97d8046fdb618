"""`ansflow approvals`."""

import json
import uuid
from enum import StrEnum
from itertools import islice
from typing import Annotated, Any

import typer

from app.cli.errors import CommandFailed
from app.cli.listing import table
from app.cli.remote import DEFAULT_URL, Server, Token, Url, open_server, pages


class Verb(StrEnum):
    """What to do."""

    LIST = "list"
    APPROVE = "approve"
    REJECT = "reject"


def command(
    verb: Annotated[Verb, typer.Argument(help="What to do")] = Verb.LIST,
    approval: Annotated[
        str | None, typer.Argument(help="Id of the approval, as the list shows it")
    ] = None,
    comment: Annotated[str, typer.Option(help="Why; shown with the job")] = "",
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="List at most so many")] = 20,
    url: Url = DEFAULT_URL,
    token: Token = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON")] = False,
) -> None:
    """Show what waits for your approval; approve it, or reject it.

    \b
    Examples:
      ansflow approvals
      ansflow approvals approve 01a223b0-ce66-7015-bcad-9ff553c959e1
      ansflow approvals reject 01a223b0-ce66-7015-bcad-9ff553c959e1 --comment "not today"
    """
    with open_server(url, token) as server:
        if verb is not Verb.LIST:
            voted = _vote(server, verb, _id(approval), comment)
            typer.echo(json.dumps(voted, indent=2) if as_json else _sentence(voted))
            return
        if approval is not None:
            raise CommandFailed("`ansflow approvals list` takes no id")
        found = list(islice(pages(server, "/approvals"), limit))
    typer.echo(json.dumps(found, indent=2) if as_json else _table(found))


def _vote(server: Server, verb: Verb, approval: str, comment: str) -> dict[str, Any]:
    body = {"decision": verb.value, "comment": comment}
    voted: dict[str, Any] = server.post(f"/approvals/{approval}/vote", body)
    return voted


def _id(reference: str | None) -> str:
    try:
        return str(uuid.UUID(reference))
    except (ValueError, TypeError, AttributeError):
        shown = "which approval?" if reference is None else f"{reference!r} is no id of an approval"
        raise CommandFailed(f"{shown}; `ansflow approvals` lists them") from None


def _approvals(request: dict[str, Any]) -> str:
    given = sum(vote["decision"] == "approve" for vote in request["votes"])
    return f"{given}/{request['required']}"


def _sentence(voted: dict[str, Any]) -> str:
    return f"{voted['state']}: {_what(voted)} to {_where(voted)} ({_approvals(voted)} approvals)"


def _what(request: dict[str, Any]) -> str:
    name = f"{request['title']} #{request['number']}"
    return name if request["job_key"] is None else f"{name}, job {request['job_key']}"


def _where(request: dict[str, Any]) -> str:
    return str(request["environment"] or f"run {(request['sha'] or '')[:12]} from a fork")


def _table(found: list[dict[str, Any]]) -> str:
    rows = [
        (
            each["id"],
            _where(each),
            _approvals(each),
            each["created_at"][:19].replace("T", " "),
            each["actor"],
            _what(each),
        )
        for each in found
    ]
    heads = ("ID", "TO", "APPROVALS", "SINCE (UTC)", "STARTED BY", "WHAT")
    return table(heads, rows)
