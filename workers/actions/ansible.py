"""`ansible-playbook`: the real command, with credentials that are gone afterwards."""

import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from app.ansible.models import FileFormat, FileKind
from app.ansible.service import stored_file
from app.credentials.models import CredentialKind
from workers.actions.ansible_results import MAX_BYTES, Results, read_results
from workers.actions.base import ActionCall, ActionFailed
from workers.actions.credentials import private_key, stored_credential
from workers.executors.base import CannotStart
from workers.runner.storage import insist

PLUGINS = Path(__file__).parent / "ansible_plugins"
PROGRAM = "ansible-playbook"
_NAME = re.compile(r"[a-z0-9]+(?:[._-][a-z0-9]+)*")
_OPTIONS = {
    "limit": "--limit",
    "tags": "--tags",
    "skip-tags": "--skip-tags",
    "user": "--user",
    "forks": "--forks",
}
_FLAGS = {"check": "--check", "diff": "--diff", "become": "--become"}


@dataclass(slots=True)
class Playbook:
    """One run of Ansible. `secrets` are files to remove."""

    call: ActionCall
    number: int
    argv: list[str] = field(default_factory=lambda: [PROGRAM])
    env: dict[str, str] = field(default_factory=dict)
    secrets: list[Path] = field(default_factory=list)

    def write(self, name: str, content: str, *, is_secret: bool = False) -> str:
        """A file of the job's own; its path."""
        file = f"ansible_{self.number}_{name}"
        path = self.call.attempt.run.sandbox.write_file(file, content.encode())
        if is_secret:
            self.secrets.append(path)
        return str(path)

    def forget_secrets(self) -> None:
        """Remove the files with credentials."""
        for path in self.secrets:
            path.unlink(missing_ok=True)


async def ansible_playbook(call: ActionCall) -> None:
    """Run a playbook; every host's results become outputs and a summary."""
    await _require_program(call)
    playbook = Playbook(call, call.attempt.run.next_file())
    try:
        await _prepare(playbook)
        await call.log(f"Running {shlex.join(playbook.argv)}")
        code = await call.run(playbook.argv, env=playbook.env)
    finally:
        playbook.forget_secrets()
    results = _results(playbook)
    call.effects.outputs.update(results.outputs())
    if results.stats:
        call.attempt.summaries.append(results.summary(call.inputs["playbook"]))
    if code != 0:
        raise ActionFailed(results.reason(code))


async def _require_program(call: ActionCall) -> None:
    code, _ = await call.capture(("sh", "-c", f"command -v {PROGRAM}"))
    if code != 0:
        raise ActionFailed(
            f"{PROGRAM} is not installed on this worker, or not on the PATH of the job."
        )


async def _prepare(playbook: Playbook) -> None:
    call, argv = playbook.call, playbook.argv
    for name in filter(None, _lines(call.inputs.get("inventory", ""))):
        argv.append(f"--inventory={await _inventory(playbook, name)}")
    for name, option in _OPTIONS.items():
        if value := call.inputs.get(name, "").strip():
            argv.append(f"{option}={value}")
    argv += [option for name, option in _FLAGS.items() if call.flag(name)]
    if verbosity := min(4, int(call.number("verbosity"))):
        argv.append(f"-{'v' * verbosity}")
    if variables := call.inputs.get("extra-vars", "").strip():
        argv.append(f"--extra-vars=@{playbook.write('vars.yml', variables, is_secret=True)}")
    await _add_credentials(playbook)
    argv += ["--", await _text(playbook, FileKind.PLAYBOOKS, call.inputs["playbook"].strip())]
    await _add_callback(playbook)


def _lines(text: str) -> Sequence[str]:
    return [line.strip() for line in text.splitlines()]


async def _inventory(playbook: Playbook, name: str) -> str:
    if "," in name:
        # Hosts, not a file.
        return name
    return await _text(playbook, FileKind.INVENTORIES, name)


async def _text(playbook: Playbook, kind: FileKind, name: str) -> str:
    """The path of a file: one of the project under this name, or one of the workspace."""
    call = playbook.call
    storage = call.attempt.run.assignment.storage
    if storage is not None and _NAME.fullmatch(name):
        project_id = storage.owner.project_id
        found = await call.interruptible(
            insist(
                lambda: stored_file(storage.database, project_id=project_id, kind=kind, name=name)
            )
        )
        if found is not None:
            await call.log(f"Using version {found.number} of {name} of the project's {kind}")
            suffix = "ini" if found.format is FileFormat.INI else "yml"
            is_secret = kind is FileKind.INVENTORIES
            return playbook.write(f"{name}.{suffix}", found.content, is_secret=is_secret)
    path = call.workspace / name
    code, _ = await call.capture(("test", "-e", str(path)))
    if code != 0:
        raise ActionFailed(
            f"{name!r} is neither among the {kind} of the project nor in the workspace."
        )
    return str(path)


async def _add_credentials(playbook: Playbook) -> None:
    call = playbook.call
    key = call.inputs.get("ssh-key", "").strip()
    password = call.inputs.get("vault-password", "").strip()
    login = await stored_credential(
        call, "credential", CredentialKind.SSH_KEY, instead_of=("ssh-key",)
    )
    if login is not None:
        key = private_key(call, login).strip()
        if login.username and not call.inputs.get("user", "").strip():
            playbook.argv.append(f"--user={login.username}")
    vault = await stored_credential(
        call, "vault-credential", CredentialKind.VAULT_PASSWORD, instead_of=("vault-password",)
    )
    if vault is not None:
        password = vault.secrets["password"]
    if key:
        path = playbook.write("key", key + "\n", is_secret=True)
        playbook.argv.append(f"--private-key={path}")
    if password:
        path = playbook.write("vault", f"{password}\n", is_secret=True)
        playbook.argv.append(f"--vault-password-file={path}")
    if hosts := call.inputs.get("ssh-known-hosts", "").strip():
        known = playbook.write("known_hosts", f"{hosts}\n")
        options = f"-o 'UserKnownHostsFile={known} ~/.ssh/known_hosts'"
        playbook.argv.append(f"--ssh-common-args={options}")
    playbook.env["ANSIBLE_HOST_KEY_CHECKING"] = str(call.flag("ssh-strict"))


async def _add_callback(playbook: Playbook) -> None:
    run = playbook.call.attempt.run
    folder = run.sandbox.paths.temp / f"ansible_{playbook.number}"
    # As the job: the folder is its own.
    await playbook.call.capture(("mkdir", "-p", str(folder)))
    try:
        await run.sandbox.copy_in(PLUGINS, folder)
    except CannotStart as error:
        raise ActionFailed(str(error)) from None
    roles = [str(run.sandbox.paths.workspace / "roles"), "~/.ansible/roles", "/etc/ansible/roles"]
    playbook.env |= {
        "ANSIBLE_CALLBACK_PLUGINS": str(folder),
        "ANSIBLE_CALLBACKS_ENABLED": "ansflow_results",
        "ANSIBLE_NOCOLOR": "1",
        "ANSIBLE_RETRY_FILES_ENABLED": "0",
        "ANSIBLE_ROLES_PATH": playbook.call.env.get("ANSIBLE_ROLES_PATH", ":".join(roles)),
        "ANSFLOW_ANSIBLE_RESULTS": playbook.write("results", ""),
    }


def _results(playbook: Playbook) -> Results:
    path = Path(playbook.env["ANSFLOW_ANSIBLE_RESULTS"])
    try:
        return read_results(playbook.call.attempt.run.sandbox.read_file(path, MAX_BYTES))
    except OSError:
        return Results()
