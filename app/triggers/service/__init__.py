"""What can be done with repositories and what their forges tell."""
