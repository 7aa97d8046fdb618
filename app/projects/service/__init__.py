"""What can be done with projects and their members."""
