"""Environments, variables, secrets and credentials of projects."""
