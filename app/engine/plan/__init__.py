"""The plan of an execution: which nodes a file gives, and what they would do."""

from app.engine.plan.called import InvalidPlan, called_files
from app.engine.plan.planning import Plan, plan
from app.engine.plan.preview import Forecast, Outlook, preview

__all__ = ["Forecast", "InvalidPlan", "Outlook", "Plan", "called_files", "plan", "preview"]
