"""`ansflow cancel`."""

from typing import Annotated

import typer

from app.cli.remote import DEFAULT_URL, Token, Url, execution_id, open_server


def command(
    execution: Annotated[str, typer.Argument(help="Id of the execution")],
    url: Url = DEFAULT_URL,
    token: Token = None,
) -> None:
    """Cancel an execution; steps with `if: always()` still run. Once more kills them as well.

    \b
    Examples:
      ansflow cancel 01a223b0-ce66-7015-bcad-9ff553c959e1
    """
    with open_server(url, token) as server:
        server.post(f"/executions/{execution_id(execution)}/cancel")
    typer.echo(f"cancelling {execution}")
