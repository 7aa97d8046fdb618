"""Executions, jobs and steps: the only place that moves them."""
