"""Worker processes and what administrators see and do."""
