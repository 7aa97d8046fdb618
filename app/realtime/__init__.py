"""Sockets and streams: every change, live, to everybody who may see it."""
