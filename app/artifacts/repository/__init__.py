"""Statements about artifacts, caches and test reports."""
