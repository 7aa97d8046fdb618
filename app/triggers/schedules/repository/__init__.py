"""Statements about schedules and their fires."""
