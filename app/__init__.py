"""AnsFlow: the server. See README.md for what each package means and may import."""

from importlib.metadata import PackageNotFoundError, version

try:
    __version__ = version("ansflow")
except PackageNotFoundError:  # a working copy that was never installed
    __version__ = "0.0.0"
