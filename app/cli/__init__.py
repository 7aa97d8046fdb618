"""`ansflow`: the command line. Each command is a module that is imported when it is called."""

from app.cli.application import application, main

__all__ = ["application", "main"]
