"""The plan of an execution: which nodes a file gives, and what they would do."""

from app.engine.plan.called import InvalidPlan, called_files
from app.engine.plan.planning import Plan, plan

__all__ = ["InvalidPlan", "Plan", "called_files", "plan"]
