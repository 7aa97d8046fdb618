"""AnsFlow: the workers, which run jobs and other background work."""
