"""Executions that start others, on both modes: `on: workflow_run`, and the action `trigger`."""

import json
from typing import Any

import pytest

from tests.e2e.system import ENDED, System
from tests.polling import until_true

pytestmark = [
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.xdist_group("e2e"),
]

CHILD = """
on:
  workflow_dispatch:
    inputs:
      who: {type: string, default: nobody}
jobs:
  greet:
    runs-on: ubuntu-latest
    outputs:
      greeting: ${{ steps.it.outputs.greeting }}
    steps:
      - id: it
        run: echo "greeting=hello ${{ inputs.who }}" >> "$GITHUB_OUTPUT"
"""


async def slug_of(system: System, pipeline_id: str) -> str:
    async with system.client() as client:
        slug: str = (await client.get(f"/pipelines/{pipeline_id}")).json()["slug"]
        return slug


async def executions(system: System, pipeline_id: str) -> list[dict[str, Any]]:
    async with system.client() as client:
        answer = await client.get("/executions", params={"pipeline_id": pipeline_id})
        found: list[dict[str, Any]] = answer.json()["items"]
        return found


async def test_the_end_of_a_run_starts_who_waits_for_it(system: System) -> None:
    first = await system.pipeline("steps: [{run: exit 3}]")
    slug = await slug_of(system, first)
    waiting = await system.pipeline(
        f"on:\n  workflow_run: {{workflows: [{slug}], types: [completed]}}\n"
        "steps:\n"
        "  - run: test '${{ github.event.workflow_run.conclusion }}' = failure\n"
    )
    await system.ended(await system.trigger(first))

    async def has_ended() -> bool:
        found = await executions(system, waiting)
        return bool(found) and found[0]["status"] in ENDED

    await until_true(has_ended, within_s=60)
    (found,) = await executions(system, waiting)
    assert (found["status"], found["event"]) == ("success", "workflow_run")


async def test_a_step_starts_another_pipeline_and_has_its_outputs(system: System) -> None:
    slug = await slug_of(system, await system.pipeline(CHILD))
    detail = await system.run(
        "steps:\n"
        f"  - uses: trigger\n    id: it\n    with: {{pipeline: {slug}, inputs: 'who: Ada'}}\n"
        "  - run: echo '${{ steps.it.outputs.outputs }}' > out && grep -q 'hello Ada' out\n"
    )
    assert detail["status"] == "success", json.dumps(detail)
