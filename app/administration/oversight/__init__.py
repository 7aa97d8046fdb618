"""What is looked after: executions that run for very long, tools of workers."""
