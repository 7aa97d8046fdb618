"""Whole systems: real server, worker and scheduler processes, on both modes."""
