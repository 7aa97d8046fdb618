"""Bodies of requests for the walk over cached answers."""

from collections.abc import Mapping
from typing import Any

PASSWORD = "correct horse battery"  # noqa: S105  of a test's users
SOURCE = "on:\n  workflow_dispatch:\nsteps:\n  - run: echo hello\n"

BODIES: Mapping[str, Mapping[str, Any]] = {
    "POST /cache/invalidate": {"tags": ["pipelines"]},
    "POST /auth/login": {"name": "owner", "password": PASSWORD},
    "POST /auth/password": {"current_password": PASSWORD, "new_password": PASSWORD + "!"},
    "POST /auth/tokens": {"name": "another", "scopes": ["read"]},
    "PATCH /users/me": {"email": "somebody@example.org"},
    "POST /users": {"name": "newcomer"},
    "PATCH /users/{user_id}": {"is_active": False},
    "POST /projects": {"slug": "newcomer"},
    "PATCH /projects/{project}": {"visibility": "public"},
    "PUT /teams/{team}/members/{user_name}": {"is_manager": False},
    "PUT /projects/{project}/members/{user_name}": {"role": "guest"},
    "POST /pipelines/inspect": {"source": SOURCE},
    "POST /projects/{project}/pipelines": {"slug": "another", "source": SOURCE},
    "PATCH /pipelines/{pipeline_id}": {"name": "Another name"},
    "POST /pipelines/{pipeline_id}/versions": {"source": SOURCE + "  - run: echo bye\n"},
    "POST /pipelines/{pipeline_id}/rollback": {"number": 1},
    "POST /pipelines/{pipeline_id}/executions": {},
    "POST /executions/{execution_id}/rerun": {"jobs": "all"},
}
"""Bodies that succeed and change something that is shown; for other routes they are generated."""
