"""The servers that tests talk to: shared ones for a whole run, private ones for chaos tests.

Standard library only: it runs before (and without) the project's own environment.
"""
