"""Domain-free parts: database, errors, time, Redis, cache, HTTP middleware."""
