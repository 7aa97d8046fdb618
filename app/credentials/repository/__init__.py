"""Statements about environments and what belongs to them."""
