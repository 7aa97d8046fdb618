"""Containers of jobs, through the docker command of the worker; `engine` is the way to it."""
