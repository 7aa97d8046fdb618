"""Queues and dead letters, for administrators."""
