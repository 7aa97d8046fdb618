"""Approvals: jobs of protected environments wait until people let them through."""
