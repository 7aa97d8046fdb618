"""What people are told: stored and numbered per person, so that no browser misses any of it."""
