"""Imports every module's models, so that the metadata is whole."""

from app.administration.models import PeriodicRun, PeriodicWork, RetentionRule, Worker
from app.ansible.models import AnsibleFile, AnsibleFileVersion
from app.approvals.models import ApprovalRequest, ApprovalVote
from app.artifacts.models import Artifact, CacheEntry, StoredContent, TestCase
from app.audit.models import AuditEntry
from app.auth.models import ApiToken, Identity, LoginSession, PasswordLink, User
from app.configuration.models import ChangedSetting
from app.core.orm import Base
from app.credentials.models import Credential, Environment, Secret, Variable
from app.executions.models import (
    ConcurrencyGroup,
    Execution,
    ExecutionEvent,
    GroupMember,
    IdempotencyKey,
    Job,
    JobAttempt,
    Report,
    RunFollower,
    Step,
)
from app.inbox.models import Inbox, InboxItem
from app.jobs.models import OutboxRow
from app.logs.models import ArchivedChunk, LogArchive, LogChunk
from app.notifications.models import (
    NotificationChannel,
    NotificationDelivery,
    NotificationRule,
)
from app.pipelines.models import Pipeline, PipelineVersion
from app.projects.models import Launcher, Member, Project, ProjectTeam, Team, TeamMember
from app.triggers.models import (
    CommitStatus,
    Delivery,
    DeliveryResult,
    HookRemoval,
    Repository,
    RepositoryPipeline,
)
from app.triggers.schedules.models import Schedule, ScheduleFire

__all__ = [
    "AnsibleFile",
    "AnsibleFileVersion",
    "ApiToken",
    "ApprovalRequest",
    "ApprovalVote",
    "ArchivedChunk",
    "Artifact",
    "AuditEntry",
    "Base",
    "CacheEntry",
    "ChangedSetting",
    "CommitStatus",
    "ConcurrencyGroup",
    "Credential",
    "Delivery",
    "DeliveryResult",
    "Environment",
    "Execution",
    "ExecutionEvent",
    "GroupMember",
    "HookRemoval",
    "IdempotencyKey",
    "Identity",
    "Inbox",
    "InboxItem",
    "Job",
    "JobAttempt",
    "Launcher",
    "LogArchive",
    "LogChunk",
    "LoginSession",
    "Member",
    "NotificationChannel",
    "NotificationDelivery",
    "NotificationRule",
    "OutboxRow",
    "PasswordLink",
    "PeriodicRun",
    "PeriodicWork",
    "Pipeline",
    "PipelineVersion",
    "Project",
    "ProjectTeam",
    "Report",
    "Repository",
    "RepositoryPipeline",
    "RetentionRule",
    "RunFollower",
    "Schedule",
    "ScheduleFire",
    "Secret",
    "Step",
    "StoredContent",
    "Team",
    "TeamMember",
    "TestCase",
    "User",
    "Variable",
    "Worker",
]
