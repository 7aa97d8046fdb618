"""AnsFlow: the server. See README.md for what each package means and may import."""
