"""Backups of all definitions: what people made, without what ran."""
