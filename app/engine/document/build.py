"""Nodes that passed the checks to a typed definition."""

from collections.abc import Mapping
from typing import Literal, cast

from app.engine.definition import (
    Concurrency,
    Definition,
    Environment,
    Job,
    Position,
    Retry,
    RunDefaults,
    Scalar,
    Step,
    Strategy,
    Value,
)
from app.engine.document.build_on import scalar, text, texts, triggers
from app.engine.document.nodes import (
    MappingNode,
    Node,
    ScalarNode,
    child,
    entries,
    items,
    plain,
    position,
)
from app.engine.document.shapes import has_expression

ONLY_JOB = "main"
"""The id of the job that `steps` at the top level makes."""

_NO_RETRY = Retry()


def definition(root: Node) -> Definition:
    """The typed form of a file whose nodes passed all checks."""
    return Definition(
        jobs=_jobs(root),
        name=text(child(root, "name")),
        run_name=text(child(root, "run-name")),
        on=triggers(child(root, "on")),
        env=_values(child(root, "env")),
        defaults=_defaults(child(root, "defaults")),
        concurrency=_concurrency(child(root, "concurrency")),
        priority=cast(Literal["high", "medium", "low"], text(child(root, "priority")) or "high"),
    )


def _jobs(root: Node) -> dict[str, Job]:
    steps = child(root, "steps")
    if steps is not None:
        return {ONLY_JOB: Job(ONLY_JOB, position(steps), steps=_steps(steps))}
    jobs = entries(child(root, "jobs"))
    ids = {key.text.casefold(): key.text for key, _ in jobs}
    return {key.text: _job(key, node, ids) for key, node in jobs}


def _job(key: ScalarNode, node: Node, ids: Mapping[str, str]) -> Job:
    condition = child(node, "if")
    needs = texts(child(node, "needs")) or ()
    return Job(
        id=key.text,
        position=position(key),
        name=text(child(node, "name")),
        needs=tuple(dict.fromkeys(ids[need.casefold()] for need in needs)),
        condition=text(condition),
        condition_position=position(condition) if condition is not None else None,
        runs_on=_labels(child(node, "runs-on")),
        environment=_environment(child(node, "environment")),
        concurrency=_concurrency(child(node, "concurrency")),
        outputs=_values(child(node, "outputs")),
        env=_values_or_text(child(node, "env")),
        defaults=_defaults(child(node, "defaults")),
        strategy=_strategy(child(node, "strategy")),
        timeout_minutes=scalar(child(node, "timeout-minutes"), 360),
        continue_on_error=scalar(child(node, "continue-on-error"), False),
        container=_plain(child(node, "container")),
        services=_plain(child(node, "services")),
        uses=text(child(node, "uses")),
        with_=_values(child(node, "with")),
        secrets=_secrets(child(node, "secrets")),
        retry=_retry(child(node, "retry")),
        junit_reports=texts(child(child(node, "reports"), "junit")) or (),
        steps=_steps(child(node, "steps")),
    )


def _steps(node: Node | None) -> tuple[Step, ...]:
    return tuple(_step(index, item) for index, item in enumerate(items(node)))


def _step(index: int, node: Node) -> Step:
    return Step(
        index=index,
        position=position(node),
        id=text(child(node, "id")),
        name=text(child(node, "name")),
        condition=text(child(node, "if")),
        run=text(child(node, "run")),
        shell=text(child(node, "shell")),
        working_directory=text(child(node, "working-directory")),
        uses=text(child(node, "uses")),
        with_=_values_or_text(child(node, "with")),
        env=_values_or_text(child(node, "env")),
        continue_on_error=scalar(child(node, "continue-on-error"), False),
        timeout_minutes=scalar(child(node, "timeout-minutes")),
        retry=_retry(child(node, "retry")),
    )


def _labels(node: Node | None) -> tuple[str, ...] | str:
    if isinstance(node, MappingNode):
        return _labels(child(node, "labels"))
    if isinstance(node, ScalarNode) and has_expression(node):
        return node.text
    return texts(node) or ()


def _environment(node: Node | None) -> Environment | None:
    if isinstance(node, MappingNode):
        return Environment(text(child(node, "name")) or "", text(child(node, "url")))
    name = text(node)
    return None if name is None else Environment(name)


def _concurrency(node: Node | None) -> Concurrency | None:
    if node is None:
        return None
    if not isinstance(node, MappingNode):
        return Concurrency(text(node) or "", position=position(node))
    cancel = scalar(child(node, "cancel-in-progress"), False)
    return Concurrency(text(child(node, "group")) or "", cancel, position(node))


def _strategy(node: Node | None) -> Strategy:
    matrix = child(node, "matrix")
    return Strategy(
        matrix=None if matrix is None else plain(matrix),
        fail_fast=scalar(child(node, "fail-fast"), True),
        max_parallel=scalar(child(node, "max-parallel")),
        position=position(matrix or node) if node is not None else Position(1, 1),
    )


def _defaults(node: Node | None) -> RunDefaults:
    run = child(node, "run")
    return RunDefaults(text(child(run, "shell")), text(child(run, "working-directory")))


def _retry(node: Node | None) -> Retry:
    if node is None:
        return _NO_RETRY
    causes = texts(child(node, "on"))
    return Retry(
        max_attempts=int(_number(node, "max-attempts", 1)),
        delay_seconds=float(_number(node, "delay-seconds", 0)),
        backoff=float(_number(node, "backoff", 1)),
        on=_NO_RETRY.on if causes is None else frozenset(causes),
    )


def _number(node: Node, key: str, default: float) -> float:
    value = scalar(child(node, key), default)
    return value if isinstance(value, int | float) else default


def _secrets(node: Node | None) -> Mapping[str, Scalar] | Literal["inherit"]:
    return "inherit" if isinstance(node, ScalarNode) else _values(node)


def _values(node: Node | None) -> dict[str, Scalar]:
    return {key.text: scalar(value) for key, value in entries(node)}


def _values_or_text(node: Node | None) -> dict[str, Scalar] | str:
    return node.text if isinstance(node, ScalarNode) else _values(node)


def _plain(node: Node | None) -> Value:
    return None if node is None else plain(node)
