"""Runs one job on this machine: workspace, steps in order, environment files, logs, cancel."""
