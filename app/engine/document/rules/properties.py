"""The properties of contexts that are the same for every file.

Source: GitHub documentation, "Contexts reference".
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

EMPTY_HERE: Final = frozenset(
    {
        "action_ref",
        "action_repository",
        "action_status",
        "actor_id",
        "artifact_cache_size_limit",
        "env",
        "graphql_url",
        "job_workflow_sha",
        "output",
        "path",
        "ref_protected",
        "repository_id",
        "repository_owner_id",
        "repositoryurl",
        "retention_days",
        "secret_source",
        "state",
        "step_summary",
        "workflow_ref",
        "workflow_sha",
    }
)
"""Properties of `github` that exist there and have no value here."""

_GITHUB: Final = (
    "action action_path actor api_url base_ref event event_name event_path head_ref job ref "
    "ref_name ref_type repository repository_owner run_attempt run_id run_number server_url sha "
    "token triggering_actor workflow workspace"
)

PROPERTIES: Final[Mapping[str, frozenset[str]]] = MappingProxyType(
    {
        "github": frozenset(_GITHUB.split()),
        "runner": frozenset(
            ("arch", "debug", "environment", "name", "os", "temp", "tool_cache", "workspace")
        ),
        "strategy": frozenset(("fail-fast", "job-index", "job-total", "max-parallel")),
    }
)
"""The properties that may have a value here, in lower case."""
