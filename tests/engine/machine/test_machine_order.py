"""Which node has its turn when: needs, `if`, and what the status functions ask."""

import pytest

from tests.engine.machine.driver import Run, job


class TestNeeds:
    def test_only_roots_are_queued_at_the_start(self) -> None:
        run = Run(job("a"), job("b", "a"), job("c"))
        assert run.statuses == {"a": "queued", "b": "blocked", "c": "queued"}
        assert run.dispatched == ["a", "c"]
        assert run.status == "queued"
        assert run.node("b").reason == "needs `a` (line 1)"

    def test_a_diamond_runs_in_order(self) -> None:
        run = Run(job("a"), job("b", "a"), job("c", "a"), job("d", "b", "c"))
        run.claim("a")
        assert run.status == "running"
        run.finish("a")
        assert run.dispatched == ["b", "c"]
        run.run("c")
        assert run.dispatched == []
        run.run("b")
        assert run.dispatched == ["d"]
        run.run("d")
        assert run.status == "success"
        assert set(run.statuses.values()) == {"success"}

    def test_outputs_are_what_dependents_see(self) -> None:
        run = Run(job("a"), job("b", "a", condition="needs.a.outputs.go == 'yes'"))
        run.run("a", go="yes")
        assert run.statuses["b"] == "queued"


class TestConditions:
    @pytest.mark.parametrize(
        ("first", "condition", "status"),
        [
            ("success", None, "queued"),
            ("success", "true", "queued"),
            ("success", "false", "skipped"),
            ("success", "failure()", "skipped"),
            ("success", "always()", "queued"),
            ("success", "cancelled()", "skipped"),
            ("failure", None, "skipped"),
            ("failure", "true", "skipped"),
            ("failure", "failure()", "queued"),
            ("failure", "always()", "queued"),
            ("failure", "success() || failure()", "queued"),
            ("failure", "!cancelled()", "queued"),
            ("failure", "always() && needs.a.result == 'failure'", "queued"),
            ("failure", "always() && needs.a.result == 'success'", "skipped"),
            ("timed_out", "failure()", "queued"),
            ("cancelled", None, "skipped"),
            ("cancelled", "failure()", "skipped"),
            ("cancelled", "cancelled()", "queued"),
        ],
    )
    def test_if_after_one_job(self, first: str, condition: str | None, status: str) -> None:
        run = Run(job("a"), job("b", "a", condition=condition))
        run.run("a", first)
        assert run.statuses["b"] == status

    def test_a_skip_goes_down_the_whole_chain(self) -> None:
        run = Run(
            job("a", condition="false"),
            job("b", "a", condition="always()"),
            job("c", "b"),
        )
        assert run.statuses == {"a": "skipped", "b": "queued", "c": "blocked"}
        run.run("b")
        assert run.statuses["c"] == "skipped"
        assert run.node("c").reason == (
            "job `a` was skipped, and there is no `if` that says otherwise (line 1)"
        )
        assert run.status == "success"

    def test_failure_asks_all_ancestors(self) -> None:
        run = Run(
            job("a"), job("b", "a", condition="always()"), job("c", "b", condition="failure()")
        )
        run.run("a", "failure")
        run.run("b")
        assert run.statuses["c"] == "queued"

    def test_skipped_jobs_say_which_rule(self) -> None:
        run = Run(
            job("a"),
            job("b", "a", condition="github.ref == 'x'"),
            job("c", condition="github.ref == 'x'"),
            job("d", "a"),
        )
        assert run.node("c").reason == "`if` on line 12 is false"
        run.run("a", "failure")
        assert run.node("b").reason == "job `a` failed, and `if` on line 12 asks for `success()`"
        assert run.node("d").reason == (
            "job `a` failed, and there is no `if` that says otherwise (line 1)"
        )

    def test_an_if_that_cannot_be_evaluated_fails_the_job(self) -> None:
        run = Run(job("a", condition="fromJSON('{')"))
        assert run.statuses["a"] == "failure"
        assert "`if` on line 12 cannot be evaluated" in (run.node("a").reason or "")
        assert run.status == "failure"

    def test_a_forgiven_failure_is_a_success_to_others(self) -> None:
        run = Run(
            job("a", continue_on_error=True),
            job("b", "a", condition="needs.a.result == 'success'"),
        )
        run.run("a", "failure")
        assert run.statuses == {"a": "failure", "b": "queued"}
        run.run("b")
        assert run.status == "success"
