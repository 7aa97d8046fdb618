"""Schedules: when a pipeline runs by itself."""
