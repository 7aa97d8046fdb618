"""Rules that need more than one key: each module checks one subject on the nodes of a file."""
