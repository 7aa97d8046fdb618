"""Which labels a worker must have for a `runs-on`."""

from collections.abc import Iterable
from typing import Final

# Every worker runs Linux on its own host, so these ask for nothing that another worker lacks.
_COVERED: Final = frozenset({"linux", "self-hosted", "ubuntu"})


def required_labels(runs_on: Iterable[str]) -> tuple[str, ...]:
    """The labels that not every worker covers, in lower case, sorted, without doubles.

    `ubuntu-*`, `linux` and `self-hosted` are covered by any default worker: their result is
    empty. `windows-*` and `macos-*` stay, as labels that no default worker has.
    """
    folded = {label.strip().lower() for label in runs_on}
    return tuple(sorted(label for label in folded if label and not _is_covered(label)))


def _is_covered(label: str) -> bool:
    return label in _COVERED or label.startswith("ubuntu-")
