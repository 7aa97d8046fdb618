"""What can be done with environments, variables, secrets and credentials."""
