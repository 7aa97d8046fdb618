"""Statements about projects, members and teams; what a caller may see is in the base statement."""

from app.projects.repository.members import MemberRepository
from app.projects.repository.projects import ProjectRepository
from app.projects.repository.scope import permitted, visible

__all__ = ["MemberRepository", "ProjectRepository", "permitted", "visible"]
