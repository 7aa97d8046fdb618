"""Metrics of several processes of one program: each writes files, any of them shows the sum.

The metrics library decides between memory and files when it is imported, by the variable
`PROMETHEUS_MULTIPROC_DIR`: so it is set for processes that are started afterwards.
"""

import os
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
from prometheus_client import multiprocess

FOLDER = "PROMETHEUS_MULTIPROC_DIR"


@contextmanager
def shared_folder() -> Iterator[str]:
    """A folder for the metrics of processes that inherit our environment; one that whoever
    started us named is taken and left as it is."""
    if given := os.environ.get(FOLDER):
        Path(given).mkdir(parents=True, exist_ok=True)
        yield given
        return
    with tempfile.TemporaryDirectory(prefix="ansflow-metrics-", ignore_cleanup_errors=True) as made:
        os.environ[FOLDER] = made
        try:
            yield made
        finally:
            del os.environ[FOLDER]


def forget_ended(folder: str) -> None:
    """Drop what only living processes count for, such as open sockets, of those that have ended.

    Parameters: `folder` as `shared_folder` made it.
    """
    for file in Path(folder).glob("gauge_live*_*.db"):
        found = re.search(r"_(\d+)\.db$", file.name)
        if found and not psutil.pid_exists(int(found[1])):
            multiprocess.mark_process_dead(int(found[1]), folder)  # type: ignore[no-untyped-call]  # theirs
