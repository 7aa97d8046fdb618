"""Global settings: what administrators change while everything runs."""
