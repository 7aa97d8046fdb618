"""`ansflow version`."""

import platform
from importlib.metadata import version
from typing import Annotated

import typer


def command(
    short: Annotated[bool, typer.Option("--short", help="Only the number")] = False,
) -> None:
    """Print the version of AnsFlow and of the Python that runs it.

    \b
    Examples:
      ansflow version
      ansflow version --short
    """
    number = version("ansflow")
    python = f"{platform.python_implementation()} {platform.python_version()}"
    typer.echo(number if short else f"ansflow {number} ({python}, {platform.system()})")
