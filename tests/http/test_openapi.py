"""The API keeps its own description: generated requests of four callers, over real HTTP.

No answer is a server error, none has a status, type or body that the document does not name, and
an owner gets at least four fifths of all operations to succeed.
"""

from dataclasses import dataclass
from typing import Any

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import content_type_conformance, response_schema_conformance

from app.auth.dependencies import administrator
from tests.http.content import CALLERS, PASSWORD, Content, Server
from tests.http.test_rights import ALL

CHECKS = [not_a_server_error, content_type_conformance, response_schema_conformance]
EXAMPLES = {"nobody": 2, "guest": 2, "owner": 4, "administrator": 3}
ADMINISTRATION = {
    f"{route.method} /api/v1{route.path}" for route in ALL if administrator in route.calls
}
"""What no owner of a project may do."""
KNOWN = {
    "POST /api/v1/auth/login": {"name": "", "password": PASSWORD},
    "POST /api/v1/auth/password": {"current_password": PASSWORD, "new_password": PASSWORD},
}


@pytest.mark.timeout(600)
@pytest.mark.parametrize("caller", CALLERS)
def test_the_api_keeps_its_description(server: Server, content: Content, caller: str) -> None:
    schema = schemathesis.openapi.from_url(f"{server.url}/openapi.json")
    operations: list[Any] = [result.ok() for result in schema.get_all_operations()]  # type: ignore[union-attr]  # an invalid operation has no ok(), which fails here
    assert len(operations) > 40
    # What deletes comes last, each time with something new to delete.
    operations.sort(key=lambda operation: operation.method == "delete")
    succeeded, wrong = set(), []
    with requests.Session() as session:
        for operation in operations:
            if operation.method == "delete" and caller in ("owner", "administrator"):
                content.renew(caller)
            run = Run(content, caller, session, operation)
            wrong += run.all()
            if run.succeeded:
                succeeded.add(operation.label)
    assert not wrong, "\n\n".join(wrong)
    if caller == "owner":
        own = {operation.label for operation in operations} - ADMINISTRATION
        assert len(succeeded & own) >= 0.8 * len(own), sorted(own - succeeded)


@dataclass
class Run:
    """The generated requests of one caller to one operation."""

    content: Content
    caller: str
    session: requests.Session
    operation: Any
    succeeded: bool = False

    def all(self) -> list[str]:
        """Send them; returns what was wrong."""
        wrong = []
        documented = self.operation.definition.raw["responses"]

        def send(case: schemathesis.Case[Any]) -> None:
            self._point_at_content(case)
            response = case.call(session=self.session, headers=self._headers(), timeout=30)
            self.succeeded = self.succeeded or 200 <= response.status_code < 300
            if str(response.status_code) not in documented:
                wrong.append(f"{self.operation.label}: {response.status_code} undocumented")
            # No worker runs in this server, so it has no queues: what looks at them says so.
            has_no_queues = response.status_code == 503 and "/queues" in self.operation.label
            case.validate_response(response, checks=CHECKS[has_no_queues:])

        phases = (Phase.explicit, Phase.generate)
        quick = settings(
            max_examples=EXAMPLES[self.caller],
            phases=phases,
            deadline=None,
            database=None,
            suppress_health_check=list(HealthCheck),
        )
        self._send_known()
        test = seed(1)(quick(given(case=self.operation.as_strategy())(send)))
        try:
            test()
        except Exception as error:  # noqa: BLE001  told with all others at the end
            wrong.append(f"{self.operation.label}: {error}")
        return wrong

    def _send_known(self) -> None:
        """A request with a body that no generator would guess."""
        known = KNOWN.get(self.operation.label)
        if known is not None:
            url = self.content.server.url + self.operation.path
            given = known | ({"name": self.caller} if "name" in known else {})
            answer = self.session.post(url, json=given, headers=self._headers(), timeout=30)
            self.succeeded = answer.ok
            self.session.cookies.clear()

    def _headers(self) -> dict[str, str]:
        token = self.content.tokens[self.caller]
        return {"Authorization": f"Bearer {token}"} if token else {}

    def _point_at_content(self, case: schemathesis.Case[Any]) -> None:
        for name in case.path_parameters:
            if name in self.content.values[self.caller]:
                case.path_parameters[name] = self.content.values[self.caller][name]
        # Nothing runs here: a follower would wait for ever.
        case.query.pop("follow", None)
