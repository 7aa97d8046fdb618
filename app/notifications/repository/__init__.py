"""Statements about channels, rules and deliveries."""
