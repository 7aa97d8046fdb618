"""The table of commands, and a group that imports a command's module only when it is called."""

import errno
import os
import sys
from importlib import import_module
from typing import Any, Final

import typer
from typer.core import TyperCommand, TyperGroup

from app.cli.errors import CANCELLED, FAILURE, CommandFailed

_CANNOT_WRITE: Final = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)

COMMANDS: Final = {
    "run": "Run a pipeline file here and now, without a server",
    "lint": "Check pipeline files",
    "plan": "Show which jobs an event would run, and why",
    "up": "Start a server on this machine, with nothing to configure",
    "serve": "Serve HTTP (distributed mode)",
    "worker": "Run jobs (distributed mode)",
    "scheduler": "Run timers and sweeps (distributed mode)",
    "migrate": "Bring the database to the newest revision",
    "backup": "Write all definitions into a file",
    "restore": "Put all definitions of a backup back",
    "config": "Show the effective settings",
    "keys": "Show and replace the keys that encrypt secrets",
    "pipelines": "List the pipelines of a server",
    "trigger": "Start a pipeline on a server",
    "rerun": "Run an execution again, all of it or what failed",
    "executions": "List the executions of a server",
    "logs": "Show the log of an execution",
    "cancel": "Cancel an execution",
    "workers": "List the workers of a server, drain and resume them",
    "approvals": "Show what waits for your approval; approve or reject it",
    "repositories": "List the repositories of a project",
    "deliveries": "List what forges sent for a repository; show it, work on it again",
    "schema": "Print the JSON Schema of pipeline files",
    "version": "Print the version",
}
"""Name and short help; the command `name` is `command` in the module `app.cli.name`."""


class LazyGroup(TyperGroup):
    """Lists commands from the table; imports the one that is called, and only that."""

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes)
        self.commands = {name: TyperCommand(name, help=text) for name, text in COMMANDS.items()}

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """The real command instead of its entry in the table."""
        name, _listed, rest = super().resolve_command(ctx, args)
        module = import_module(f"app.cli.{name}")
        single = typer.Typer(rich_markup_mode=None, add_completion=False)
        single.command(name)(module.command)
        return name, typer.main.get_command(single), rest

    def invoke(self, ctx: Any) -> Any:
        """Run the command; its failure becomes one sentence and an exit code."""
        try:
            return super().invoke(ctx)
        except CommandFailed as error:
            typer.echo(f"ansflow: {error}", err=True)
            raise typer.Exit(error.exit_code) from None


application = typer.Typer(
    cls=LazyGroup,
    name="ansflow",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@application.callback()
def _ansflow() -> None:
    """AnsFlow: a CI/CD server for pipelines in GitHub Actions syntax.

    Start here: `ansflow run FILE` runs a pipeline file at once; `ansflow up` starts a server.
    """


def main() -> None:
    """The entry point of the console script."""
    try:
        application()
    except KeyboardInterrupt:
        sys.exit(CANCELLED)
    except BrokenPipeError:
        # The reader (`| head`) has seen enough. Python would complain again at its own exit.
        sys.stderr.close()
        sys.exit(FAILURE)
    except OSError as error:
        if error.errno not in _CANNOT_WRITE:
            raise
        typer.echo(f"ansflow: {error.strerror}", err=True)
        # What is still buffered cannot be written at exit either.
        os._exit(FAILURE)
