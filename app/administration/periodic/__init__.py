"""Periodic work: what is done again and again, visible and runnable by administrators."""
