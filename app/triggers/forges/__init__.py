"""What the forges send and want: pure functions, one file per dialect."""
