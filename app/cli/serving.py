"""The HTTP server: uvicorn with the settings that AnsFlow is made for."""

import os
from collections.abc import Mapping
from typing import Any, Final

from fastapi import FastAPI

from app.cli.configuration import load_settings
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


def application() -> FastAPI:
    """The application of one server process, from the environment."""
    configure()
    if folder := os.environ.get(FOLDER):
        # This process may replace one that died.
        forget_ended(folder)
    return create_app(load_settings())
