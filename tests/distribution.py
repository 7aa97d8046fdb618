"""Refuse to run when tests that must share a worker process would be spread over several.

`--dist loadgroup` keeps tests with the same `xdist_group` in one process: they share a server,
a port or an account. xdist tells the groups to its controller by appending `@group` to each node
id, through a private attribute; a pytest that ignores it makes the grouping vanish without a
word. So each worker checks, before it reports what it collected, that its ids carry the groups.
"""

from collections.abc import Iterable

import pytest


class GroupsLost(Exception):
    """Not a `UsageError`: the controller shows only errors that it takes for internal ones."""


@pytest.hookimpl(tryfirst=True)
def pytest_collection_finish(session: pytest.Session) -> None:
    """Stop the worker when `loadgroup` was asked for and a group is not in a node id."""
    if not hasattr(session.config, "workerinput") or not session.config.getvalue("loadgroup"):
        return
    if lost := [item.nodeid for item in session.items if not _carries_groups(item)]:
        raise GroupsLost(
            f"xdist groups are not honoured: {len(lost)} node ids lack their @group, such as "
            f"{lost[0]}. pytest {pytest.__version__} and pytest-xdist do not fit together: "
            "install the locked versions (make setup), or run without -n."
        )


def _carries_groups(item: pytest.Item) -> bool:
    groups = _groups(item.iter_markers("xdist_group"))
    return not groups or item.nodeid.endswith(f"@{groups}")


def _groups(marks: Iterable[pytest.Mark]) -> str:
    """Return the suffix that xdist makes of the markers: all names, sorted, joined by `_`."""
    names = {
        str(mark.args[0] if mark.args else mark.kwargs.get("name", "default")) for mark in marks
    }
    return "_".join(sorted(names))
