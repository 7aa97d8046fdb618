"""Reads a repository with the git command: credentials in a file that only this process has.

Nothing that a repository says is run: no hooks, no submodules, no filters, no other transports.
"""

import asyncio
import base64
import os
import signal
import tempfile
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from app.core.addresses import AddressRefused, resolve
from app.triggers.service.sources import MAX_FILE, MAX_FILES, SourceFailed, TooLarge, is_pipeline

COMMAND_S = 60.0
"""How long one git command may take."""
_MAX_OUTPUT = 32 << 20
_PORTS = {"http": 80, "https": 443}


class GitFailed(SourceFailed):
    """git cannot read the repository; the text says why, without credentials."""


@dataclass(frozen=True, slots=True)
class Remote:
    """What is read. `allow_private`: private addresses, plain http and local files too."""

    url: str
    token: str | None = None
    user: str = "x-access-token"
    allow_private: bool = False


@asynccontextmanager
async def opened(remote: Remote) -> AsyncIterator["Git"]:
    """An empty clone of the repository, for a moment.

    Raises: GitFailed.
    """
    config = await _config(remote)
    with tempfile.TemporaryDirectory(prefix="ansflow-sync-") as name:
        folder = Path(name)
        path = folder / "config"
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(config)
        git = Git(folder / "clone.git", _environment(folder, remote))
        await git.run("init", "--quiet", "--bare", str(git.folder), inside=False)
        await git.run("remote", "add", "origin", remote.url)
        yield git


async def _config(remote: Remote) -> str:
    parts = urlsplit(remote.url)
    lines = [
        "[safe]\n\tdirectory = *",
        "[core]\n\thooksPath = /dev/null",
        "[gc]\n\tauto = 0",
        "[maintenance]\n\tauto = false",
        "[http]\n\tfollowRedirects = false\n\tlowSpeedLimit = 100\n\tlowSpeedTime = 30",
    ]
    if not remote.allow_private and parts.scheme != "https":
        raise GitFailed(f"{parts.scheme}:// is not allowed here: use https://")
    if parts.scheme in _PORTS:
        host, port = parts.hostname or "", parts.port or _PORTS[parts.scheme]
        try:
            address = await resolve(host, port, allow_private=remote.allow_private)
        except AddressRefused as error:
            raise GitFailed(str(error)) from None
        # git asks no name server of its own: it might get another answer.
        shown = f"[{address}]" if ":" in address else address
        lines.append(f'[http]\n\tcurloptResolve = "{host}:{port}:{shown}"')
        if remote.token is not None:
            lines.append(_header(f"{parts.scheme}://{parts.netloc}/", remote.user, remote.token))
    return "\n".join(lines) + "\n"


def _header(url: str, user: str, token: str) -> str:
    basic = base64.b64encode(f"{user}:{token}".encode()).decode()
    return f'[http "{url}"]\n\textraheader = "Authorization: Basic {basic}"'


def _environment(folder: Path, remote: Remote) -> Mapping[str, str]:
    allowed = "https:http:file" if remote.allow_private else "https"
    return {
        "PATH": os.environ.get("PATH", os.defpath),
        "HOME": str(folder),
        "LC_ALL": "C",
        "GIT_ALLOW_PROTOCOL": allowed,
        "GIT_CONFIG_GLOBAL": str(folder / "config"),
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_OPTIONAL_LOCKS": "0",
    }


@dataclass(frozen=True, slots=True)
class Git:
    """git in one bare clone."""

    folder: Path
    environment: Mapping[str, str]

    async def run(self, *arguments: str, inside: bool = True) -> bytes:
        """The output of a git command.

        Raises: GitFailed: it failed, took too long or had too much to say.
        """
        where = ("--git-dir", str(self.folder)) if inside else ()
        process = await asyncio.create_subprocess_exec(
            "git",
            *where,
            *arguments,
            env=self.environment,
            cwd=self.folder.parent,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            start_new_session=True,
        )
        try:
            async with asyncio.timeout(COMMAND_S):
                output, problem = await asyncio.gather(_read(process.stdout), _read(process.stderr))
                code = await process.wait()
        except TimeoutError:
            raise GitFailed(f"git {arguments[0]} took longer than {COMMAND_S:.0f} s") from None
        finally:
            if process.returncode is None:
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                await process.wait()
        if code != 0:
            said = problem.decode(errors="replace").strip()[-500:]
            raise GitFailed(f"git {arguments[0]} failed: {said or f'exit code {code}'}")
        return output

    async def fetch(self, ref: str, sha: str | None) -> str:
        """Get the commit `sha`, or the one that `ref` is at; returns its id.

        Raises: GitFailed: there is no such commit or ref.
        """
        options = ("fetch", "--quiet", "--no-tags", "--filter=blob:none")
        kept = "refs/ansflow/" + (sha or "ref")
        try:
            await self.run(*options, "--depth=1", "origin", f"+{sha or ref}:{kept}")
        except GitFailed:
            if sha is None:
                raise
            # A server may give refs only; then the commit has to be in the history of its ref.
            await self.run(*options, "origin", f"+{ref}:refs/ansflow/ref")
            kept = sha
        found = await self.run("rev-parse", "--verify", "--quiet", f"{kept}^{{commit}}")
        return found.decode().strip()

    async def files(self, commit: str, folders: Sequence[str]) -> list[str]:
        """The paths of the pipeline files in the first of the folders that exists.

        Raises: GitFailed: also when there are too many.
        """
        for folder in folders:
            listed = await self.run("ls-tree", "-z", commit, "--", f"{folder}/")
            entries = [entry.split("\t", 1) for entry in _texts(listed)]
            if entries:
                paths = [path for kind, path in entries if kind.startswith("100")]
                found = [path for path in paths if is_pipeline(path)]
                if len(found) > MAX_FILES:
                    raise GitFailed(f"{folder} has more than {MAX_FILES} pipeline files")
                return sorted(found)
        return []

    async def read(self, commit: str, path: str) -> bytes | None:
        """The content of a file; None when there is no such file.

        Raises: GitFailed, TooLarge.
        """
        listed = _texts(await self.run("ls-tree", "-z", commit, "--", path))
        if not listed or not listed[0].startswith("100"):
            return None
        blob = listed[0].split("\t", 1)[0].split(" ")[2]
        if int(await self.run("cat-file", "-s", blob)) > MAX_FILE:
            raise TooLarge(path)
        return await self.run("cat-file", "blob", blob)

    async def message(self, commit: str) -> str:
        """The text of a commit."""
        shown = await self.run("log", "-1", "--format=%B", commit)
        return shown.decode(errors="replace")

    async def changed(self, before: str, after: str, *, since_fork: bool) -> tuple[str, ...]:
        """The files that differ between two commits; `since_fork`: what `after` changed since
        their last common commit, as for a pull request.

        Raises: GitFailed.
        """
        options = ("fetch", "--quiet", "--no-tags", "--filter=blob:none")
        if since_fork:
            await self.run(*options, "--unshallow", "origin", before, after)
            before = (await self.run("merge-base", before, after)).decode().strip()
        else:
            await self.run(*options, "--depth=1", "origin", before)
        names = ("--name-only", "--no-renames", "-r", "-z")
        return tuple(_texts(await self.run("diff-tree", *names, before, after)))


async def _read(stream: asyncio.StreamReader | None) -> bytes:
    assert stream is not None
    parts, size = [], 0
    while part := await stream.read(1 << 16):
        size += len(part)
        if size > _MAX_OUTPUT:
            raise GitFailed("git had too much to say")
        parts.append(part)
    return b"".join(parts)


def _texts(output: bytes) -> list[str]:
    return [part.decode(errors="replace") for part in output.split(b"\0") if part]
