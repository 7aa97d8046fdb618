"""What can be done with users, tokens and sessions."""
