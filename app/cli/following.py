"""Follow an execution of a server: events of its logs, connected again where they were cut."""

import json
import time
from collections.abc import Iterator
from typing import Any, Final

import httpx

from app.cli.errors import CommandFailed
from app.cli.remote import Server

_PAUSE_S: Final = 1.0
_GIVE_UP_S: Final = 60.0


def follow(server: Server, path: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """(type, data) of all events of a stream up to `log.end`.

    Raises: CommandFailed when the server refuses, or is away for longer than a minute.
    """
    last_id = ""
    away_since: float | None = None
    while True:
        headers = {"Last-Event-ID": last_id} if last_id else {}
        try:
            with server.stream(f"{path}?follow=true", **headers) as response:
                for kind, event_id, data in _events(response.iter_lines()):
                    away_since = None
                    last_id = event_id or last_id
                    yield kind, data
                    if kind == "log.end":
                        return
        except httpx.TransportError:
            away_since = _still_away(away_since)
        except CommandFailed:
            if not last_id:
                raise
            away_since = _still_away(away_since)
        time.sleep(_PAUSE_S)


def _still_away(since: float | None) -> float:
    now = time.monotonic()
    if since is not None and now - since > _GIVE_UP_S:
        raise CommandFailed("the server has been away for a minute; follow again with `logs -f`")
    return now if since is None else since


def _events(lines: Iterator[str]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    kind = event_id = ""
    data: list[str] = []
    for line in lines:
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        match name:
            case "event":
                kind = value
            case "id":
                event_id = value
            case "data":
                data.append(value)
            case "" if not line and data:
                yield kind, event_id, json.loads("\n".join(data))["data"]
                kind, event_id, data = "", "", []
