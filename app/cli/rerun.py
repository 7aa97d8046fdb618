"""`ansflow rerun`."""

import sys
from typing import Annotated, Any

import typer

from app.cli.errors import INVALID, CommandFailed
from app.cli.logs import tell
from app.cli.remote import DEFAULT_URL, Token, Url, execution_id, open_server
from app.cli.requests import pairs


def command(
    execution: Annotated[str, typer.Argument(help="Id of the execution")],
    run_all: Annotated[
        bool, typer.Option("--all", help="Run all jobs, not only failed ones")
    ] = False,
    job: Annotated[
        str | None, typer.Option(help="Key of one job; it and what needs it run again")
    ] = None,
    inputs: Annotated[
        list[str] | None,
        typer.Option("--input", help="NAME=VALUE that changes; means --all; may be repeated"),
    ] = None,
    follow_it: Annotated[
        bool, typer.Option("-f", "--follow", help="Show its log until it has ended")
    ] = False,
    url: Url = DEFAULT_URL,
    token: Token = None,
) -> None:
    """Run an ended execution again, as its next attempt; prints the number of the attempt.

    Without options the jobs that failed run again, and what needs them; the others keep their
    results. Inputs that are not named keep their values. With -f the exit code tells how it ended:
    0 success, 1 failure, 130 cancelled.

    \b
    Examples:
      ansflow rerun 01a223b0-ce66-7015-bcad-9ff553c959e1
      ansflow rerun 01a223b0-ce66-7015-bcad-9ff553c959e1 --job test[1]
      ansflow rerun 01a223b0-ce66-7015-bcad-9ff553c959e1 --input environment=production -f
    """
    if job is not None and (run_all or inputs):
        other = "--input" if inputs else "--all"
        raise CommandFailed(f"--job and {other} exclude each other", exit_code=INVALID)
    body: dict[str, Any] = {"jobs": "all" if run_all or inputs else "failed"}
    if job is not None:
        body["key"] = job
    if inputs:
        body["inputs"] = pairs(inputs, "--input")
    with open_server(url, token) as server:
        path = f"/executions/{execution_id(execution)}"
        started = server.post(f"{path}/rerun", body)
        typer.echo(f"attempt {started['attempt']}")
        if follow_it:
            sys.exit(tell(server, f"{path}/logs"))
