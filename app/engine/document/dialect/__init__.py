"""The dialect as tables: every key of a pipeline file and what it may hold."""
