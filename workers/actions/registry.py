"""The built-in actions by name. `app.engine.document` describes their inputs and outputs."""

from collections.abc import Mapping

from workers.actions.artifacts_download import download_artifact
from workers.actions.artifacts_upload import upload_artifact
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
    "download-artifact": download_artifact,
    "dummy": dummy,
    "http": http,
    "sleep": sleep,
    "upload-artifact": upload_artifact,
    **{name: _not_here(name) for name in ("cache",)},
}
