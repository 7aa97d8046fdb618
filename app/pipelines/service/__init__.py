"""What can be done with pipelines and their versions."""
