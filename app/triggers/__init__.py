"""What starts executions without a person at the moment: schedules, webhooks, other pipelines."""
