"""What can be done about jobs that wait."""
