"""Cancelling: what has not started ends, what runs is told to stop, what outlives it runs on."""

import pytest

from app.engine.definition import Concurrency, Environment, Retry
from app.engine.machine.types import ExecutionStarted, ReleaseGroup, StopJob
from tests.engine.machine.driver import Run, job


class TestCancelExecution:
    def test_what_has_not_started_ends_at_once(self) -> None:
        run = Run(job("a"), job("b", "a"), job("c", environment=Environment("x")))
        run.cancel()
        assert set(run.statuses.values()) == {"cancelled"}
        assert {node.reason for node in run.snapshot.nodes} == {"cancelled by ann"}
        assert (run.status, run.snapshot.reason) == ("cancelled", "cancelled by ann")

    def test_what_runs_is_told_to_stop(self) -> None:
        run = Run(job("a"), job("b", "a"))
        run.claim("a")
        run.cancel()
        assert run.commands == (StopJob("a", 1),)
        assert run.statuses == {"a": "cancelling", "b": "cancelled"}
        assert run.status == "cancelling"
        run.finish("a", "cancelled")
        assert run.status == "cancelled"
        assert run.node("a").reason == "cancelled by ann"

    def test_a_finish_that_was_first_keeps_its_result(self) -> None:
        run = Run(job("a"))
        run.claim("a")
        run.finish("a")
        before = run.snapshot
        run.cancel()
        assert run.snapshot is before

    def test_a_job_that_ends_well_all_the_same_is_a_success(self) -> None:
        run = Run(job("a"), job("b", "a"))
        run.claim("a")
        run.cancel()
        run.finish("a")
        assert run.statuses["a"] == "success"
        assert run.status == "cancelled"

    @pytest.mark.parametrize("condition", ["always()", "cancelled()", "!success() && always()"])
    def test_jobs_that_outlive_it_still_run(self, condition: str) -> None:
        run = Run(job("a"), job("clean", "a", condition=condition))
        run.claim("a")
        run.cancel()
        assert run.statuses["clean"] == "blocked"
        run.finish("a", "cancelled")
        assert run.statuses["clean"] == "queued"
        assert run.status == "cancelling"
        run.run("clean")
        assert run.status == "cancelled"

    @pytest.mark.parametrize("condition", ["failure()", "!failure()", "true", "success()"])
    def test_other_conditions_do_not(self, condition: str) -> None:
        run = Run(job("a"), job("b", "a", condition=condition))
        run.claim("a")
        run.cancel()
        assert run.statuses["b"] == "cancelled"

    def test_a_false_condition_does_not_outlive_it(self) -> None:
        run = Run(job("a", condition="always() && github.ref == 'x' || cancelled() && false"))
        assert run.statuses["a"] == "skipped"
        run = Run(job("a", condition="always() && !cancelled()"))
        assert run.statuses["a"] == "queued"
        run.cancel()
        assert run.statuses["a"] == "cancelled"

    def test_a_running_job_that_outlives_it_is_not_stopped(self) -> None:
        run = Run(job("a"), job("clean", condition="always()"))
        run.claim("a", "clean")
        run.cancel()
        assert run.statuses == {"a": "cancelling", "clean": "running"}
        assert run.commands == (StopJob("a", 1),)

    def test_it_is_judged_when_its_turn_comes(self) -> None:
        condition = "always() && needs.a.result == 'cancelled'"
        run = Run(job("a"), job("b", "a", condition=condition))
        run.claim("a")
        run.cancel()
        assert run.statuses["b"] == "blocked"
        run.finish("a", "cancelled")
        assert run.statuses["b"] == "queued"

    def test_an_execution_whose_jobs_all_ended_well_was_cancelled_all_the_same(self) -> None:
        run = Run(job("a"))
        run.claim("a")
        run.cancel()
        run.finish("a")
        assert (run.statuses["a"], run.status) == ("success", "cancelled")

    def test_the_second_cancel_stops_everything(self) -> None:
        run = Run(job("a"), job("b", condition="always()"), job("c", "b", condition="always()"))
        run.claim("a", "b")
        run.cancel()
        run.cancel()
        assert run.commands == (StopJob("a", 1, force=True), StopJob("b", 1, force=True))
        assert run.statuses == {"a": "cancelling", "b": "cancelling", "c": "cancelled"}
        before = run.snapshot
        run.cancel()
        assert run.snapshot is before

    def test_failure_counts_more_than_the_cancel(self) -> None:
        run = Run(job("a"), job("b"))
        run.run("a", "failure")
        run.cancel()
        assert run.status == "failure"

    def test_a_group_that_it_held_or_wanted_is_given_back(self) -> None:
        run = Run(job("a", concurrency=Concurrency("g")))
        run.cancel()
        assert run.commands == (ReleaseGroup("a", "g"),)

    @pytest.mark.parametrize("how", ["lose", "hand_back", "fail"])
    def test_nothing_is_tried_again(self, how: str) -> None:
        run = Run(job("a", retry=Retry(max_attempts=5)))
        run.claim("a")
        run.cancel()
        if how == "fail":
            run.finish("a", "failure")
        else:
            getattr(run, how)("a")
        assert run.statuses["a"] == "cancelled"
        assert run.node("a").attempt == 1
        assert run.node("a").reason == "cancelled by ann"

    def test_nor_a_job_that_outlived_it(self) -> None:
        run = Run(job("a", condition="always()"))
        run.claim("a")
        run.cancel()
        run.lose("a")
        assert run.statuses["a"] == "cancelled"

    def test_an_execution_that_never_started_ends(self) -> None:
        run = Run(job("a"), job("b", "a", condition="always()"), start=False)
        run.cancel()
        assert (run.status, run.commands) == ("cancelled", ())

    def test_nor_does_a_rerun_that_was_not_admitted_start(self) -> None:
        run = Run(job("a"), job("b", condition="always()"))
        run.run("a")
        run.run("b", "failure")
        run.rerun("b", admitted=False)
        run.cancel()
        assert run.statuses == {"a": "success", "b": "cancelled"}
        assert run.status == "cancelled"


class TestCancelOneJob:
    def test_the_others_run_on(self) -> None:
        run = Run(job("a"), job("b"), job("c", "a"))
        run.claim("a", "b")
        run.cancel("a")
        assert run.commands == (StopJob("a", 1),)
        assert run.statuses == {"a": "cancelling", "b": "running", "c": "blocked"}
        assert run.status == "running"
        run.finish("a", "cancelled")
        assert run.statuses["c"] == "skipped"
        assert "job `a` was cancelled" in (run.node("c").reason or "")
        run.finish("b")
        assert run.status == "cancelled"

    def test_before_the_start_nobody_gets_a_turn_by_it(self) -> None:
        run = Run(job("a"), job("b", "a", condition="always()"), job("c"), start=False)
        run.cancel("a")
        assert run.statuses == {"a": "cancelled", "b": "blocked", "c": "blocked"}
        run.send(ExecutionStarted())
        assert run.dispatched == ["b", "c"]

    def test_a_cancelled_node_is_not_restarted(self) -> None:
        run = Run(job("a"), job("b"))
        run.claim("a")
        run.cancel("a")
        run.lose("a")
        assert run.statuses["a"] == "cancelled"

    def test_the_second_time_it_is_killed(self) -> None:
        run = Run(job("a"))
        run.claim("a")
        run.cancel("a")
        run.cancel("a")
        assert run.commands == (StopJob("a", 1, force=True),)

    @pytest.mark.parametrize("key", ["a", "nobody"])
    def test_ended_and_unknown_jobs_are_left_alone(self, key: str) -> None:
        run = Run(job("a"), job("b"))
        run.run("a")
        before = run.snapshot
        run.cancel(key)
        assert run.snapshot is before
