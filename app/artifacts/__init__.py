"""Artifacts, caches and test reports: what jobs leave behind besides logs."""
