"""Statements of this module."""
