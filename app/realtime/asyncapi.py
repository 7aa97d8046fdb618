"""The AsyncAPI 3 document of the sockets, made from the models that are sent."""

from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from app import events
from app.realtime.codes import MEANING
from app.realtime.commands import Ping, Subscribe, Unsubscribe
from app.realtime.topics import TopicKind

_REF = "#/components/schemas/{model}"
EVENTS: dict[type[events.Event], tuple[TopicKind, ...]] = {
    events.ExecutionChanged: (
        TopicKind.EXECUTION,
        TopicKind.PIPELINE,
        TopicKind.PROJECT,
        TopicKind.SYSTEM,
    ),
    events.JobChanged: (TopicKind.EXECUTION,),
    events.StepChanged: (TopicKind.EXECUTION, TopicKind.JOB_LOG),
    events.LogWritten: (TopicKind.JOB_LOG,),
    events.UserNotified: (TopicKind.USER,),
    events.SystemSampled: (TopicKind.SYSTEM,),
}
SNAPSHOTS: dict[str, str] = {
    "execution.snapshot": "The execution with all jobs and steps, as it stands at `seq`",
    "steps.snapshot": "All steps, after a resume: their states have no number",
    "log.snapshot": "The job with its steps; then its lines follow",
    "pipeline.snapshot": "The status of the pipeline",
    "project.snapshot": "The status of the project's pipelines",
    "system.snapshot": "Executions and jobs by status",
    "user.snapshot": "The newest notifications and how many are unread, as of `seq`",
}
CONTROL: dict[str, str] = {
    "subscribed": "The topic is watched; `resumed` says whether `since` was known",
    "unsubscribed": "The topic is watched no more",
    "pong": "The answer to `ping`",
    "error": "A command was refused: `code` and `detail`",
    "heartbeat": "The connection lives",
    "resync": "The client was too slow: it is unsubscribed from `topics`, subscribe with `since`",
    "revoked": "The right to watch the topic is gone",
    "closed": "Event streams only, last: `code` as sockets are closed with, and `detail`",
    "reconnect": "The maximum lifetime is reached: connect again and resume",
}
ADDRESSES: dict[str, str] = {
    "/ws": "Any number of topics, by `subscribe` and `unsubscribe`",
    "/ws/executions/{id}": "`execution:{id}`",
    "/ws/pipelines/{id}": "`pipeline:{id}`",
    "/ws/projects/{id}": "`project:{id}`",
    "/ws/jobs/{id}/logs": "`job:{id}:log`",
    "/ws/users/me": "`user:{id}` of the caller",
    "/ws/system": "`system`; administrators only",
}


def asyncapi(version: str) -> dict[str, Any]:
    """The document."""
    commands: tuple[type[BaseModel], ...] = (Subscribe, Unsubscribe, Ping)
    _, schemas = models_json_schema(
        [(model, "serialization") for model in (*EVENTS, *commands)], ref_template=_REF
    )
    received = {f"command_{model.__name__.lower()}": _command(model) for model in commands}
    sent = {_key(event.type): _event(event) for event in EVENTS}
    sent |= {_key(kind): _plain(kind, text) for kind, text in (SNAPSHOTS | CONTROL).items()}
    return {
        "asyncapi": "3.0.0",
        "info": {"title": "AnsFlow", "version": version, "description": _description()},
        "defaultContentType": "application/json",
        "channels": {_name(path): _channel(path, received, sent) for path in ADDRESSES},
        "operations": {
            operation: _operation(action, names)
            for operation, action, names in (
                ("command", "receive", received),
                ("event", "send", sent),
            )
        },
        "components": {
            "messages": received | sent,
            "schemas": schemas.get("$defs", {}) | {"Envelope": _ENVELOPE},
        },
    }


_ENVELOPE: dict[str, Any] = {
    "type": "object",
    "required": ["type", "topic", "seq", "at", "data"],
    "properties": {
        "type": {"type": "string", "description": "What `data` is"},
        "topic": {"type": "string", "description": "The topic, empty for the connection itself"},
        "seq": {
            "type": ["integer", "null"],
            "description": "Durable number in its topic (in its step, for log lines)",
        },
        "at": {"type": "string", "format": "date-time"},
        "data": {"type": "object"},
    },
}


def _description() -> str:
    codes = "\n".join(f"- {int(code)}: {text}" for code, text in MEANING.items())
    return (
        "Open a socket with a bearer token, a session cookie (from our own pages) or a one-time "
        "ticket (`?ticket=`). First comes the present of a topic, then every change; a client "
        "that comes back sends its last `seq` (for logs `<step id>:<line>`) as `since` and misses "
        f"nothing.\n\nThe server closes with these codes:\n\n{codes}"
    )


def _name(path: str) -> str:
    return path.strip("/").replace("/", "_").replace("{id}", "id")


def _key(kind: str) -> str:
    # Tools take a dot in the name of a message for a part of a path.
    return kind.replace(".", "_")


def _channel(path: str, received: dict[str, Any], sent: dict[str, Any]) -> dict[str, Any]:
    channel: dict[str, Any] = {
        "address": path,
        "description": ADDRESSES[path],
        "messages": {
            name: {"$ref": f"#/components/messages/{name}"} for name in (*received, *sent)
        },
    }
    if "{id}" in path:
        channel["parameters"] = {"id": {"description": "Id of what is watched"}}
    return channel


def _operation(action: str, messages: dict[str, Any]) -> dict[str, Any]:
    return {
        "action": action,
        "channel": {"$ref": "#/channels/ws"},
        "messages": [{"$ref": f"#/channels/ws/messages/{name}"} for name in messages],
    }


def _command(model: type[BaseModel]) -> dict[str, Any]:
    return {
        "name": model.__name__.lower(),
        "summary": (model.__doc__ or "").strip(),
        "payload": {"$ref": _REF.format(model=model.__name__)},
    }


def _event(event: type[events.Event]) -> dict[str, Any]:
    topics = ", ".join(kind.value for kind in EVENTS[event])
    return {
        "name": event.type,
        "summary": (event.__doc__ or "").strip().splitlines()[0],
        "description": f"On topics: {topics}",
        "payload": _enveloped(event.type, {"$ref": _REF.format(model=event.__name__)}),
    }


def _plain(kind: str, text: str) -> dict[str, Any]:
    return {"name": kind, "summary": text, "payload": _enveloped(kind, {"type": "object"})}


def _enveloped(kind: str, data: dict[str, Any]) -> dict[str, Any]:
    return {
        "allOf": [
            {"$ref": _REF.format(model="Envelope")},
            {"type": "object", "properties": {"type": {"const": kind}, "data": data}},
        ]
    }
