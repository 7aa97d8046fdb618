"""Who asks: users, API tokens, sessions, rights."""
