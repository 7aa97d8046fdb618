"""Calls of reusable workflows: expansion, inputs, outputs, results, nesting."""

from collections.abc import Mapping

import pytest

from app.engine.definition import Concurrency, Definition, Input, Strategy, Triggers
from app.engine.machine import job_contexts
from tests.engine.machine.driver import Run, file, job

CALLED = "./.github/workflows/called.yml"


def called(*jobs: object, **triggers: object) -> Mapping[str, Definition]:
    """Files with one that can be called."""
    return {CALLED: file(*jobs, on=Triggers(**triggers))}  # type: ignore[arg-type]


class TestCalls:
    def test_a_call_becomes_the_jobs_of_its_file(self) -> None:
        files = called(job("x"), job("y", "x"))
        run = Run(job("a"), job("c", "a", uses=CALLED, name="Deploy"), job("z", "c"), files=files)
        run.run("a")
        assert run.decision.created == ("c/x", "c/y")
        assert run.dispatched == ["c/x"]
        assert run.node("c/x").name == "Deploy / x"
        assert run.statuses["c"] == "running"
        run.run("c/x")
        run.run("c/y")
        assert run.statuses["c"] == "success"
        assert run.dispatched == ["z"]

    def test_computed_names_inside_begin_with_the_call(self) -> None:
        files = called(job("x"), job("y", "x", name="to ${{ needs.x.outputs.site }}"))
        run = Run(job("c", uses=CALLED), files=files)
        run.run("c/x", site="prod")
        assert run.node("c/y").name == "c / to prod"

    def test_inputs_are_typed_and_have_defaults(self) -> None:
        inputs = (
            Input("env", required=True),
            Input("count", "number"),
            Input("dry", "boolean", default=True),
            Input("ref", default="${{ github.ref }}"),
            Input("text"),
        )
        run = Run(
            job("c", uses=CALLED, with_={"env": "${{ inputs.target }}", "count": "${{ 2 }}"}),
            files=called(job("x"), call_inputs=inputs),
            contexts={"github": {"ref": "main"}, "inputs": {"target": "prod"}},
        )
        expected = {"env": "prod", "count": 2, "dry": True, "ref": "main", "text": ""}
        assert job_contexts(run.snapshot, run.node("c/x"))["inputs"] == expected

    @pytest.mark.parametrize(
        ("kind", "value", "reason"),
        [
            ("number", "many", "`with` of the job `c` (line 1): input 'i': must be a number"),
            ("boolean", "perhaps", "input 'i': must be true or false, not 'perhaps'"),
        ],
    )
    def test_a_wrong_input_fails_the_call(self, kind: str, value: str, reason: str) -> None:
        files = called(job("x"), call_inputs=(Input("i", kind),))  # type: ignore[arg-type]
        run = Run(job("c", uses=CALLED, with_={"i": value}), files=files)
        assert run.statuses == {"c": "failure"}
        assert reason in (run.node("c").reason or "")

    def test_outputs_come_from_its_jobs(self) -> None:
        files = called(job("x"), call_outputs={"v": "${{ jobs.x.outputs.v }}-${{ jobs.x.result }}"})
        run = Run(job("c", uses=CALLED), job("z", "c"), files=files)
        run.run("c/x", v="1")
        assert run.node("c").outputs == {"v": "1-success"}
        assert job_contexts(run.snapshot, run.node("z"))["needs"]["c"] == {
            "result": "success",
            "outputs": {"v": "1-success"},
        }

    def test_a_failure_inside_fails_the_call(self) -> None:
        run = Run(job("c", uses=CALLED), job("z", "c"), files=called(job("x"), job("y", "x")))
        run.run("c/x", "failure")
        assert run.statuses == {
            "c": "failure",
            "z": "skipped",
            "c/x": "failure",
            "c/y": "skipped",
        }
        assert run.node("c").reason == "job `c/x` failed"

    def test_all_skipped_inside_is_skipped(self) -> None:
        run = Run(job("c", uses=CALLED), files=called(job("x", condition="false")))
        assert run.statuses["c"] == "skipped"
        assert run.node("c").reason == "all its jobs were skipped (line 1)"

    def test_success_inside_asks_only_the_called_file(self) -> None:
        run = Run(
            job("a"), job("c", "a", uses=CALLED, condition="failure()"), files=called(job("x"))
        )
        run.run("a", "failure")
        assert run.statuses["c/x"] == "queued"

    def test_a_call_may_have_a_matrix(self) -> None:
        files = called(
            job("x", strategy=Strategy(matrix={"n": ["${{ inputs.site }}", "z"]})),
            call_inputs=(Input("site"),),
        )
        run = Run(
            job(
                "c",
                uses=CALLED,
                strategy=Strategy(matrix={"site": ["a", "b"]}, max_parallel=1),
                with_={"site": "${{ matrix.site }}"},
            ),
            files=files,
        )
        assert run.statuses == {
            "c[0]": "running",
            "c[1]": "waiting",
            "c[0]/x[0]": "queued",
            "c[0]/x[1]": "queued",
        }
        run.run("c[0]/x[0]")
        run.run("c[0]/x[1]")
        assert run.dispatched == ["c[1]/x[0]", "c[1]/x[1]"]
        assert run.node("c[1]/x[0]").matrix == {"n": "b"}

    def test_a_computed_matrix_of_calls_inside_a_call(self) -> None:
        inner = "./inner.yml"
        outer = file(
            job("p"),
            job(
                "m",
                "p",
                uses=inner,
                strategy=Strategy(matrix="${{ fromJSON(needs.p.outputs.m) }}"),
                with_={"v": "${{ needs.p.outputs.m }}"},
            ),
            job("end", "m"),
        )
        files = {
            CALLED: outer,
            inner: file(job("x"), job("y", "x"), on=Triggers(call_inputs=(Input("v"),))),
        }
        run = Run(job("c", uses=CALLED), files=files)
        run.run("c/p", m='{"n": [7]}')
        assert run.statuses["c/m[0]/x"] == "queued"
        assert job_contexts(run.snapshot, run.node("c/m[0]/x"))["inputs"] == {"v": '{"n": [7]}'}
        run.run("c/m[0]/x")
        run.run("c/m[0]/y")
        run.run("c/end")
        assert (run.statuses["c/m"], run.statuses["c"], run.status) == (
            "success",
            "success",
            "success",
        )

    def test_fail_fast_stops_the_other_calls(self) -> None:
        strategy = Strategy(matrix={"n": [1, 2]})
        run = Run(job("c", uses=CALLED, strategy=strategy), files=called(job("x"), job("y", "x")))
        run.claim("c[1]/x")
        run.run("c[0]/x", "failure")
        assert run.statuses["c[1]"] == "cancelling"
        assert run.statuses["c[1]/x"] == "cancelling"
        assert run.statuses["c[1]/y"] == "cancelled"
        run.finish("c[1]/x", "cancelled")
        assert run.statuses["c[1]"] == "cancelled"
        assert run.status == "failure"

    def test_a_call_can_wait_for_a_concurrency_group(self) -> None:
        run = Run(job("c", uses=CALLED, concurrency=Concurrency("g")), files=called(job("x")))
        assert run.statuses == {"c": "waiting"}
        run.open_gate("c")
        assert run.dispatched == ["c/x"]

    def test_cancelling_the_execution_reaches_what_is_inside(self) -> None:
        files = called(job("x"), job("y", "x"), job("clean", "x", condition="always()"))
        run = Run(job("c", uses=CALLED), job("z", "c"), files=files)
        run.claim("c/x")
        run.cancel()
        assert run.statuses == {
            "c": "cancelling",
            "z": "cancelled",
            "c/x": "cancelling",
            "c/y": "cancelled",
            "c/clean": "blocked",
        }
        run.finish("c/x", "cancelled")
        run.run("c/clean")
        assert run.statuses["c"] == "cancelled"
        assert run.status == "cancelled"
