"""The built-in actions by name. `app.engine.document` describes their inputs and outputs."""

from collections.abc import Mapping

from workers.actions.ansible import ansible_playbook
from workers.actions.artifacts_download import download_artifact
from workers.actions.artifacts_upload import upload_artifact
from workers.actions.base import ActionBody
from workers.actions.cache import cache
from workers.actions.checkout import checkout
from workers.actions.docker import docker_build, docker_push, docker_run
from workers.actions.http import http
from workers.actions.notify import notify
from workers.actions.testing import dummy, sleep
from workers.actions.trigger import trigger

ACTIONS: Mapping[str, ActionBody] = {
    "ansible-playbook": ansible_playbook,
    "cache": cache,
    "checkout": checkout,
    "docker-build": docker_build,
    "docker-push": docker_push,
    "docker-run": docker_run,
    "download-artifact": download_artifact,
    "dummy": dummy,
    "http": http,
    "notify": notify,
    "sleep": sleep,
    "trigger": trigger,
    "upload-artifact": upload_artifact,
}
