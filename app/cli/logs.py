"""`ansflow logs`."""

import sys
from typing import Annotated, Any

import typer

from app.cli.errors import CANCELLED, FAILURE, SUCCESS
from app.cli.following import follow
from app.cli.remote import DEFAULT_URL, Server, Token, Url, execution_id, open_server

_CODES = {"success": SUCCESS, "cancelled": CANCELLED}


def command(
    execution: Annotated[str, typer.Argument(help="Id of the execution")],
    follow_it: Annotated[
        bool, typer.Option("-f", "--follow", help="Go on until it has ended")
    ] = False,
    url: Url = DEFAULT_URL,
    token: Token = None,
) -> None:
    """Show the log of an execution.

    With -f the exit code tells how it ended: 0 success, 1 failure, 130 cancelled.

    \b
    Examples:
      ansflow logs 01a223b0-ce66-7015-bcad-9ff553c959e1
      ansflow logs -f 01a223b0-ce66-7015-bcad-9ff553c959e1
    """
    with open_server(url, token) as server:
        path = f"/executions/{execution_id(execution)}/logs"
        if follow_it:
            sys.exit(tell(server, path))
        with server.stream(f"{path}.txt") as response:
            for text in response.iter_bytes():
                sys.stdout.buffer.write(text)


def tell(server: Server, path: str) -> int:
    """Print a stream as it comes; the exit code that tells how it ended."""
    for kind, data in follow(server, path):
        if kind == "log.end":
            typer.echo(f"ended: {data['status']}", err=True)
            return _CODES.get(data["status"], FAILURE)
        sys.stdout.write(_text(kind, data))
        sys.stdout.flush()
    return FAILURE


def _text(kind: str, data: dict[str, Any]) -> str:
    if kind == "job.changed":
        reason = f" ({data['reason']})" if data["reason"] else ""
        return f"==> {data['name']}: {data['status']}{reason}\n"
    if kind == "step.changed" and data["status"] == "running":
        return f"--> {data['name']}\n"
    if kind == "step.changed" and data["status"] not in ("success", "skipped"):
        return f"--> {data['name']}: {data['status']} ({data['reason'] or 'no reason'})\n"
    return _joined(data) if kind == "log.lines" else ""


def _joined(data: dict[str, Any]) -> str:
    lines = data["text"].split("\n")[:-1]
    continued = set(data["continued"])
    return "".join(
        line + ("" if number in continued else "\n") for number, line in enumerate(lines)
    )
