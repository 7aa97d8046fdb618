"""Running again: all of it, what failed, and what stands for others."""

from app.engine.definition import Concurrency, Retry, Strategy
from app.engine.machine import failed_keys
from app.engine.machine.types import Dispatch, ExecutionStarted
from tests.engine.machine.driver import Run, file, job

CALLED = "./called.yml"


class TestRerun:
    def test_all_of_it(self) -> None:
        run = Run(job("a"), job("b", "a"))
        run.run("a", x="1")
        run.run("b", "failure")
        run.rerun()
        assert run.commands == (Dispatch("a", 2, None),)
        assert run.statuses == {"a": "queued", "b": "blocked"}
        assert (run.node("a").outputs, run.node("b").attempt) == ({}, 2)
        assert (run.status, run.snapshot.reason) == ("queued", None)
        run.run("a")
        run.run("b")
        assert run.status == "success"

    def test_what_failed_and_what_depends_on_it(self) -> None:
        run = Run(job("a"), job("b", "a"), job("c", "b"), job("d", "a"))
        run.run("a", x="1")
        run.run("b", "failure")
        run.run("d")
        assert failed_keys(run.snapshot) == {"b"}
        run.rerun("b")
        assert run.statuses == {"a": "success", "b": "queued", "c": "blocked", "d": "success"}
        assert run.node("a").outputs == {"x": "1"}
        assert {node.key: node.attempt for node in run.snapshot.nodes} == {
            "a": 1,
            "b": 2,
            "c": 2,
            "d": 1,
        }
        assert run.status == "running"

    def test_one_job_of_a_matrix(self) -> None:
        strategy = Strategy(matrix={"n": [1, 2]}, fail_fast=False)
        run = Run(job("t", strategy=strategy), job("z", "t"))
        run.run("t[0]")
        run.run("t[1]", "failure")
        run.rerun(*failed_keys(run.snapshot))
        assert run.statuses == {"t[0]": "success", "t[1]": "queued", "z": "blocked"}

    def test_a_cancelled_execution_starts_afresh(self) -> None:
        run = Run(job("a"), job("b", "a"))
        run.claim("a")
        run.cancel()
        run.finish("a", "cancelled")
        assert failed_keys(run.snapshot) == {"a", "b"}
        run.rerun(*failed_keys(run.snapshot))
        assert run.statuses == {"a": "queued", "b": "blocked"}
        assert not run.snapshot.cancel_requested
        run.run("a")
        run.run("b")
        assert run.status == "success"

    def test_tries_and_lost_workers_count_from_the_start(self) -> None:
        run = Run(job("a", retry=Retry(max_attempts=2)))
        run.run("a", "failure")
        run.run("a", "failure")
        run.rerun()
        run.run("a", "failure")
        assert (run.statuses["a"], run.node("a").attempt) == ("queued", 4)

    def test_it_asks_for_approvals_again(self) -> None:
        run = Run(job("a", concurrency=Concurrency("g")))
        run.open_gate("a")
        run.run("a")
        run.rerun()
        assert run.gates == ["a"]

    def test_without_admission_nothing_starts(self) -> None:
        run = Run(job("a"), job("b", "a"))
        run.run("a")
        run.run("b")
        run.rerun(admitted=False)
        assert (run.commands, run.status) == ((), "waiting")
        run.send(ExecutionStarted())
        assert run.dispatched == ["a"]

    def test_only_finished_executions_run_again(self) -> None:
        run = Run(job("a"), job("b"))
        run.run("a")
        before = run.snapshot
        run.rerun()
        assert run.snapshot is before

    def test_unknown_keys_do_nothing(self) -> None:
        run = Run(job("a"))
        run.run("a")
        before = run.snapshot
        run.rerun("nobody")
        assert run.snapshot is before


class TestRerunOfStandIns:
    def start(self) -> Run:
        """`t` has the matrix that `plan` gives."""
        strategy = Strategy(matrix="${{ fromJSON(needs.plan.outputs.m) }}", fail_fast=False)
        run = Run(job("plan"), job("t", "plan", strategy=strategy), job("z", "t"))
        run.run("plan", m='{"n": [1, 2, 3]}')
        run.run("t[0]")
        run.run("t[1]", "failure")
        run.run("t[2]", "failure")
        assert run.status == "failure"
        return run

    def test_its_failed_jobs_alone(self) -> None:
        run = self.start()
        assert failed_keys(run.snapshot) == {"t[1]", "t[2]"}
        run.rerun("t[1]", "t[2]")
        assert run.statuses == {
            "plan": "success",
            "t": "running",
            "z": "blocked",
            "t[0]": "success",
            "t[1]": "queued",
            "t[2]": "queued",
        }
        run.run("t[1]")
        run.run("t[2]")
        run.run("z")
        assert run.status == "success"

    def test_a_smaller_matrix_skips_the_rest(self) -> None:
        run = self.start()
        run.rerun()
        assert run.statuses["t[0]"] == "blocked"
        run.run("plan", m='{"n": [9, 8]}')
        assert run.decision.created == ()
        assert run.node("t[0]").matrix == {"n": 9}
        assert (run.node("t[0]").attempt, run.statuses["t[0]"]) == (2, "queued")
        assert run.statuses["t[2]"] == "skipped"
        assert "no longer a job of `t`" in (run.node("t[2]").reason or "")
        run.run("t[0]")
        run.run("t[1]")
        run.run("z")
        assert run.status == "success"

    def test_a_larger_matrix_creates_the_new_ones(self) -> None:
        run = self.start()
        run.rerun("plan")
        run.run("plan", m='{"n": [1, 2, 3, 4]}')
        assert run.decision.created == ("t[3]",)
        assert run.dispatched == ["t[0]", "t[1]", "t[2]", "t[3]"]

    def test_what_does_not_come_again_ends_with_its_stand_in(self) -> None:
        run = self.start()
        run.rerun()
        run.run("plan", "failure")
        assert run.statuses == {
            "plan": "failure",
            "t": "skipped",
            "z": "skipped",
            "t[0]": "skipped",
            "t[1]": "skipped",
            "t[2]": "skipped",
        }
        assert run.status == "failure"

    def test_a_cancel_before_it_is_expanded_again(self) -> None:
        run = self.start()
        run.rerun()
        run.cancel()
        assert set(run.statuses.values()) == {"cancelled"}

    def test_failed_jobs_inside_a_call(self) -> None:
        files = {CALLED: file(job("x"), job("y"), job("w", "y"))}
        run = Run(job("c", uses=CALLED), job("z", "c"), job("other"), files=files)
        run.run("other")
        run.run("c/x")
        run.run("c/y", "failure")
        assert failed_keys(run.snapshot) == {"c/y"}
        run.rerun("c/y")
        assert run.statuses == {
            "c": "running",
            "z": "blocked",
            "other": "success",
            "c/x": "success",
            "c/y": "queued",
            "c/w": "blocked",
        }
        run.run("c/y")
        run.run("c/w")
        assert run.statuses["c"] == "success"
        assert run.dispatched == ["z"]
        run.run("z")
        assert run.status == "success"

    def test_a_call_that_outlives_a_cancel_is_expanded_again(self) -> None:
        files = {CALLED: file(job("x"), job("clean", condition="always()"))}
        run = Run(job("a"), job("c", "a", uses=CALLED, condition="always()"), files=files)
        for key in ("a", "c/x", "c/clean"):
            run.run(key)
        run.rerun()
        run.claim("a")
        run.cancel()
        assert [run.statuses[key] for key in ("c", "c/x", "c/clean")] == ["blocked"] * 3
        run.finish("a", "cancelled")
        assert run.statuses["c/x"] == "cancelled"
        assert run.dispatched == ["c/clean"]
        run.run("c/clean")
        assert run.status == "cancelled"

    def test_failed_jobs_of_a_call_with_a_group_wait_for_it(self) -> None:
        files = {CALLED: file(job("x"), job("y"), job("w", "y"))}
        run = Run(job("c", uses=CALLED, concurrency=Concurrency("g")), files=files)
        run.open_gate("c")
        run.run("c/x", out="1")
        run.run("c/y", "failure")
        run.rerun(*failed_keys(run.snapshot))
        assert run.statuses == {
            "c": "waiting",
            "c/x": "success",
            "c/y": "blocked",
            "c/w": "blocked",
        }
        run.open_gate("c")
        assert run.dispatched == ["c/y"]
        assert (run.node("c/x").attempt, run.node("c/x").outputs) == (1, {"out": "1"})
        run.run("c/y")
        run.run("c/w")
        assert run.status == "success"

    def test_nothing_inside_a_call_starts_before_its_group_is_free(self) -> None:
        inner, outer = "./inner.yml", "./outer.yml"
        matrix = Strategy(matrix="${{ fromJSON(needs.x.outputs.m) }}", fail_fast=False)
        files = {
            outer: file(job("x"), job("d", "x", uses=inner), job("t", "x", strategy=matrix)),
            inner: file(job("y"), job("ok")),
        }
        run = Run(job("c", uses=outer, concurrency=Concurrency("g")), files=files)
        run.open_gate("c")
        run.run("c/x", m='{"n": [1, 2]}')
        run.run("c/d/ok")
        run.run("c/d/y", "failure")
        run.run("c/t[0]")
        run.run("c/t[1]", "failure")
        run.rerun(*failed_keys(run.snapshot))
        assert run.dispatched == []
        assert run.statuses["c/d"] == run.statuses["c/t"] == "blocked"
        run.open_gate("c")
        assert run.dispatched == ["c/d/y", "c/t[1]"]
        assert [run.statuses[key] for key in ("c/x", "c/d/ok", "c/t[0]")] == ["success"] * 3
        run.run("c/d/y")
        run.run("c/t[1]")
        assert run.status == "success"

    def test_a_cancel_while_the_call_waits_for_its_group(self) -> None:
        files = {CALLED: file(job("x"), job("y"))}
        run = Run(job("c", uses=CALLED, concurrency=Concurrency("g")), files=files)
        run.open_gate("c")
        run.run("c/x")
        run.run("c/y", "failure")
        run.rerun("c/y")
        run.cancel()
        assert run.statuses == {"c": "cancelled", "c/x": "success", "c/y": "cancelled"}


class TestRerunWithAnotherPlan:
    """What the file makes with other inputs takes the place of what it made before."""

    JOBS = (
        job("t", strategy=Strategy(matrix="${{ fromJSON(inputs.m) }}", fail_fast=False)),
        job("z", "t", name="for ${{ inputs.m }}"),
    )

    def start(self) -> Run:
        run = Run(*self.JOBS, contexts={"inputs": {"m": '{"n": [1, 2, 3]}'}})
        for key in ("t[0]", "t[1]", "t[2]", "z"):
            run.run(key)
        return run

    def test_fewer_jobs(self) -> None:
        run = self.start()
        run.replan(inputs={"m": '{"n": [7, 8]}'})
        assert run.dispatched == ["t[0]", "t[1]"]
        assert run.node("t[0]").matrix == {"n": 7}
        assert run.node("t[0]").attempt == 2
        assert run.node("z").name == 'for {"n": [7, 8]}'
        assert run.statuses["t[2]"] == "skipped"
        assert "with the inputs of this attempt" in (run.node("t[2]").reason or "")
        for key in ("t[0]", "t[1]", "z"):
            run.run(key)
        assert run.status == "success"

    def test_a_dropped_job_stays_away_until_it_is_planned_again(self) -> None:
        run = self.start()
        run.replan(inputs={"m": '{"n": [7]}'})
        for key in ("t[0]", "z"):
            run.run(key)
        run.rerun()
        assert run.statuses["t[2]"] == "skipped"
        for key in ("t[0]", "z"):
            run.run(key)
        run.replan(inputs={"m": '{"n": [4, 5, 6, 7]}'})
        assert run.dispatched == ["t[0]", "t[1]", "t[2]", "t[3]"]
        assert {key: run.node(key).attempt for key in ("t[0]", "t[1]", "t[3]")} == {
            "t[0]": 4,
            "t[1]": 3,
            "t[3]": 1,
        }
        for key in ("t[0]", "t[1]", "t[2]", "t[3]", "z"):
            run.run(key)
        assert run.status == "success"
