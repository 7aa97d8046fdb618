"""Statements over steps and their log chunks."""
