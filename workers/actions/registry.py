"""The built-in actions by name. `app.engine.document` describes their inputs and outputs."""

from collections.abc import Mapping

from workers.actions.artifacts_download import download_artifact
from workers.actions.artifacts_upload import upload_artifact
from workers.actions.base import ActionBody
from workers.actions.cache import cache
from workers.actions.checkout import checkout
from workers.actions.http import http
from workers.actions.testing import dummy, sleep

ACTIONS: Mapping[str, ActionBody] = {
    "cache": cache,
    "checkout": checkout,
    "download-artifact": download_artifact,
    "dummy": dummy,
    "http": http,
    "sleep": sleep,
    "upload-artifact": upload_artifact,
}
