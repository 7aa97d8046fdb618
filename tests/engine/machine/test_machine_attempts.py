"""One attempt of a job: claimed, ended, tried again, lost, given back, gated."""

from datetime import timedelta

import pytest

from app.engine.definition import Concurrency, Environment, Retry
from app.engine.machine.types import (
    Dispatch,
    Event,
    GateHeld,
    GateOpened,
    GateRefused,
    HandedBack,
    JobClaimed,
    JobFinished,
    NoWorker,
    OpenGate,
    ReleaseGroup,
    WorkerLost,
)
from app.engine.states import JobStatus
from tests.engine.machine.driver import START, Run, job

PRODUCTION = Environment("production")
LOCK = Concurrency("deploy")


class TestClaimAndFinish:
    def test_a_claimed_job_runs(self) -> None:
        run = Run(job("a"))
        run.claim("a")
        assert (run.statuses["a"], run.status) == ("running", "running")

    @pytest.mark.parametrize(
        ("status", "execution"),
        [
            ("success", "success"),
            ("failure", "failure"),
            ("timed_out", "timed_out"),
            ("cancelled", "cancelled"),
        ],
    )
    def test_its_end_ends_the_execution(self, status: str, execution: str) -> None:
        run = Run(job("a"))
        run.run("a", status)
        assert (run.statuses["a"], run.status) == (status, execution)

    def test_the_execution_names_the_job_that_failed(self) -> None:
        run = Run(job("a"), job("b"))
        run.run("b", "failure")
        run.run("a")
        assert run.snapshot.reason == "job `b` failed"

    def test_a_job_cannot_finish_as_running(self) -> None:
        run = Run(job("a"))
        run.claim("a")
        with pytest.raises(ValueError, match="cannot finish with the status 'running'"):
            run.finish("a", "running")

    def test_a_worker_that_cancels_on_its_own_gives_a_reason(self) -> None:
        run = Run(job("a"))
        run.claim("a")
        run.finish("a", "cancelled", "the lease could not be renewed for 5 minutes")
        assert run.node("a").reason == "the lease could not be renewed for 5 minutes"

    def test_the_address_of_the_environment_is_kept(self) -> None:
        run = Run(job("a"))
        run.claim("a")
        run.send(JobFinished("a", 1, JobStatus.SUCCESS, environment_url="https://x.example"))
        assert run.node("a").environment_url == "https://x.example"


class TestEventsWithoutEffect:
    @pytest.mark.parametrize(
        "event",
        [
            JobClaimed("a", 2),
            JobClaimed("a", 1),
            JobClaimed("nobody", 1),
            JobFinished("a", 2, JobStatus.FAILURE),
            JobFinished("nobody", 1, JobStatus.FAILURE),
            WorkerLost("a", 2, "lost"),
            HandedBack("a", 0),
            GateOpened("a", 1),
            GateRefused("a", 1, "no"),
            NoWorker("a", 1),
            JobFinished("b", 1, JobStatus.SUCCESS),
            WorkerLost("b", 1, "lost"),
        ],
    )
    def test_late_doubled_and_unknown_events_keep_the_very_snapshot(self, event: Event) -> None:
        run = Run(job("a"), job("b", "a"))
        run.claim("a")
        before = run.snapshot
        decision = run.send(event)
        assert decision.snapshot is before
        assert (decision.transitions, decision.created, decision.commands) == ((), (), ())


class TestRetry:
    def test_a_failure_is_tried_again_with_growing_delays(self) -> None:
        rule = Retry(max_attempts=3, delay_seconds=10, backoff=2)
        run = Run(job("a", retry=rule))
        run.run("a", "failure")
        first = START + timedelta(seconds=10)
        assert run.commands == (Dispatch("a", 2, first),)
        assert run.node("a").not_before == first
        assert run.node("a").reason == (
            "try 2 of 3 after failure, not before 2026-01-01 00:00:10+00:00"
        )
        assert run.status == "waiting"
        run.later(30)
        run.run("a", "failure")
        assert run.commands == (Dispatch("a", 3, START + timedelta(seconds=50)),)
        run.run("a", "failure")
        assert (run.statuses["a"], run.status) == ("failure", "failure")

    def test_only_named_causes_are_tried_again(self) -> None:
        run = Run(job("a", retry=Retry(max_attempts=3, on=frozenset({"timed_out"}))))
        run.run("a", "timed_out")
        assert run.statuses["a"] == "queued"
        run.run("a", "failure")
        assert run.statuses["a"] == "failure"

    def test_endless_backoff_stays_within_a_day(self) -> None:
        run = Run(job("a", retry=Retry(max_attempts=9999, delay_seconds=1, backoff=1e300)))
        for _ in range(3):
            run.run("a", "failure")
        assert run.node("a").not_before == START + timedelta(days=1)

    def test_a_try_again_gets_past_nobody_in_its_matrix(self) -> None:
        run = Run(job("a", retry=Retry(max_attempts=2)), job("b", "a"))
        run.run("a", "failure")
        assert run.statuses == {"a": "queued", "b": "blocked"}
        run.run("a")
        assert run.statuses == {"a": "success", "b": "queued"}


class TestLostWorkers:
    def test_it_restarts_up_to_the_limit(self) -> None:
        run = Run(job("a"))
        for attempt in (2, 3):
            run.claim("a")
            run.lose("a")
            assert run.commands == (Dispatch("a", attempt, None),)
        assert run.node("a").reason == "worker w1 was lost; restart 2 of 2"
        run.claim("a")
        run.lose("a")
        assert run.statuses["a"] == "failure"
        assert "restarted 2 times already" in (run.node("a").reason or "")

    def test_a_limit_of_none_restarts_nothing(self) -> None:
        run = Run(job("a"))
        run.limit_lost(0)
        run.claim("a")
        run.lose("a")
        assert run.statuses["a"] == "failure"

    def test_a_job_with_an_environment_is_not_restarted(self) -> None:
        run = Run(job("a", environment=PRODUCTION))
        run.open_gate("a")
        run.claim("a")
        run.lose("a")
        assert run.statuses["a"] == "failure"
        assert "`production`" in (run.node("a").reason or "")

    def test_unless_its_retry_names_the_cause(self) -> None:
        rule = Retry(on=frozenset({"worker_lost"}))
        run = Run(job("a", environment=PRODUCTION, retry=rule))
        run.open_gate("a")
        run.claim("a")
        run.lose("a")
        assert run.statuses["a"] == "waiting"
        assert run.gates == ["a"]

    def test_a_rule_for_lost_workers_counts_as_a_try(self) -> None:
        rule = Retry(max_attempts=2, delay_seconds=5, on=frozenset({"worker_lost", "failure"}))
        run = Run(job("a", retry=rule))
        run.claim("a")
        run.lose("a")
        assert run.node("a").not_before == START + timedelta(seconds=5)
        run.run("a", "failure")
        assert run.statuses["a"] == "failure"

    def test_lost_workers_use_up_no_tries(self) -> None:
        run = Run(job("a", retry=Retry(max_attempts=2)))
        run.claim("a")
        run.lose("a")
        run.run("a", "failure")
        assert run.statuses["a"] == "queued"
        assert run.node("a").attempt == 3


class TestHandedBack:
    def test_it_is_queued_again_and_counts_for_nothing(self) -> None:
        run = Run(job("a"))
        for attempt in range(2, 7):
            run.claim("a")
            run.hand_back("a")
            assert run.commands == (Dispatch("a", attempt, None),)
        assert (run.node("a").lost, run.node("a").retries) == (0, 0)
        assert run.node("a").reason == "handed back by a worker that shut down"

    def test_it_keeps_its_approval_and_its_group(self) -> None:
        run = Run(job("a", environment=PRODUCTION, concurrency=LOCK))
        run.open_gate("a")
        run.claim("a")
        run.hand_back("a")
        assert run.commands == (Dispatch("a", 2, None),)


class TestGates:
    def test_a_gated_job_waits_and_asks(self) -> None:
        run = Run(job("a", environment=PRODUCTION, concurrency=Concurrency("deploy", True)))
        assert run.commands == (OpenGate("a", 1, "production", "deploy", True),)
        assert run.statuses["a"] == "waiting"
        assert run.status == "waiting"
        assert run.node("a").reason == (
            "waits for the protection rules of the environment `production`"
            " and the concurrency group `deploy` (line 1)"
        )
        run.open_gate("a")
        assert run.dispatched == ["a"]
        assert run.node("a").reason is None

    def test_what_it_waits_for_can_be_named_later(self) -> None:
        run = Run(job("a", environment=PRODUCTION))
        run.send(GateHeld("a", 1, "waits for 1 of 2 approvals"))
        assert run.statuses["a"] == "waiting"
        assert run.node("a").reason == "waits for 1 of 2 approvals"
        before = run.snapshot
        assert run.send(GateHeld("a", 2, "another attempt")).snapshot is before
        run.open_gate("a")
        assert run.send(GateHeld("a", 1, "too late")).snapshot.nodes[0].reason is None

    @pytest.mark.parametrize("status", [JobStatus.FAILURE, JobStatus.CANCELLED])
    def test_a_refusal_ends_it(self, status: JobStatus) -> None:
        run = Run(job("a", environment=PRODUCTION), job("b", "a"))
        run.send(GateRefused("a", 1, "rejected by bob", status))
        assert run.statuses == {"a": status.value, "b": "skipped"}
        assert run.node("a").reason == "rejected by bob"

    def test_a_refusal_cannot_leave_it_running(self) -> None:
        run = Run(job("a", environment=PRODUCTION))
        with pytest.raises(ValueError, match="cannot have the status 'queued'"):
            run.send(GateRefused("a", 1, "no", JobStatus.QUEUED))

    def test_the_end_gives_the_group_back(self) -> None:
        run = Run(job("a", concurrency=LOCK))
        run.open_gate("a")
        run.claim("a")
        run.finish("a", "failure")
        assert run.commands == (ReleaseGroup("a", "deploy"),)

    def test_a_refused_job_no_longer_waits_for_the_group(self) -> None:
        run = Run(job("a", concurrency=LOCK))
        run.send(GateRefused("a", 1, "no"))
        assert run.commands == (ReleaseGroup("a", "deploy"),)

    def test_a_try_again_asks_again(self) -> None:
        run = Run(job("a", concurrency=LOCK, retry=Retry(max_attempts=2, delay_seconds=3)))
        run.open_gate("a")
        run.claim("a")
        run.finish("a", "failure")
        assert list(run.commands) == [
            ReleaseGroup("a", "deploy"),
            OpenGate("a", 2, None, "deploy", False),
        ]
        run.open_gate("a")
        assert list(run.commands) == [Dispatch("a", 2, START + timedelta(seconds=3))]

    def test_an_old_answer_opens_nothing(self) -> None:
        run = Run(job("a", concurrency=LOCK, retry=Retry(max_attempts=2)))
        run.open_gate("a")
        run.claim("a")
        run.finish("a", "failure")
        before = run.snapshot
        assert run.send(GateOpened("a", 1)).snapshot is before


class TestNoWorker:
    def test_it_fails_and_names_the_labels(self) -> None:
        run = Run(job("a", runs_on=("Windows-Latest", "gpu", "linux")))
        run.send(NoWorker("a", 1))
        assert run.statuses["a"] == "failure"
        assert run.node("a").reason == (
            "no worker with the labels gpu, windows-latest claimed it in time (no_worker)"
        )
