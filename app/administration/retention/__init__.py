"""How long executions are kept."""
