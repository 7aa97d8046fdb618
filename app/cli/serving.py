"""The HTTP server: uvicorn with the settings that AnsFlow is made for."""

import os
import resource
from collections.abc import Mapping
from typing import Any, Final

from fastapi import FastAPI

from app.cli.configuration import load_settings
from app.core import garbage
from app.core.logging import configure
from app.core.metrics_files import FOLDER, forget_ended
from app.main import create_app

OPTIONS: Final[Mapping[str, Any]] = {
    "loop": "uvloop",
    "http": "httptools",
    # Compressing every frame of every socket costs more than the bytes are worth.
    "ws_per_message_deflate": False,
    "log_config": None,
    "access_log": False,
    "server_header": False,
    # Streams stay open for hours: they are told to come again.
    "timeout_graceful_shutdown": 5,
}

MOST_FILES = 65_536
"""Each socket of a browser is an open file; many systems allow 1,024 unless one asks."""


def allow_sockets() -> None:
    """Let this process open as many files as the system grants, up to 65,536."""
    now, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MOST_FILES if most == resource.RLIM_INFINITY else min(most, MOST_FILES)
    if now != resource.RLIM_INFINITY and now < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, most))


def application() -> FastAPI:
    """The application of one server process, from the environment."""
    configure()
    allow_sockets()
    if folder := os.environ.get(FOLDER):
        # This process may replace one that died.
        forget_ended(folder)
    app = create_app(load_settings())
    garbage.settle()
    return app
