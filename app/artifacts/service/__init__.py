"""What is done with artifacts, caches and test reports."""
