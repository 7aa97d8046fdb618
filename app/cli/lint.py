"""`ansflow lint`."""

import json
from pathlib import Path
from typing import Annotated, Literal

import typer

from app.cli.errors import INVALID
from app.cli.pipeline_files import lint_file, pipeline_files
from app.engine.definition import Diagnostic


def command(
    files: Annotated[
        list[Path] | None,
        typer.Argument(help="Files or folders; `-` is standard input. Default: this folder"),
    ] = None,
    output: Annotated[
        Literal["text", "json"], typer.Option("--format", help="How to print")
    ] = "text",
) -> None:
    """Check pipeline files. Exit code 2 when one has an error.

    Of a folder, the files in .ansflow are checked, else those in .github/workflows.

    \b
    Examples:
      ansflow lint
      ansflow lint .ansflow/ci.yml deploy.yml
      ansflow lint --format json . | jq '.[] | select(.severity == "error")'
    """
    paths = pipeline_files(files or [Path()])
    findings = [(path, found) for path in paths for found in lint_file(path)]
    if output == "json":
        typer.echo(json.dumps([_as_json(path, found) for path, found in findings], indent=2))
    else:
        for path, found in findings:
            place = f"{path}:{found.position.line}:{found.position.column}"
            typer.echo(f"{place}: {found.severity}: {found.message} [{found.code}]")
        typer.echo(_summary(len(paths), [found for _, found in findings]), err=True)
    if any(found.severity == "error" for _, found in findings):
        raise typer.Exit(INVALID)


def _as_json(path: Path, found: Diagnostic) -> dict[str, str | int]:
    return {
        "path": str(path),
        "line": found.position.line,
        "column": found.position.column,
        "severity": found.severity,
        "code": found.code,
        "message": found.message,
    }


def _summary(files: int, findings: list[Diagnostic]) -> str:
    counts = [
        f"{count} {severity}{'s' * (count != 1)}"
        for severity in ("error", "warning", "notice")
        if (count := sum(found.severity == severity for found in findings))
    ]
    return f"{files} file{'s' * (files != 1)} checked: {', '.join(counts) or 'nothing found'}"
