"""Statements about approvals and what waits."""
