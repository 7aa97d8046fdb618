"""git for `checkout`: how it is called, and credentials that leave no trace."""

import base64
import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from urllib.parse import urlsplit

from app.credentials.models import CredentialKind
from workers.actions.base import ActionCall, ActionFailed
from workers.actions.credentials import private_key, stored_credential

_TOKEN_USER = "x-access-token"  # noqa: S105  a user name
_SCP_LIKE = re.compile(r"[\w.-]+@[\w.-]+:.+")
_OWNER_AND_NAME = re.compile(r"[\w.-]+/[\w.-]+")


@dataclass(slots=True)
class Git:
    """git in one folder, as the job, with a configuration file of its own that holds what must not
    be seen on a command line."""

    call: ActionCall
    folder: Path
    env: dict[str, str] = field(default_factory=dict)
    secrets: list[Path] = field(default_factory=list)

    async def run(self, *arguments: str, check: bool = True) -> int:
        """Run git with its output in the log.

        Raises:
            ActionFailed: it failed, unless `check` is False.
        """
        code = await self.call.run(("git", *arguments), cwd=self.folder, env=self.env)
        if check and code != 0:
            raise ActionFailed(f"git {arguments[0]} failed with exit code {code}.")
        return code

    async def ask(self, *arguments: str, check: bool = True) -> str:
        """Run git and give its output.

        Raises:
            ActionFailed: it failed, unless `check` is False; its output is the reason.
        """
        code, output = await self.call.capture(("git", *arguments), cwd=self.folder, env=self.env)
        if check and code != 0:
            raise ActionFailed(f"git {arguments[0]} failed: {output.strip()[-2000:]}")
        return output.strip() if code == 0 else ""

    def forget_secrets(self) -> None:
        """Remove the files with credentials."""
        for path in self.secrets:
            path.unlink(missing_ok=True)
        self.secrets.clear()


@dataclass(frozen=True, slots=True)
class Access:
    """A call with the credential that it names among its inputs, as if its parts had been given.
    `user` goes with the token."""

    call: ActionCall
    user: str = _TOKEN_USER


async def access_of(call: ActionCall) -> Access:
    """What the call may use to reach its repository.

    Raises:
        ActionFailed: it is not given the credential, or that is of no use for git.
        Interrupted: the step was stopped before the database answered.
    """
    kinds = (CredentialKind.TOKEN, CredentialKind.USERNAME_PASSWORD, CredentialKind.SSH_KEY)
    found = await stored_credential(call, "credential", *kinds, instead_of=("token", "ssh-key"))
    if found is None:
        if key := call.inputs.get("ssh-key"):
            call.attempt.run.masker.add(key)
        return Access(call)
    if found.kind is CredentialKind.SSH_KEY:
        given = {"ssh-key": private_key(call, found)}
        if found.username and "ssh-user" not in call.given:
            given["ssh-user"] = found.username
        return Access(replace(call, inputs={**call.inputs, **given}))
    token = found.secrets.get("token") or found.secrets["password"]
    changed = replace(call, inputs={**call.inputs, "token": token})
    return Access(changed, found.username or _TOKEN_USER)


def prepare(access: Access, folder: Path, url: str) -> Git:
    """git with what it needs to reach `url`: token or SSH key in files of the job's own.

    Raises:
        ActionFailed: a credential cannot be used with this address.
    """
    call = access.call
    number = call.attempt.run.next_file()
    write = call.attempt.run.sandbox.write_file
    git = Git(call, folder)
    # The job's account owns the workspace; a local repository may belong to somebody else.
    config = '[safe]\n\tdirectory = *\n[protocol "file"]\n\tallow = always\n[gc]\n\tauto = 0\n'
    token = call.inputs.get("token", "")
    if token and _is_http(url):
        config += _header(url, access.user, token)
    path = write(f"gitconfig_{number}", config.encode())
    git.secrets.append(path)
    git.env = {
        "GIT_CONFIG_GLOBAL": str(path),
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_LFS_SKIP_SMUDGE": "1",
    }
    if call.inputs.get("ssh-key"):
        git.env["GIT_SSH_COMMAND"] = _ssh(git, number)
    return git


def _header(url: str, user: str, token: str) -> str:
    """The token for this server, also for submodules that name it as SSH would."""
    parts = urlsplit(url)
    base = f"{parts.scheme}://{parts.netloc}/"
    if "\n" in token or "\r" in token:
        raise ActionFailed("Input 'token' has more than one line.")
    basic = base64.b64encode(f"{user}:{token}".encode()).decode()
    return (
        f'[http "{base}"]\n\textraheader = Authorization: Basic {basic}\n'
        f'[url "{base}"]\n\tinsteadOf = git@{parts.hostname}:\n'
    )


def _ssh(git: Git, number: int) -> str:
    inputs, write = git.call.inputs, git.call.attempt.run.sandbox.write_file
    key = write(f"ssh_key_{number}", inputs["ssh-key"].strip().encode() + b"\n")
    known = write(f"known_hosts_{number}", inputs.get("ssh-known-hosts", "").encode() + b"\n")
    git.secrets += [key, known]
    strict = "yes" if git.call.flag("ssh-strict") else "accept-new"
    options = {
        "IdentitiesOnly": "yes",
        "BatchMode": "yes",
        "StrictHostKeyChecking": strict,
        "UserKnownHostsFile": f"{known} ~/.ssh/known_hosts",
    }
    words = ["ssh", "-i", str(key)]
    for name, value in options.items():
        words += ["-o", f"{name}={value}"]
    return shlex.join(words)


def _is_http(url: str) -> bool:
    return urlsplit(url).scheme in ("http", "https")


def _over_ssh(call: ActionCall, url: str) -> str:
    """The SSH address of a repository that is known by its web address."""
    parts = urlsplit(url)
    if parts.port is not None:
        raise ActionFailed(
            f"The SSH address of {parts.hostname}:{parts.port} is not known: give the input"
            " 'repository' as ssh://USER@HOST:PORT/PATH."
        )
    user = call.inputs.get("ssh-user") or "git"
    return f"{user}@{parts.hostname}:{parts.path.lstrip('/')}"


def repository_url(call: ActionCall, github: Mapping[str, object]) -> str:
    """The address to clone: what `repository` says, else the pipeline's own.

    Raises:
        ActionFailed: nothing says which repository.
    """
    named = call.inputs.get("repository", "").strip()
    own = call.attempt.run.assignment.repository_url
    if not named or (own and named == github.get("repository")):
        if own:
            return _over_ssh(call, own) if call.inputs.get("ssh-key") and _is_http(own) else own
        if not named:
            raise ActionFailed(
                "This execution belongs to no repository. Give checkout the input 'repository'."
            )
    if "://" in named or named.startswith(("/", "./", "../")) or _SCP_LIKE.fullmatch(named):
        return named
    if not _OWNER_AND_NAME.fullmatch(named):
        raise ActionFailed(
            f"Input 'repository' must be a URL, a path or OWNER/NAME, not {named!r}."
        )
    server = str(github.get("server_url") or "").rstrip("/")
    if not server:
        raise ActionFailed(
            f"No server is known for {named!r}. Give the whole URL of the repository."
        )
    if call.inputs.get("ssh-key"):
        user = call.inputs.get("ssh-user") or "git"
        return f"{user}@{urlsplit(server).netloc}:{named}.git"
    return f"{server}/{named}.git"
