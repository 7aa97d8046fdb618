"""Reads the `action.yml` of an action that lies in the workspace.

GitHub documentation "Metadata syntax".
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from app.engine.definition import Position, Scalar, Step
from app.engine.document.compose import Unreadable, compose
from app.engine.document.nodes import Node, child, items, plain, position
from workers.executors.base import Sandbox

NAMES = ("action.yml", "action.yaml")
MAX_BYTES = 1 << 20
_STEP_KEYS = frozenset(
    {"continue-on-error", "env", "id", "if", "name", "run", "shell", "uses", "with"}
    | {"working-directory"}
)


class ActionIsInvalid(Exception):
    """There is no usable action at this place; the text says what is wrong and where."""


@dataclass(frozen=True, slots=True)
class ActionInput:
    """One entry of `inputs`."""

    required: bool = False
    default: Scalar = None
    deprecation: str | None = None


@dataclass(frozen=True, slots=True)
class ActionFile:
    """An action of the workspace. `steps` is for composite actions, the scripts for JavaScript."""

    folder: Path
    using: str
    inputs: Mapping[str, ActionInput] = field(default_factory=dict)
    outputs: Mapping[str, Scalar] = field(default_factory=dict)
    steps: tuple[Step, ...] = ()
    main: str | None = None
    pre: str | None = None
    pre_if: str = "always()"
    post: str | None = None
    post_if: str = "always()"


def read_action(sandbox: Sandbox, uses: str) -> ActionFile:
    """The action at `./path` of the workspace.

    Raises:
        ActionIsInvalid: there is none, or it cannot be used.
    """
    folder = Path(sandbox.paths.workspace, uses)
    text, name = _read(sandbox, folder, uses)
    try:
        root = compose(text).root
    except Unreadable as error:
        place = error.diagnostic.position
        raise ActionIsInvalid(
            f"{uses}/{name}, line {place.line}: {error.diagnostic.message}"
        ) from None
    try:
        return _action(folder, root)
    except ActionIsInvalid as error:
        raise ActionIsInvalid(f"{uses}/{name}: {error}") from None


def _read(sandbox: Sandbox, folder: Path, uses: str) -> tuple[str, str]:
    for name in NAMES:
        try:
            content = sandbox.read_file(folder / name, MAX_BYTES)
        except OSError:
            continue
        if len(content) > MAX_BYTES:
            raise ActionIsInvalid(f"{uses}/{name} is larger than 1 MiB.")
        return content.decode("utf-8", "replace"), name
    raise ActionIsInvalid(
        f"There is no action.yml in {uses!r} of the workspace. Run checkout before the step, or"
        " correct the path."
    )


def _action(folder: Path, root: Node) -> ActionFile:
    top = _map(plain(root), "the file")
    runs = _map(top.get("runs"), "runs")
    using = str(runs.get("using", "")).lower()
    outputs = {
        name: _map(value, f"outputs.{name}").get("value")
        for name, value in _map(top.get("outputs"), "outputs").items()
    }
    action = ActionFile(folder, using, _inputs(top.get("inputs")), outputs)
    if using == "composite":
        return replace(action, steps=_steps(items(child(child(root, "runs"), "steps"))))
    if using.startswith("node"):
        if not runs.get("main"):
            raise ActionIsInvalid("runs.main is missing")
        return replace(
            action,
            main=str(runs["main"]),
            pre=_text(runs.get("pre")),
            pre_if=_condition(runs.get("pre-if")) or "always()",
            post=_text(runs.get("post")),
            post_if=_condition(runs.get("post-if")) or "always()",
        )
    raise ActionIsInvalid(
        f"runs.using is {using!r}; this worker runs 'composite' and, where Node.js is installed,"
        " 'node20' and its like"
    )


def _inputs(value: Any) -> dict[str, ActionInput]:
    inputs = {}
    for name, entry in _map(value, "inputs").items():
        fields = _map(entry, f"inputs.{name}")
        required = fields.get("required") in (True, "true")
        deprecation = fields.get("deprecationMessage")
        inputs[name] = ActionInput(required, fields.get("default"), deprecation)
    return inputs


def _steps(nodes: Sequence[Node]) -> tuple[Step, ...]:
    return tuple(_step(index, node) for index, node in enumerate(nodes))


def _step(index: int, node: Node) -> Step:
    where = position(node)
    fields = _map(plain(node), "a step", where)
    if unknown := sorted(set(fields) - _STEP_KEYS):
        raise ActionIsInvalid(f"line {where.line}: a step has no key {unknown[0]!r} here")
    if ("run" in fields) == ("uses" in fields):
        raise ActionIsInvalid(f"line {where.line}: a step needs either 'run' or 'uses'")
    if "run" in fields and not fields.get("shell"):
        raise ActionIsInvalid(f"line {where.line}: 'shell' is required in a composite action")
    environment = fields.get("env") or {}
    return Step(
        index=index,
        position=where,
        id=_text(fields.get("id")),
        name=_text(fields.get("name")),
        condition=_condition(fields.get("if")),
        run=_text(fields.get("run")),
        shell=_text(fields.get("shell")),
        working_directory=_text(fields.get("working-directory")),
        uses=_text(fields.get("uses")),
        with_=_map(fields.get("with"), "with", where),
        env=environment if isinstance(environment, str) else _map(environment, "env", where),
        continue_on_error=fields.get("continue-on-error", False),
    )


def _condition(value: Any) -> str | None:
    if isinstance(value, bool):
        return "true" if value else "false"
    return _text(value)


def _text(value: Any) -> str | None:
    return None if value is None else str(value)


def _map(value: Any, what: str, where: Position | None = None) -> dict[str, Any]:
    if value is None:
        return {}
    if not isinstance(value, dict):
        place = f"line {where.line}: " if where else ""
        raise ActionIsInvalid(f"{place}{what} must be a map")
    return value
