"""Claims of jobs that were made while the execution ran: their needs, inputs and matrix."""

from app.engine.states import ExecutionStatus
from tests.executions.driver import Driver
from tests.fixtures.factories import Factory

DYNAMIC = """
on: workflow_dispatch
jobs:
  list:
    runs-on: ubuntu-latest
    outputs: {parts: "${{ steps.s.outputs.parts }}"}
    steps: [{id: s, run: "true"}]
  each:
    needs: list
    runs-on: ubuntu-latest
    strategy: {matrix: {part: "${{ fromJSON(needs.list.outputs.parts) }}"}}
    steps: [{run: "true"}]
"""
CALLING = """
on: workflow_dispatch
jobs:
  before:
    runs-on: ubuntu-latest
    outputs: {v: "${{ steps.s.outputs.v }}"}
    steps: [{id: s, run: "true"}]
  call:
    needs: before
    uses: ./.ansflow/called.yml
    with: {name: "${{ needs.before.outputs.v }}"}
"""
CALLED = """
on:
  workflow_call:
    inputs: {name: {type: string}}
jobs:
  first: {runs-on: ubuntu-latest, steps: [{run: "true"}]}
  second: {needs: first, runs-on: ubuntu-latest, steps: [{run: "echo ${{ inputs.name }}"}]}
"""


async def test_a_dynamic_matrix_knows_its_needs(driver: Driver, make: Factory) -> None:
    pipeline = await make.pipeline(await make.project(), source=DYNAMIC)
    execution_id = await driver.start(pipeline.id)
    await driver.run(execution_id, "list", parts='["a","b"]')
    for index, part in enumerate("ab"):
        claimed = await driver.claim(execution_id, f"each[{index}]")
        assert claimed is not None
        assert claimed.contexts["matrix"] == {"part": part}
        assert claimed.contexts["needs"]["list"]["outputs"] == {"parts": '["a","b"]'}
        assert await driver.finish(claimed)
    assert (await driver.execution(execution_id)).status == ExecutionStatus.SUCCESS


async def test_a_called_job_knows_its_inputs_and_needs(driver: Driver, make: Factory) -> None:
    files = {"./.ansflow/called.yml": CALLED}
    pipeline = await make.pipeline(await make.project(), source=CALLING, files=files)
    execution_id = await driver.start(pipeline.id)
    await driver.run(execution_id, "before", v="seven")
    await driver.run(execution_id, "call/first")
    claimed = await driver.claim(execution_id, "call/second")
    assert claimed is not None
    assert claimed.contexts["inputs"] == {"name": "seven"}
    assert claimed.contexts["needs"]["first"]["result"] == "success"
    assert await driver.finish(claimed)
    assert await driver.statuses(execution_id) == {
        "before": "success",
        "call": "success",
        "call/first": "success",
        "call/second": "success",
    }
