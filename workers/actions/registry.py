"""The built-in actions by name. `app.engine.document` describes their inputs and outputs."""

from collections.abc import Mapping

from workers.actions.base import ActionBody, ActionCall, ActionFailed
from workers.actions.checkout import checkout
from workers.actions.http import http
from workers.actions.testing import dummy, sleep


def _not_here(name: str) -> ActionBody:
    async def refuse(_: ActionCall) -> None:
        raise ActionFailed(f"The action {name!r} is known, but this worker cannot run it yet.")

    return refuse


ACTIONS: Mapping[str, ActionBody] = {
    "checkout": checkout,
    "dummy": dummy,
    "http": http,
    "sleep": sleep,
    **{name: _not_here(name) for name in ("cache", "download-artifact", "upload-artifact")},
}
