"""What can be done with the audit trail: it is read."""
