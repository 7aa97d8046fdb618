"""What expressions see while a job runs, and the state they see."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from app.engine.definition import Scalar, Value
from app.engine.expressions import (
    ExpressionError,
    Function,
    condition,
    evaluate,
    has_expression,
    is_truthy,
    parse_template,
    render,
    to_text,
)
from workers.executors.base import Sandbox
from workers.runner.hash_files import hash_files

MAX_HASH_ARGUMENTS = 255


class EvaluationFailed(Exception):
    """An expression of a step or job could not be evaluated; the text says which and why."""


@dataclass(slots=True)
class Scope:
    """The contexts of a job, or of a composite action in it.

    `status` is what `success()` and its siblings look at: `success`, `failure` or `cancelled`.
    `env` is what `env.*` shows: workflow, job and `$GITHUB_ENV`, one map for the whole job;
    `overlay` is what the step that uses a composite action adds for it.
    """

    fixed: Mapping[str, Any]
    github: dict[str, Any]
    sandbox: Sandbox
    env: dict[str, str] = field(default_factory=dict)
    overlay: Mapping[str, str] = field(default_factory=dict)
    steps: dict[str, Any] = field(default_factory=dict)
    failed: bool = False
    depth: int = 0
    is_cancelled: Callable[[], bool] = lambda: False

    @property
    def status(self) -> str:
        if self.is_cancelled():
            return "cancelled"
        return "failure" if self.failed else "success"

    def contexts(self, env: Mapping[str, str] | None = None) -> dict[str, Any]:
        """All contexts, with `env` of a step when it is given."""
        job = {**self.fixed.get("job", {}), "status": self.status}
        shown = {**self.env, **self.overlay, **(env or {})}
        return {**self.fixed, "github": self.github, "env": shown, "steps": self.steps, "job": job}

    async def value(self, value: Value, what: str, env: Mapping[str, str] | None = None) -> Any:
        """A value with its expressions evaluated; a whole expression keeps its type.

        Raises:
            EvaluationFailed: `what` names the key in the message.
        """
        if isinstance(value, Mapping):
            return {
                key: await self.value(item, f"{what}.{key}", env) for key, item in value.items()
            }
        if isinstance(value, list | tuple):
            return [await self.value(item, what, env) for item in value]
        if not isinstance(value, str) or not has_expression(value):
            return value
        return await self._run(what, value, lambda: self._render(value, env))

    async def text(self, value: Scalar, what: str, env: Mapping[str, str] | None = None) -> str:
        """The same, as text.

        Raises:
            EvaluationFailed: `what` names the key in the message.
        """
        return to_text(await self.value(value, what, env))

    async def texts(
        self, values: Mapping[str, Scalar] | str, what: str, env: Mapping[str, str] | None = None
    ) -> dict[str, str]:
        """A map as text; it may be written as one expression.

        Raises:
            EvaluationFailed: `what` names the key in the message; also when it is no map.
        """
        found = await self.value(values, what, env)
        if found in ("", None):
            return {}
        if not isinstance(found, Mapping):
            raise EvaluationFailed(f"{what} must be a map, its expression gave {to_text(found)!r}.")
        return {str(key): to_text(item) for key, item in found.items()}

    async def holds(self, text: str | None, env: Mapping[str, str]) -> bool:
        """Whether an `if` is true.

        Raises:
            EvaluationFailed: it cannot be evaluated.
        """
        if text is None:
            return self.status == "success"
        return bool(await self._run("if", text, lambda: self._condition(text, env)))

    def would_hold(self, text: str | None, env: Mapping[str, str]) -> bool:
        """`holds` once more, for a step that runs while the job is being cancelled."""
        if text is None or "hashfiles" in text.lower():
            return False
        try:
            return self._condition(text, env)
        except ExpressionError:
            return False

    async def _run(self, what: str, text: str, work: Callable[[], Any]) -> Any:
        try:
            if "hashfiles" in text.lower():
                return await asyncio.to_thread(work)
            return work()
        except ExpressionError as error:
            raise EvaluationFailed(f"{what} cannot be evaluated: {error.message}.") from None

    def _render(self, text: str, env: Mapping[str, str] | None) -> Any:
        return render(parse_template(text), self.contexts(env), self._functions())

    def _condition(self, text: str, env: Mapping[str, str]) -> bool:
        return is_truthy(evaluate(condition(text), self.contexts(env), self._functions()))

    def _functions(self) -> Mapping[str, Function | Callable[..., object]]:
        return {
            "success": lambda: self.status == "success",
            "failure": lambda: self.status == "failure",
            "cancelled": lambda: self.status == "cancelled",
            "always": lambda: True,
            "hashFiles": Function("hashFiles", 1, MAX_HASH_ARGUMENTS, self._hash_files),
        }

    def _hash_files(self, *patterns: object) -> str:
        self.sandbox.take_over()
        return hash_files(
            Path(self.sandbox.paths.workspace),
            [to_text(pattern) for pattern in patterns],
            self.sandbox.open_file,
        )
