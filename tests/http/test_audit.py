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


def execution_has_ended(trail: "Trail", values: Mapping[str, Any]) -> None:
    execution = uuid.UUID(values["execution_id"]).bytes
    with sqlite3.connect(trail.path, timeout=30) as connection:
        for table, column in (("executions", "id"), ("jobs", "execution_id")):
            connection.execute(
                f"UPDATE {table} SET status = 'failure' WHERE {column} = ?",  # noqa: S608
                (execution,),
            )


BEFORE: dict[str, Callable[["Trail", Mapping[str, Any]], None]] = {
    "POST /api/v1/executions/{execution_id}/rerun": execution_has_ended,
}
"""What must be done before an operation can succeed."""

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
    "POST /api/v1/pipelines/{pipeline_id}/versions": lambda *_: {"source": f"# new\n{SOURCE}"},
}
"""What no generator would guess."""

BY_OWNER = {"POST /api/v1/auth/login", "POST /api/v1/auth/password"}
"""For these a password must be known."""

ELSEWHERE: dict[str, str] = {
    "POST /api/v1/restore": "tests/administration; it would replace what this test looks at",
}
"""Operations that this test cannot send, each with the test that looks for their entry."""


@dataclass
class Trail:
    """The entries of a server, as its database has them."""

    server: Server

    @property
    def path(self) -> str:
        return self.server.database_url.removeprefix("sqlite+aiosqlite:///")

    def count(self, request_id: str) -> int:
        """How many entries a request has left."""
        statement = "SELECT count(*) FROM audit_entries WHERE request_id = ?"
        with sqlite3.connect(self.path, timeout=30) as connection:
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
    trail = Trail(server)
    sent = [send(content, trail, operation) for operation in sorted(writing, key=is_deletion)]
    wrong = {
        each.label: each.entries
        for each in sent
        if any(count != (each.label not in SILENT) for count in each.entries)
    }
    assert not wrong, "call record_change once in each of them, or give a reason in SILENT"
    failed = {each.label: each.statuses for each in sent if not each.entries}
    assert not failed, "no request succeeded: add a body to BODIES, or something to BEFORE"
    assert set(SILENT) <= {each.label for each in sent}


def is_deletion(operation: Any) -> bool:
    return bool(operation.method == "delete")


def send(content: Content, trail: Trail, operation: Any) -> Sent:
    """Send an operation until it succeeds, to what exists."""
    label = operation.label
    caller = "owner" if label in BY_OWNER else "administrator"
    content.renew(caller)
    values = content.values[caller]
    if label in BEFORE:
        BEFORE[label](trail, values)
    sent = Sent(label)

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
            sent.entries.append(trail.count(request_id))

    quick = settings(
        max_examples=10,
        phases=(Phase.explicit, Phase.generate),
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    seed(1)(quick(given(case=operation.as_strategy())(tried)))()
    return sent
