"""Generated pipelines: any graph, with every rule that the machine knows."""

from typing import Any

from hypothesis import strategies as st

from app.engine.definition import (
    Concurrency,
    Definition,
    Environment,
    Input,
    Job,
    Retry,
    Strategy,
    Triggers,
)
from tests.engine.machine.driver import file, job

CALLED = "./called.yml"
OUTPUTS = {"m": '{"n": [1, 2]}'}
"""What every finished job gives, so that a matrix can be made of it."""

_CONDITIONS = (
    "true",
    "false",
    "success()",
    "failure()",
    "always()",
    "cancelled()",
    "!cancelled()",
    "success() || failure()",
    "always() && !cancelled()",
)
_RETRIES = (
    Retry(),
    Retry(max_attempts=2),
    Retry(max_attempts=3, delay_seconds=5, on=frozenset({"worker_lost", "failure"})),
)


@st.composite
def _strategies(draw: st.DrawFn, needs: list[str], *, fail_fast: bool) -> Strategy:
    kind = draw(st.sampled_from(["none", "none", "known", "computed"]))
    if kind == "none":
        return Strategy()
    rules: dict[str, Any] = {
        "fail_fast": fail_fast and draw(st.booleans()),
        "max_parallel": draw(st.sampled_from([None, None, 1, 2])),
    }
    if kind == "known" or not needs:
        return Strategy(matrix={"n": [1, 2, 3]}, **rules)
    return Strategy(matrix=f"${{{{ fromJSON(needs.{needs[0]}.outputs.m) }}}}", **rules)


@st.composite
def _jobs(draw: st.DrawFn, index: int, *, fail_fast: bool, calls: bool) -> Job:
    earlier = [f"j{number}" for number in range(index)]
    needs = draw(st.lists(st.sampled_from(earlier), unique=True, max_size=3)) if earlier else []
    fields: dict[str, Any] = {
        "condition": draw(st.sampled_from((None, None, None, *_CONDITIONS))),
        "strategy": draw(_strategies(needs, fail_fast=fail_fast)),
    }
    if draw(st.booleans()) and draw(st.booleans()):
        fields["concurrency"] = Concurrency(f"group-{index % 2}")
    if calls and draw(st.integers(0, 3)) == 0:
        return job(f"j{index}", *needs, uses=CALLED, with_={"v": "1"}, **fields)
    if draw(st.integers(0, 5)) == 0:
        fields["environment"] = Environment("production")
    fields["retry"] = draw(st.sampled_from(_RETRIES))
    fields["continue_on_error"] = draw(st.integers(0, 5)) == 0
    return job(f"j{index}", *needs, **fields)


@st.composite
def _files(draw: st.DrawFn, size: int, *, fail_fast: bool, calls: bool) -> dict[str, Job]:
    count = draw(st.integers(1, size))
    return {
        f"j{index}": draw(_jobs(index, fail_fast=fail_fast, calls=calls)) for index in range(count)
    }


@st.composite
def pipelines(
    draw: st.DrawFn, *, fail_fast: bool = True
) -> tuple[list[Job], dict[str, Definition]]:
    """The jobs of a file, and the file that its calls use.

    Parameters:
        fail_fast: False for pipelines whose results must not depend on who is first.
    """
    jobs = draw(_files(6, fail_fast=fail_fast, calls=True))
    called = draw(_files(3, fail_fast=fail_fast, calls=False))
    on = Triggers(call_inputs=(Input("v"),))
    return list(jobs.values()), {CALLED: file(*called.values(), on=on)}
