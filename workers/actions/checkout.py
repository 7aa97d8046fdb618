"""`checkout`: a repository at a ref, with plain git.

With `ansflow run` the pipeline's own repository is the working directory as it stands.
"""

import re
from dataclasses import dataclass
from pathlib import Path

from workers.actions.base import ActionCall, ActionFailed
from workers.actions.git import Git, access_of, prepare, repository_url
from workers.executors.base import CannotStart

_SHA = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Target:
    """What to get. `ref` is a full name (`refs/heads/x`), or None for a commit of no known ref."""

    ref: str | None
    sha: str | None

    @property
    def local(self) -> str:
        """The name under which the fetched ref is kept."""
        if self.ref is None:
            return "refs/remotes/origin/ansflow-checkout"
        if self.ref.startswith("refs/heads/"):
            return "refs/remotes/origin/" + self.ref.removeprefix("refs/heads/")
        if self.ref.startswith("refs/tags/"):
            return self.ref
        return "refs/remotes/" + self.ref.removeprefix("refs/")

    @property
    def branch(self) -> str | None:
        """The local branch to make, if there is one."""
        if self.ref is not None and self.ref.startswith("refs/heads/"):
            return self.ref.removeprefix("refs/heads/")
        return None


async def checkout(call: ActionCall) -> None:
    """Get the repository into its folder of the workspace."""
    run = call.attempt.run
    folder = _folder(call)
    if run.assignment.workdir is not None and _is_own(call):
        await _take_working_directory(call, run.assignment.workdir, folder)
        return
    access = await access_of(call)
    url = repository_url(access.call, run.scope.github)
    await _make(call, folder)
    if "persist-credentials" in call.given and call.flag("persist-credentials"):
        await call.log(
            "##[notice]Credentials are never left in the clone: a later git command that needs one"
            " has to be given it (persist-credentials has no effect)."
        )
    git = prepare(access, folder, url)
    try:
        await _get(git, url)
    finally:
        git.forget_secrets()


async def _get(git: Git, url: str) -> None:
    await git.call.log(f"Checking out {url}")
    await git.run("init", "--quiet", "--initial-branch=main", ".")
    if await git.run("remote", "add", "--", "origin", url, check=False) != 0:
        await git.run("remote", "set-url", "--", "origin", url)
    target = await _target(git)
    await _sparse(git)
    await _fetch(git, target)
    await _switch(git, target)
    await _submodules(git)
    if git.call.flag("lfs"):
        await git.run("lfs", "fetch", "origin")
        await git.run("lfs", "checkout")
    commit = await git.ask("rev-parse", "HEAD")
    await git.call.log(f"HEAD is at {commit}")
    git.call.effects.outputs.update(ref=target.ref or target.sha or "", commit=commit)


async def _target(git: Git) -> Target:
    """What `ref` means; without it what the event says, or the default branch."""
    named = git.call.inputs.get("ref", "").strip()
    github = git.call.attempt.run.scope.github
    if not named and _is_own(git.call):
        ref, sha = str(github.get("ref") or ""), str(github.get("sha") or "")
        if ref or sha:
            return Target(ref or None, sha if _SHA.fullmatch(sha) else None)
    if not named:
        return Target(await _default_branch(git), None)
    return await _named(git, named)


async def _named(git: Git, named: str) -> Target:
    if _SHA.fullmatch(named):
        return Target(None, named)
    if named.startswith("refs/"):
        return Target(named, None)
    if named.startswith("-"):
        raise ActionFailed(f"Input 'ref' is not the name of a ref: {named!r}.")
    found = await git.ask("ls-remote", "origin", f"refs/heads/{named}", f"refs/tags/{named}")
    names = [line.split("\t")[1] for line in found.splitlines() if "\t" in line]
    for prefix in ("refs/heads/", "refs/tags/"):
        if prefix + named in names:
            return Target(prefix + named, None)
    raise ActionFailed(f"The repository has neither a branch nor a tag {named!r}.")


async def _default_branch(git: Git) -> str:
    found = await git.ask("ls-remote", "--symref", "origin", "HEAD")
    for line in found.splitlines():
        if line.startswith("ref: "):
            return line.removeprefix("ref: ").split("\t")[0]
    raise ActionFailed("The repository is empty, or has no default branch.")


async def _fetch(git: Git, target: Target) -> None:
    depth = int(git.call.number("fetch-depth"))
    options = ["--prune", "--no-recurse-submodules", "--update-head-ok"]
    if git.call.inputs.get("show-progress") == "false":
        options.append("--no-progress")
    if git.call.inputs.get("filter"):
        options.append(f"--filter={git.call.inputs['filter']}")
    elif git.call.inputs.get("sparse-checkout"):
        options.append("--filter=blob:none")
    options.append("--tags" if git.call.flag("fetch-tags") or depth == 0 else "--no-tags")
    if depth > 0:
        options.append(f"--depth={depth}")
    wanted = f"+{target.sha or target.ref}:{target.local}"
    everything = ["+refs/heads/*:refs/remotes/origin/*"] if depth == 0 else []
    code = await git.run("fetch", *options, "origin", *everything, wanted, check=False)
    if code != 0 and target.sha and target.ref:
        # A server may give refs only; then the commit has to be in the history of its ref.
        options = [option for option in options if not option.startswith("--depth")]
        code = await git.run(
            "fetch", *options, "origin", f"+{target.ref}:{target.local}", check=False
        )
    if code != 0:
        raise ActionFailed(f"git fetch of {target.ref or target.sha} failed with exit code {code}.")


async def _switch(git: Git, target: Target) -> None:
    start = target.sha or target.local
    if target.branch:
        await git.run("checkout", "--quiet", "--force", "-B", target.branch, start)
    else:
        await git.run("checkout", "--quiet", "--force", "--detach", start)


async def _sparse(git: Git) -> None:
    patterns = git.call.inputs.get("sparse-checkout", "").split("\n")
    patterns = [pattern.strip() for pattern in patterns if pattern.strip()]
    if patterns:
        mode = "--cone" if git.call.flag("sparse-checkout-cone-mode") else "--no-cone"
        await git.run("sparse-checkout", "set", mode, "--", *patterns)


async def _submodules(git: Git) -> None:
    how = git.call.inputs.get("submodules", "false").strip().lower()
    if how in ("", "false"):
        return
    if how not in ("true", "recursive"):
        raise ActionFailed(f"Input 'submodules' must be true, false or recursive, not {how!r}.")
    recursive = ["--recursive"] if how == "recursive" else []
    depth = int(git.call.number("fetch-depth"))
    await git.run("submodule", "sync", *recursive)
    await git.run(
        "submodule",
        "update",
        "--init",
        "--force",
        *([f"--depth={depth}"] if depth else []),
        *recursive,
    )


def _is_own(call: ActionCall) -> bool:
    """Whether the pipeline's own repository is meant."""
    named = call.inputs.get("repository", "").strip()
    run = call.attempt.run
    return named in ("", run.assignment.repository_url, run.scope.github.get("repository"))


def _folder(call: ActionCall) -> Path:
    path = (call.inputs.get("path") or ".").strip()
    folder = Path(call.workspace, path)
    if ".." in Path(path).parts or not folder.is_relative_to(call.workspace):
        raise ActionFailed(f"Input 'path' leaves the workspace: {path!r}.")
    return folder


async def _make(call: ActionCall, folder: Path) -> None:
    """The folder exists, and holds nothing but possibly a clone."""
    root = call.workspace
    if await call.run(("mkdir", "-p", "--", str(folder)), cwd=root) != 0:
        raise ActionFailed(f"The folder {folder} cannot be made.")
    if not call.flag("clean"):
        return
    argv = ("find", str(folder), "-mindepth", "1", "-maxdepth", "1", "-not", "-name", ".git")
    if await call.run((*argv, "-exec", "rm", "-rf", "{}", "+"), cwd=root) != 0:
        raise ActionFailed(f"The folder {folder} cannot be emptied.")


async def _take_working_directory(call: ActionCall, source: Path, folder: Path) -> None:
    await call.log(f"Taking the working directory {source} as it stands")
    await _make(call, folder)
    sandbox = call.attempt.run.sandbox
    try:
        await call.interruptible(sandbox.copy_in(source, folder))
    except CannotStart as error:
        raise ActionFailed(str(error)) from None
    call.effects.outputs.update(ref="", commit="")
