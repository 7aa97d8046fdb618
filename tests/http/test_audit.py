"""Every route that changes something leaves one entry in the audit trail when it succeeds."""

import sqlite3
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings

from app.core.clock import new_id
from tests.fixtures.answers import body
from tests.http.content import PASSWORD, SOURCE, Content, Server

SAFE = ("get", "head", "options")

SILENT = {
    "POST /api/v1/auth/logout": "with a token there is no session to end; tests/audit has log-ins",
    "POST /api/v1/pipelines/inspect": "checks files and keeps nothing",
    "POST /api/v1/realtime/tickets": "a ticket opens one socket of its maker within 30 s",
    "POST /api/v1/users/me/notifications/read": "what somebody has read concerns nobody else",
    "POST /api/v1/cache/invalidate": "forgets copies of answers; the truth stays as it is",
}
"""Routes that change nothing that anybody could miss, each with the reason: they leave nothing."""


@dataclass
class Sent:
    """One operation, tried until it succeeded."""

    label: str
    statuses: list[int] = field(default_factory=list)
    entries: list[int] = field(default_factory=list)
    """How many entries each success has left."""


Prepare = Callable[[Content, dict[str, Any]], Any]


def execution_has_ended(content: Content, values: Mapping[str, Any]) -> None:
    execution = uuid.UUID(values["execution_id"]).bytes
    with sqlite3.connect(database_of(content.server), timeout=30) as connection:
        connection.execute("UPDATE executions SET status = 'failure' WHERE id = ?", (execution,))
        statement = "UPDATE jobs SET status = 'failure' WHERE execution_id = ?"
        connection.execute(statement, (execution,))


def has_an_identity(content: Content, values: dict[str, Any]) -> None:
    identity = new_id()
    statement = (
        "INSERT INTO identities (id, user_id, issuer, subject, created_at) SELECT ?, id, 'i', ?, "
        "created_at FROM users WHERE name = 'admin'"
    )
    with sqlite3.connect(database_of(content.server), timeout=30) as connection:
        connection.execute(statement, (identity.bytes, identity.hex))
    values["identity_id"] = str(identity)


def without(path: str) -> Prepare:
    return lambda content, values: content.root.delete(path.format(**values))


def retained(path: str) -> Prepare:
    return lambda content, values: content.root.put(path.format(**values), json={"days": 9})


_LAUNCHERS = "/pipelines/{pipeline_id}/launchers"
BEFORE: dict[str, Prepare] = {
    "DELETE /api/v1/auth/identities/{identity_id}": has_an_identity,
    "POST /api/v1/executions/{execution_id}/rerun": execution_has_ended,
    f"PUT /api/v1{_LAUNCHERS}/users/{{user_name}}": without(f"{_LAUNCHERS}/users/{{user_name}}"),
    f"PUT /api/v1{_LAUNCHERS}/teams/{{team}}": without(f"{_LAUNCHERS}/teams/{{team}}"),
    "DELETE /api/v1/projects/{project}/retention": retained("/projects/{project}/retention"),
    "DELETE /api/v1/pipelines/{pipeline_id}/retention": retained(
        "/pipelines/{pipeline_id}/retention"
    ),
}
"""What must be done before an operation changes something."""

Body = Callable[[Content, Mapping[str, Any]], dict[str, Any]]


def link(content: Content, values: Mapping[str, Any]) -> dict[str, Any]:
    made = content.root.post(f"/users/{values['user_id']}/password-link", json={})
    return {"token": body(made, 201)["token"], "new_password": PASSWORD}


BODIES: dict[str, Body] = {
    "POST /api/v1/auth/login": lambda *_: {"name": "owner", "password": PASSWORD},
    "POST /api/v1/auth/password": lambda *_: {
        "current_password": PASSWORD,
        "new_password": PASSWORD,
    },
    "POST /api/v1/auth/password-links": link,
    "POST /api/v1/projects/{project}/pipelines": lambda *_: {"slug": "new", "source": SOURCE},
    "POST /api/v1/projects/{project}/channels": lambda *_: {
        "name": "new",
        "kind": "webhook",
        "url": "http://127.0.0.1:1/",
    },
    "PATCH /api/v1/projects/{project}/channels/{channel_id}": lambda *_: {"name": "other"},
    "POST /api/v1/projects/{project}/notification-rules": lambda _, values: {
        "channel_id": values["channel_id"],
        "events": ["failed"],
    },
    "PATCH /api/v1/projects/{project}/notification-rules/{rule_id}": lambda *_: {
        "events": ["fixed"]
    },
    "POST /api/v1/pipelines/{pipeline_id}/schedules": lambda *_: {"cron": "5 4 * * *"},
    "POST /api/v1/pipelines/{pipeline_id}/versions": lambda *_: {"source": f"# new\n{SOURCE}"},
}
"""What no generator would guess."""

BY_OWNER = {"POST /api/v1/auth/login", "POST /api/v1/auth/password"}
"""For these a password must be known."""

ELSEWHERE: dict[str, str] = {
    "POST /api/v1/restore": "tests/administration; it would replace what this test looks at",
    "POST /api/v1/workers/{worker_id}/drain": "tests/administration/test_draining.py",
    "POST /api/v1/workers/{worker_id}/resume": "tests/administration/test_draining.py",
    "POST /api/v1/periodic-work/{work_name}/run": "tests/administration/test_periodic.py",
    "POST /api/v1/queues/{queue}/dead-letters/purge": "tests/administration/test_queues.py",
    "POST /api/v1/queues/{queue}/dead-letters/requeue": "tests/administration/test_queues.py",
    "POST /api/v1/auth/oidc/{provider}/link": "tests/auth; it needs a provider, and only begins",
    "POST /api/v1/hooks/{repository_id}": "forges call it, not people; its deliveries are a list",
}
"""Operations that this test cannot send, each with the test that looks for their entry."""


def database_of(server: Server) -> str:
    """The file of its database."""
    return server.database_url.removeprefix("sqlite+aiosqlite:///")


def count_entries(server: Server, request_id: str) -> int:
    """How many entries a request has left."""
    statement = "SELECT count(*) FROM audit_entries WHERE request_id = ?"
    with sqlite3.connect(database_of(server), timeout=30) as connection:
        return int(connection.execute(statement, (request_id,)).fetchone()[0])


@pytest.mark.timeout(600)
def test_every_change_leaves_one_entry(server: Server, content: Content) -> None:
    schema = schemathesis.openapi.from_url(f"{server.url}/openapi.json")
    operations: list[Any] = [result.ok() for result in schema.get_all_operations()]  # type: ignore[union-attr]  # an invalid operation has no ok(), which fails here
    writing = [
        operation
        for operation in operations
        if operation.method not in SAFE and operation.label not in ELSEWHERE
    ]
    sent = [walk(content, operation) for operation in sorted(writing, key=is_deletion)]
    wrong = {
        each.label: each.entries
        for each in sent
        if any(count != (each.label not in SILENT) for count in each.entries)
    }
    failed = {each.label: each.statuses for each in sent if not each.entries}
    # The first: call record_change once in each of them, or give a reason in SILENT. The second:
    # no request succeeded: add a body to BODIES, or something to BEFORE.
    assert (wrong, failed) == ({}, {})
    assert set(SILENT) <= {each.label for each in sent}


def is_deletion(operation: Any) -> bool:
    return bool(operation.method == "delete")


def walk(content: Content, operation: Any) -> Sent:
    """Send an operation until it succeeds; with new things when it does not with the old ones."""
    caller = "owner" if operation.label in BY_OWNER else "administrator"
    sent = Sent(operation.label)
    if is_deletion(operation) or operation.label in BEFORE:
        content.renew(caller)
    send(content, caller, operation, sent)
    if not sent.entries:
        content.renew(caller)
        send(content, caller, operation, sent)
    return sent


def send(content: Content, caller: str, operation: Any, sent: Sent) -> None:
    values, label = content.values[caller], operation.label
    if label in BEFORE:
        BEFORE[label](content, values)

    def tried(case: schemathesis.Case[Any]) -> None:
        if sent.entries:
            return
        known = {name: values[name] for name in case.path_parameters if name in values}
        case.path_parameters.update(known)
        if label in BODIES:
            case.body = BODIES[label](content, values)
        # The same key twice would answer the first execution again.
        case.headers.pop("Idempotency-Key", None)
        request_id = new_id().hex
        headers = {
            "X-Request-ID": request_id,
            "Authorization": f"Bearer {content.tokens[caller]}",
        }
        with requests.Session() as session:
            answer = case.call(session=session, headers=headers, timeout=30)
        sent.statuses.append(answer.status_code)
        if 200 <= answer.status_code < 300:
            sent.entries.append(count_entries(content.server, request_id))

    quick = settings(
        max_examples=6,
        phases=(Phase.explicit, Phase.generate),
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    seed(1)(quick(given(case=operation.as_strategy())(tried)))()
