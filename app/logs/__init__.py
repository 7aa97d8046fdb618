"""Logs: durable chunks, reading, following."""
