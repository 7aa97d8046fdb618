"""Imports every module's models, so that the metadata is whole."""

from app.administration.models import Worker
from app.artifacts.models import Artifact, CacheEntry, StoredContent, TestCase
from app.audit.models import AuditEntry
from app.auth.models import ApiToken, LoginSession, User
from app.core.orm import Base
from app.executions.models import (
    ConcurrencyGroup,
    Execution,
    ExecutionEvent,
    GroupMember,
    IdempotencyKey,
    Job,
    JobAttempt,
    Step,
)
from app.jobs.models import OutboxRow
from app.logs.models import LogChunk
from app.pipelines.models import Pipeline, PipelineVersion
from app.projects.models import Member, Project

__all__ = [
    "ApiToken",
    "Artifact",
    "AuditEntry",
    "Base",
    "CacheEntry",
    "ConcurrencyGroup",
    "Execution",
    "ExecutionEvent",
    "GroupMember",
    "IdempotencyKey",
    "Job",
    "JobAttempt",
    "LogChunk",
    "LoginSession",
    "Member",
    "OutboxRow",
    "Pipeline",
    "PipelineVersion",
    "Project",
    "Step",
    "StoredContent",
    "TestCase",
    "User",
    "Worker",
]
