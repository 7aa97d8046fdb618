"""The only home of SQL about executions: reading, moving, claims, sweeps."""
