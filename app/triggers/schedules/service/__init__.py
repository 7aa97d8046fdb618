"""What can be done with schedules, and how they fire."""
