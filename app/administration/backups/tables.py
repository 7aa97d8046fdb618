"""Which tables a backup has, and why the others are not in it."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from sqlalchemy import Table

from app.core.orm import Base

INCLUDED = (
    "users",
    "identities",
    "api_tokens",
    "teams",
    "team_members",
    "projects",
    "project_teams",
    "members",
    "launchers",
    "pipelines",
    "pipeline_versions",
    "environments",
    "variables",
    "secrets",
    "credentials",
    "ansible_files",
    "ansible_file_versions",
    "global_settings",
    "repositories",
    "repository_pipelines",
    "schedules",
    "retention_rules",
    "notification_channels",
    "notification_rules",
)
"""Definitions. Their order does not matter: rows are written after those that they refer to."""

EXCLUDED: Mapping[str, str] = MappingProxyType(
    {
        "approval_requests": "part of an execution",
        "approval_votes": "part of an execution",
        "archived_chunks": "part of an execution",
        "artifacts": "made by an execution; its content is in the store",
        "audit_entries": "a history that no restore may rewrite",
        "cache_entries": "made again by the next execution",
        "commit_statuses": "what the forge was told about an execution",
        "concurrency_groups": "made again when somebody waits",
        "concurrency_members": "who runs or waits now",
        "deliveries": "what forges told, not what is defined",
        "delivery_results": "part of a delivery",
        "hook_removals": "work that is done within minutes",
        "execution_attempts": "part of an execution",
        "execution_events": "a history of executions",
        "executions": "what ran, not what is defined",
        "inbox_items": "told somebody of something that happened",
        "inboxes": "counts those, and nothing else",
        "idempotency_keys": "valid for a day",
        "job_attempts": "part of an execution",
        "jobs": "part of an execution",
        "log_archives": "what is in the archive of logs now",
        "log_chunks": "part of an execution",
        "notification_deliveries": "what was sent, or is to be sent now",
        "outbox": "messages on their way now",
        "password_links": "valid for a short time",
        "periodic_runs": "when periodic work ran",
        "periodic_work": "when it runs next; what it is stands in the code",
        "schedule_fires": "when schedules fired",
        "reports": "computed again from executions",
        "run_followers": "part of an execution",
        "sessions": "log-ins of browsers; people log in again",
        "steps": "part of an execution",
        "stored_contents": "what is in the store now",
        "test_cases": "part of an execution",
        "workers": "processes that run now",
    }
)
"""Why a table is left out."""


def included() -> Sequence[Table]:
    """The tables of a backup, each after those that it refers to."""
    names = set(INCLUDED)
    return [table for table in Base.metadata.sorted_tables if table.name in names]


def left_out(table: Table) -> frozenset[str]:
    """The columns of a table that refer to what a backup does not have: they become empty."""
    return frozenset(
        key.parent.name for key in table.foreign_keys if key.column.table.name not in INCLUDED
    )
