"""What goes to clients: encoded once, however many sockets get it."""

import json
import struct
from functools import cached_property
from typing import Any

from app.core.clock import utcnow
from app.events.bus import Message
from app.events.models import envelope

_TEXT = 0x81


class Frame:
    """One envelope, with the forms that a WebSocket and an event stream need."""

    def __init__(self, body: bytes, *, type: str = "", event_id: str | None = None) -> None:
        self.body = body
        self.type = type
        self.event_id = event_id

    @cached_property
    def socket(self) -> bytes:
        """An unmasked, unfragmented, uncompressed text frame (RFC 6455)."""
        length = len(self.body)
        if length < 126:
            return bytes((_TEXT, length)) + self.body
        if length < 0x10000:
            return struct.pack("!BBH", _TEXT, 126, length) + self.body
        return struct.pack("!BBQ", _TEXT, 127, length) + self.body

    @cached_property
    def text(self) -> str:
        """For servers that want text."""
        return self.body.decode()

    @cached_property
    def stream(self) -> bytes:
        """A server-sent event; the body is JSON and so has no line break."""
        head = f"event: {self.type}\n" if self.type else ""
        if self.event_id is not None:
            head += f"id: {self.event_id}\n"
        return head.encode() + b"data: " + self.body + b"\n\n"


def frame_of(message: Message) -> Frame:
    """The frame of a live or replayed event; its id says where a stream may resume."""
    event_id = None
    if message.last is not None:
        event_id = f"{message.stream}:{message.last}" if message.stream else str(message.last)
    return Frame(message.body, type=message.type, event_id=event_id)


def control(kind: str, topic: str | None = None, *, seq: int | None = None, **data: Any) -> Frame:
    """A frame that the hub itself makes: `subscribed`, `error`, `resync`, …"""
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"))
    body = envelope(topic or "", kind=kind, seq=seq, at=utcnow(), data=text)
    return Frame(body, type=kind, event_id=None if seq is None else str(seq))
