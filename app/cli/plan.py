"""`ansflow plan`."""

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

import typer
from rich.console import Console
from rich.text import Text
from rich.tree import Tree

from app.cli.errors import INVALID, CommandFailed
from app.cli.requests import Request, parse_request
from app.engine.document import InvalidInputs, coerce_inputs, load
from app.engine.expressions import ExpressionError, to_text
from app.engine.filters import Decision, EventInfo, matches
from app.engine.machine.fields import InvalidField
from app.engine.plan import Forecast, InvalidPlan, called_files, preview
from app.executions.github import github_context

_STYLES = {
    "now": "green",
    "later": "green",
    "depends": "yellow",
    "skipped": "dim",
    "invalid": "red",
}
_WORDS = {
    "now": "runs at once",
    "later": "runs",
    "depends": "may run",
    "skipped": "does not run",
    "invalid": "fails",
}
_UNBOUNDED = 1_000_000
"""Characters of a line."""


def command(
    file: Annotated[Path, typer.Argument(help="The pipeline file; `-` is standard input")],
    event: Annotated[str, typer.Option(help="What happens")] = "workflow_dispatch",
    ref: Annotated[
        str | None, typer.Option(help="Full ref or branch; default: the branch of the folder")
    ] = None,
    base: Annotated[str | None, typer.Option(help="Target branch of a pull request")] = None,
    action: Annotated[str | None, typer.Option(help="Activity type, such as `opened`")] = None,
    changed: Annotated[
        list[str] | None, typer.Option(help="A changed file, for `paths`; may be repeated")
    ] = None,
    inputs: Annotated[
        list[str] | None, typer.Option("--input", help="NAME=VALUE; may be repeated")
    ] = None,
    variables: Annotated[
        list[str] | None, typer.Option("--var", help="NAME=VALUE of the context `vars`")
    ] = None,
    eventpath: Annotated[
        Path | None, typer.Option(help="JSON file with the payload: `github.event`")
    ] = None,
    output: Annotated[
        Literal["text", "json"], typer.Option("--format", help="How to print")
    ] = "text",
) -> None:
    """Show which jobs of a file an event would run, with their matrix and the reasons.

    Nothing is run. Exit code 2 when the file or an option is invalid.

    \b
    Examples:
      ansflow plan .ansflow/ci.yml --event push --ref refs/heads/main
      ansflow plan ci.yml --event push --ref main --changed docs/index.md
      ansflow plan ci.yml --event pull_request --base main --format json
    """
    request = parse_request(
        file,
        event=event,
        payload=eventpath,
        inputs=inputs or (),
        variables=variables or (),
        ref=ref,
    )
    decision = matches(
        request.definition.on,
        EventInfo(
            event,
            action=action,
            ref=request.ref,
            base_ref=base,
            paths=None if changed is None else tuple(changed),
        ),
    )
    forecasts = _forecasts(request) if decision.matched else ()
    if output == "json":
        typer.echo(json.dumps(_document(request, decision, forecasts), indent=2))
    else:
        _print(request, decision, forecasts)


def _forecasts(request: Request) -> Sequence[Forecast]:
    texts = {uses: load(text).definition for uses, text in request.files.items()}
    called = {uses: definition for uses, definition in texts.items() if definition is not None}
    try:
        files = called_files(request.definition, called)
        return preview(request.definition, _contexts(request), files=files)
    except InvalidInputs as error:
        raise CommandFailed(f"--input: {error}", exit_code=INVALID) from None
    except InvalidPlan as error:
        place = f"{request.path}:{error.position.line}:{error.position.column}"
        raise CommandFailed(f"{place}: {error.message}", exit_code=INVALID) from None
    except (InvalidField, ExpressionError) as error:
        raise CommandFailed(f"{request.path}: {error}", exit_code=INVALID) from None


def _contexts(request: Request) -> Mapping[str, Any]:
    declared = request.definition.on.dispatch_inputs
    manual = request.event == "workflow_dispatch"
    github = github_context(
        event=request.event,
        payload=request.payload,
        ref=request.ref,
        sha=request.sha,
        actor="you",
        repository=f"local/{request.workdir.name}",
        workflow=request.definition.name or request.path.stem,
        execution_id="0",
        number=1,
        server_url="http://127.0.0.1",
    )
    given = coerce_inputs(declared, request.inputs) if manual or request.inputs else {}
    if manual:
        shown = {name: to_text(value) for name, value in given.items()}
        github["event"].setdefault("inputs", shown)
    return {
        "github": {**github, "run_attempt": "1"},
        "inputs": given,
        "vars": request.variables,
    }


def _document(
    request: Request, decision: Decision, forecasts: Sequence[Forecast]
) -> dict[str, Any]:
    return {
        "path": str(request.path),
        "event": request.event,
        "ref": request.ref,
        "starts": decision.matched,
        "reason": decision.reason,
        "line": decision.position and decision.position.line,
        "jobs": [_job(forecast) for forecast in forecasts],
    }


def _job(forecast: Forecast) -> dict[str, Any]:
    node = forecast.node
    return {
        "key": node.key,
        "name": node.name,
        "kind": node.kind,
        "outlook": forecast.outlook,
        "reason": forecast.reason,
        "needs": list(node.needs),
        "matrix": node.matrix,
        "labels": list(node.labels),
        "environment": node.environment,
        "jobs": [_job(child) for child in forecast.children],
    }


def _print(request: Request, decision: Decision, forecasts: Sequence[Forecast]) -> None:
    verb = "starts" if decision.matched else "does not start"
    tree = Tree(Text(f"{request.path} {verb}: {decision.reason}"))
    _grow(tree, forecasts)
    # A pipe has no width: a reason that is cut off there would be lost.
    Console(highlight=False, width=None if sys.stdout.isatty() else _UNBOUNDED).print(tree)


def _grow(tree: Tree, forecasts: Sequence[Forecast]) -> None:
    for forecast in forecasts:
        words = Text.assemble(
            (forecast.node.name, "bold"),
            " ",
            (_WORDS[forecast.outlook], _STYLES[forecast.outlook]),
            "".join(_details(forecast)),
        )
        _grow(tree.add(words), forecast.children)


def _shown(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _details(forecast: Forecast) -> Iterator[str]:
    if forecast.reason:
        yield f" ({forecast.reason})"
    if forecast.node.matrix:
        pairs = ", ".join(f"{key}={_shown(value)}" for key, value in forecast.node.matrix.items())
        yield f" [{pairs}]"
    if forecast.node.environment:
        yield f" → {forecast.node.environment}"
