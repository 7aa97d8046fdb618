"""Matrices: known and computed ones, fail-fast, max-parallel, results and outputs."""

from dataclasses import replace
from typing import Any

import pytest

from app.engine.definition import Concurrency, Strategy
from app.engine.machine import job_contexts, needs_context, scope_of
from app.engine.machine.types import StopJob
from tests.engine.machine.driver import Run, file, job


def matrix(count: int, **strategy: Any) -> Strategy:
    """A matrix of that many jobs, over `n`."""
    return Strategy(matrix={"n": list(range(count))}, **strategy)


def computed(**strategy: Any) -> Strategy:
    """A matrix that the job `plan` gives as its output `matrix`."""
    return Strategy(matrix="${{ fromJSON(needs.plan.outputs.matrix) }}", **strategy)


class TestKnownMatrix:
    def test_there_is_one_node_for_each_combination(self) -> None:
        run = Run(job("t", strategy=matrix(3)), job("after", "t"))
        assert list(run.statuses) == ["t[0]", "t[1]", "t[2]", "after"]
        assert run.node("t[1]").name == "t (1)"
        assert run.node("t[1]").matrix == {"n": 1}
        assert run.node("after").status == "blocked"

    def test_dependents_wait_for_all(self) -> None:
        run = Run(job("t", strategy=matrix(2)), job("after", "t"))
        run.run("t[1]")
        assert run.statuses["after"] == "blocked"
        run.run("t[0]")
        assert run.statuses["after"] == "queued"

    def test_the_last_output_that_is_not_empty_counts(self) -> None:
        run = Run(job("t", strategy=matrix(3)), job("after", "t"))
        run.run("t[2]", x="", y="two")
        run.run("t[0]", x="zero", y="zero")
        run.run("t[1]", x="one")
        outputs = needs_context(run.snapshot, run.node("after"))["t"]["outputs"]
        assert outputs == {"x": "one", "y": "two"}

    def test_what_a_worker_gets(self) -> None:
        run = Run(
            job("a"),
            job("t", "a", strategy=matrix(2, max_parallel=1)),
            contexts={"github": {"ref": "r"}, "inputs": {"i": 1}, "vars": {"v": "w"}},
        )
        run.run("a", x="1")
        assert job_contexts(run.snapshot, run.node("t[1]")) == {
            "github": {"ref": "r"},
            "inputs": {"i": 1},
            "vars": {"v": "w"},
            "needs": {"a": {"result": "success", "outputs": {"x": "1"}}},
            "matrix": {"n": 1},
            "strategy": {"fail-fast": True, "job-index": 1, "job-total": 2, "max-parallel": 1},
        }

    def test_a_job_without_a_matrix_has_none(self) -> None:
        contexts = job_contexts((run := Run(job("a"))).snapshot, run.node("a"))
        assert contexts["matrix"] is None
        assert contexts["strategy"] == {
            "fail-fast": True,
            "job-index": 0,
            "job-total": 1,
            "max-parallel": 1,
        }


class TestParts:
    """A claim loads only a part of an execution: that has to be enough, or to fail."""

    def test_the_node_what_it_needs_and_its_call_are_enough(self) -> None:
        strategy = Strategy(matrix="${{ fromJSON(needs.plan.outputs.m) }}")
        files = {"./x.yml": file(job("plan"), job("t", "plan", strategy=strategy))}
        run = Run(job("before"), job("c", uses="./x.yml"), files=files)
        run.run("c/plan", m='{"n": [1, 2]}')
        node = run.node("c/t[1]")
        assert scope_of(node) == "c"
        wanted = [one for one in run.snapshot.nodes if one.key in {"c", "c/plan", "c/t[1]"}]
        part = replace(run.snapshot, nodes=tuple(wanted))
        assert job_contexts(part, node) == job_contexts(run.snapshot, node)

    def test_less_is_an_error(self) -> None:
        run = Run(job("a"), job("b", "a"))
        run.run("a")
        part = replace(run.snapshot, nodes=(run.node("b"),))
        with pytest.raises(KeyError, match="no node of the job 'a'"):
            job_contexts(part, run.node("b"))


class TestFailFast:
    def test_the_first_failure_stops_the_rest(self) -> None:
        run = Run(job("t", strategy=matrix(4, max_parallel=3)), job("other"))
        run.claim("t[0]", "t[1]")
        run.finish("t[0]", "failure")
        assert run.commands == (StopJob("t[1]", 1),)
        assert run.statuses == {
            "t[0]": "failure",
            "t[1]": "cancelling",
            "t[2]": "cancelled",
            "t[3]": "cancelled",
            "other": "queued",
        }
        assert run.node("t[3]").reason == "job `t[0]` failed and fail-fast is on (line 1)"
        run.finish("t[1]", "cancelled", "stopped")
        assert run.node("t[1]").reason == "job `t[0]` failed and fail-fast is on (line 1)"
        run.run("other")
        assert run.status == "failure"

    def test_a_finish_that_was_first_keeps_its_result(self) -> None:
        run = Run(job("t", strategy=matrix(2)))
        run.claim("t[0]", "t[1]")
        run.finish("t[0]", "failure")
        run.finish("t[1]", "success")
        assert run.statuses == {"t[0]": "failure", "t[1]": "success"}

    def test_it_can_be_off(self) -> None:
        run = Run(job("t", strategy=matrix(2, fail_fast=False)))
        run.run("t[0]", "failure")
        assert run.statuses["t[1]"] == "queued"

    def test_a_forgiven_failure_stops_nothing(self) -> None:
        run = Run(
            job("t", continue_on_error="${{ matrix.n == 0 }}", strategy=matrix(2)),
            job("after", "t"),
        )
        run.run("t[0]", "failure")
        assert run.statuses["t[1]"] == "queued"
        run.run("t[1]")
        assert run.statuses["after"] == "queued"


class TestMaxParallel:
    def test_the_rest_waits_for_a_place(self) -> None:
        run = Run(job("t", strategy=matrix(4, max_parallel=2)))
        assert run.dispatched == ["t[0]", "t[1]"]
        assert run.statuses["t[2]"] == "waiting"
        assert run.node("t[2]").reason == "waits for a place: max-parallel of `t` is 2 (line 1)"
        run.run("t[1]")
        assert run.dispatched == ["t[2]"]
        run.run("t[2]")
        assert run.dispatched == ["t[3]"]

    def test_a_gate_is_asked_only_when_there_is_a_place(self) -> None:
        strategy = matrix(2, max_parallel=1)
        run = Run(job("t", strategy=strategy, concurrency=Concurrency("g-${{ matrix.n }}")))
        assert run.gates == ["t[0]"]
        run.open_gate("t[0]")
        run.run("t[0]")
        assert run.gates == ["t[1]"]
        assert run.node("t[1]").concurrency_group == "g-1"

    def test_places_of_cancelled_jobs_are_given_on(self) -> None:
        run = Run(job("t", strategy=matrix(3, max_parallel=1, fail_fast=False)))
        run.cancel("t[0]")
        assert run.dispatched == ["t[1]"]


class TestComputedMatrix:
    def start(self, text: str, **strategy: Any) -> Run:
        """Run `plan`, which gives the matrix; `t` uses it and `after` needs `t`."""
        run = Run(job("plan"), job("t", "plan", strategy=computed(**strategy)), job("after", "t"))
        run.run("plan", matrix=text)
        return run

    def test_it_expands_when_its_needs_are_done(self) -> None:
        run = self.start('{"n": [1, 2]}')
        assert run.decision.created == ("t[0]", "t[1]")
        assert run.dispatched == ["t[0]", "t[1]"]
        assert run.statuses == {
            "plan": "success",
            "t": "running",
            "after": "blocked",
            "t[0]": "queued",
            "t[1]": "queued",
        }
        assert (run.node("t[1]").parent, run.node("t[1]").name) == ("t", "t (2)")

    def test_it_ends_with_its_jobs(self) -> None:
        run = self.start('{"n": [1, 2]}')
        run.run("t[0]", x="a")
        run.run("t[1]")
        assert run.statuses["t"] == "success"
        assert run.node("t").outputs == {"x": "a"}
        assert run.dispatched == ["after"]

    def test_one_failure_is_its_failure(self) -> None:
        run = self.start('{"n": [1, 2]}')
        run.run("t[1]", "failure")
        assert run.statuses["t"] == "failure"
        assert run.node("t").reason == "job `t[1]` failed"
        assert run.statuses["after"] == "skipped"
        assert run.status == "failure"

    @pytest.mark.parametrize(
        ("text", "reason"),
        [
            ('{"n": []}', "`matrix.n` is an empty list"),
            ('{"n": 1}', "`matrix.n` must be a list"),
            ("[]", "must be a map of lists"),
            ("{", "`strategy.matrix` of the job `t`"),
            ("", "`strategy.matrix` of the job `t`"),
        ],
    )
    def test_a_wrong_matrix_fails_with_the_reason(self, text: str, reason: str) -> None:
        run = self.start(text)
        assert run.statuses["t"] == "failure"
        assert reason in (run.node("t").reason or "")
        assert run.status == "failure"

    def test_a_matrix_with_nothing_left_is_skipped(self) -> None:
        run = self.start('{"n": [1], "exclude": [{"n": 1}]}')
        assert run.statuses["t"] == "skipped"
        assert (
            run.node("t").reason == "no combination of the matrix is left after `exclude` (line 1)"
        )

    def test_max_parallel_and_fail_fast_may_be_computed(self) -> None:
        run = self.start(
            '{"n": [1, 2]}',
            max_parallel="${{ fromJSON(needs.plan.outputs.matrix).n[0] }}",
            fail_fast="${{ needs.plan.result != 'success' }}",
        )
        assert run.statuses["t[1]"] == "waiting"
        run.run("t[0]", "failure")
        assert run.statuses["t[1]"] == "queued"

    def test_its_jobs_see_the_needs_of_the_stand_in(self) -> None:
        run = self.start('{"n": [1]}')
        assert job_contexts(run.snapshot, run.node("t[0]"))["needs"]["plan"]["result"] == "success"

    def test_cancelling_the_stand_in_cancels_its_jobs(self) -> None:
        run = self.start('{"n": [1, 2]}')
        run.claim("t[0]")
        run.cancel("t")
        assert run.statuses["t"] == "cancelling"
        assert (run.statuses["t[0]"], run.statuses["t[1]"]) == ("cancelling", "cancelled")
        run.finish("t[0]", "cancelled")
        assert run.statuses["t"] == "cancelled"


class TestLateValues:
    def test_values_that_need_others_come_when_it_is_ready(self) -> None:
        run = Run(
            job("a"),
            job(
                "b",
                "a",
                name="deploy ${{ needs.a.outputs.v }}",
                runs_on="${{ fromJSON(needs.a.outputs.labels) }}",
                timeout_minutes="${{ fromJSON(needs.a.outputs.minutes) }}",
            ),
        )
        assert run.node("b").name == "b"
        run.run("a", v="1.2", labels='["GPU", "linux"]', minutes="5")
        node = run.node("b")
        assert (node.name, node.labels, node.timeout_s) == ("deploy 1.2", ("gpu",), 300.0)

    @pytest.mark.parametrize(
        ("field", "value", "reason"),
        [
            ("timeout_minutes", "${{ github.x }}soon", "`timeout-minutes` of the job `a`"),
            ("timeout_minutes", "${{ -1 }}", "must be a number of minutes"),
            ("continue_on_error", "${{ 'maybe' }}", "must be true or false, but is `maybe`"),
            ("runs_on", "${{ fromJSON('[1]') }}", "must be a label or a list of labels"),
            ("name", "${{ fromJSON('{') }}", "`name` of the job `a` (line 1)"),
        ],
    )
    def test_a_wrong_value_fails_the_job_with_the_reason(
        self, field: str, value: str, reason: str
    ) -> None:
        run = Run(job("a", **{field: value}))
        assert run.statuses["a"] == "failure"
        assert reason in (run.node("a").reason or "")
