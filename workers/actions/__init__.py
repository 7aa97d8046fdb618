"""The built-in actions, what `uses:` runs: one file per action, found through `registry`."""
