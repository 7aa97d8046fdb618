"""How the processes of a job are started and stopped; `base` says what an executor is."""
