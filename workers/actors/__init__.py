"""What is done about each message of the catalogue: exactly one actor for each."""

from collections.abc import Mapping
from typing import Any

from app.jobs.catalog import (
    CancelExecution,
    CancelOverlapped,
    CleanUpArtifacts,
    DeliverNotification,
    FollowRun,
    InstallHook,
    MergeLogs,
    Message,
    NotifyApproval,
    NotifyEnded,
    NotifyHeld,
    PassExecution,
    PassGate,
    ReleaseGroups,
    RemoveHook,
    ReportStatus,
    RunJob,
    RunPeriodic,
    StartFires,
    SyncPipelines,
    SyncSchedules,
)
from workers.actors import (
    artifacts,
    chains,
    groups,
    jobs,
    logs,
    notifications,
    periodic,
    repositories,
    schedules,
)
from workers.actors.actor import Actor

ACTORS: Mapping[type[Message], Actor[Any]] = {
    # The runner owns every time-out and every retry of a job; a failure here is a bug of ours, and
    # the sweeps see to the job.
    RunJob: Actor(jobs.run_job, max_retries=0),
    PassGate: Actor(groups.pass_gate, max_retries=8, backoff_s=1.0),
    PassExecution: Actor(groups.pass_execution, max_retries=8, backoff_s=1.0),
    ReleaseGroups: Actor(groups.release_groups, max_retries=8, backoff_s=1.0),
    CancelExecution: Actor(groups.cancel_execution, max_retries=8, backoff_s=1.0),
    SyncPipelines: Actor(repositories.sync_pipelines, max_retries=6, backoff_s=2.0),
    InstallHook: Actor(repositories.install_hook, max_retries=8, backoff_s=5.0),
    RemoveHook: Actor(repositories.remove_hook, max_retries=8, backoff_s=5.0),
    ReportStatus: Actor(repositories.report_status, max_retries=10, backoff_s=2.0),
    FollowRun: Actor(chains.follow_run, max_retries=8, backoff_s=1.0),
    MergeLogs: Actor(logs.merge_logs, max_retries=3, backoff_s=60.0),
    CleanUpArtifacts: Actor(artifacts.clean_up_artifacts, max_retries=3, backoff_s=60.0),
    # What failed is kept with its run, and done again in the next period.
    RunPeriodic: Actor(periodic.run_periodic, max_retries=3, backoff_s=60.0),
    NotifyEnded: Actor(notifications.notify_ended, max_retries=8, backoff_s=1.0),
    NotifyApproval: Actor(notifications.notify_approval, max_retries=8, backoff_s=1.0),
    NotifyHeld: Actor(notifications.notify_held, max_retries=8, backoff_s=1.0),
    # What the other side says is an outcome, and tried again as the delivery says.
    DeliverNotification: Actor(notifications.deliver_notification, max_retries=8, backoff_s=5.0),
    # The timetable orders again what is still pending.
    StartFires: Actor(schedules.start_fires, max_retries=3, backoff_s=5.0),
    CancelOverlapped: Actor(schedules.cancel_overlapped, max_retries=8, backoff_s=1.0),
    SyncSchedules: Actor(schedules.sync_schedules, max_retries=8, backoff_s=1.0),
}

__all__ = ["ACTORS", "Actor"]
