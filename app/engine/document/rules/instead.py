"""What to write instead of well-known actions that are not built in."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

_TOOL: Final = "; steps use the tools of the worker: have it on the PATH there and drop this step"
_LOGIN: Final = "; 'docker-build' and 'docker-push' log in: registry, username and password"

_INSTEAD: Final[Mapping[str, str]] = MappingProxyType(
    {
        "actions/cache/restore": "; use 'cache', which restores, and saves at the end of the job",
        "actions/cache/save": "; use 'cache', which restores, and saves at the end of the job",
        "actions/github-script": "; use 'http', or 'run' with a script",
        "azure/docker-login": _LOGIN,
        "docker/build-push-action": "; use 'docker-build', with push: true to push",
        "docker/login-action": _LOGIN,
        "docker/metadata-action": "; write the tags into 'docker-build'",
        "slackapi/slack-github-action": "; use 'notify'",
    }
)


def instead_of(name: str) -> str:
    """The end of a message about an action of another repository; empty when nothing is known.

    Parameters: `name` is `owner/name` or a folder in it, without `@REF`.
    """
    if name.rpartition("/")[2].lower().startswith("setup-"):
        return _TOOL
    return _INSTEAD.get(name.lower(), "")
